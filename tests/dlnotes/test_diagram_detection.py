"""What the pictures of detection show is what they were given."""

import torch
from matplotlib.patches import Rectangle

from dlnotes.diagram import detection as diagram


def rectangles(axes) -> list[tuple[float, ...]]:
    patches = [p for p in axes.patches if isinstance(p, Rectangle)]
    return [(p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in patches]


def test_each_group_is_drawn_over_the_whole_picture_and_beyond():
    groups = {"小": torch.tensor([[1.0, 2, 5, 6]]), "大": torch.tensor([[-8.0, 0, 20, 50], [0, 0, 4, 4]])}
    truth = torch.tensor([[2.0, 2, 9, 9]])
    figure = diagram.layers(torch.rand(3, 32, 40), groups, truth=truth)
    assert [axes.get_title() for axes in figure.axes] == ["小", "大"]
    for axes, group in zip(figure.axes, groups.values(), strict=True):
        assert rectangles(axes) == [*map(tuple, group.tolist()), (2, 2, 9, 9)]
        assert axes.get_xlim()[0] < -8
        assert axes.get_ylim()[0] > 50, "y does not grow downwards"


def test_pooled_cells_are_whole_pixels_and_samples_lie_inside():
    figure = diagram.regions(torch.rand(8, 10), (1.3, 0.6, 6.4, 5.7), 2, 2)
    pool, align = figure.axes
    cells = rectangles(pool)
    assert cells[-1] == (1.3, 0.6, 6.4, 5.7)
    assert cells[:4] == [(1, 1, 4, 4), (4, 1, 7, 4), (1, 4, 4, 7), (4, 4, 7, 7)]
    xs, ys = align.lines[0].get_data()
    assert len(xs) == 16
    assert 1.3 < min(xs) < max(xs) < 6.4
    assert 0.6 < min(ys) < max(ys) < 5.7


def test_every_method_is_named_at_its_point():
    points = {"甲": (0.5, 60.0), "乙": (40.0, 55.0)}
    (axes,) = diagram.tradeoff(points, {"一": ["甲"], "二": ["乙"]}).axes
    assert {text.get_text(): tuple(text.xy) for text in axes.texts} == points
    assert axes.get_xscale() == "log"
