"""What the pictures of boxes show is what they were given."""

import pytest
import torch
from matplotlib.patches import Rectangle

from dlnotes.diagram import boxes as diagram

SHEET = {"boxes": torch.tensor([[2.0, 3, 10, 12], [20, 5, 30, 30]]), "labels": torch.tensor([0, 1])}
PICTURE = torch.rand(1, 3, 32, 40)


def rectangles(axes) -> list[tuple[float, ...]]:
    patches = [p for p in axes.patches if isinstance(p, Rectangle)]
    return [(p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in patches]


def test_every_box_is_drawn_at_its_place_and_named():
    figure = diagram.pictures(PICTURE, [{**SHEET, "scores": torch.tensor([0.9, 0.25])}], ["猫", "狗"])
    axes = figure.axes[0]
    assert rectangles(axes) == [tuple(box) for box in SHEET["boxes"].tolist()]
    assert [text.get_text() for text in axes.texts] == ["猫 0.90", "狗 0.25"]
    assert axes.get_ylim() == (32, 0), "y does not grow downwards"


def test_a_pixel_takes_one_unit_from_the_top_left():
    figure = diagram.pictures(PICTURE, [SHEET], ["猫", "狗"])
    assert figure.axes[0].images[0].get_extent() == [0, 40, 32, 0]


def test_truth_is_dashed_beside_what_was_found():
    figure = diagram.pictures(PICTURE, [SHEET], ["猫", "狗"], wanted=[SHEET])
    styles = [p.get_linestyle() for p in figure.axes[0].patches]
    assert styles.count("-") == 2
    assert len(styles) == 4


def test_as_many_sheets_as_pictures():
    with pytest.raises(ValueError, match="一样多"):
        diagram.pictures(PICTURE, [], ["猫"])


def test_overlaps_are_named_with_their_iou():
    cases = {"半": ([0, 0, 6, 6], [2, 0, 8, 6]), "无": ([0, 0, 3, 3], [5, 5, 8, 8])}
    figure = diagram.overlaps(cases)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["半：0.50", "无：0.00"]
    assert (2, 0, 6, 6) in rectangles(figure.axes[0]), "the intersection is not drawn"
    assert len(rectangles(figure.axes[1])) == 2


def test_the_cell_that_holds_a_centre_is_filled():
    found = rectangles(diagram.grid(PICTURE[0], SHEET, 8).axes[0])
    assert (0, 0, 8, 8) in found  # centre (6, 7.5)
    assert (24, 16, 32, 24) in found  # centre (25, 17.5)


def test_coordinates_show_corners_and_centre():
    figure = diagram.coordinates({"猫": torch.tensor([400.0, 112, 655, 493])}, 561, 728)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"(400, 112)", "(655, 493)", "中心 (527.5, 302.5)", "猫：255 × 381"} <= texts
