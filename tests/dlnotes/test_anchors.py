"""Anchors: how many, how large, where; offsets there and back."""

import pytest
import torch

from dlnotes.vision import anchors
from dlnotes.vision.boxes import corner_to_center


def reference(rows: int, columns: int, sizes: list[float], ratios: list[float], hw: float) -> torch.Tensor:
    """Normalised corners, as d2l 13.4 computes them; *hw* is the picture's height over its width."""
    boxes = []
    for row in range(rows):
        for column in range(columns):
            for s, r in [(s, ratios[0]) for s in sizes] + [(sizes[0], r) for r in ratios[1:]]:
                w, h = s * r**0.5 * hw, s / r**0.5
                x, y = (column + 0.5) / columns, (row + 0.5) / rows
                boxes.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    return torch.tensor(boxes)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (56, 72)])
def test_pixels_over_the_sides_are_the_books_normalised_boxes(height, width):
    made = anchors.grid(7, 9, [0.75, 0.5, 0.25], [1, 2, 0.5], height, width)
    assert made.shape == (7 * 9 * 5, 4)
    expected = reference(7, 9, [0.75, 0.5, 0.25], [1, 2, 0.5], height / width)
    torch.testing.assert_close(
        made / torch.tensor([width, height, width, height]), expected, atol=1e-6, rtol=1e-5
    )


def test_the_books_picture_has_two_million_anchors():
    assert len(anchors.grid(561, 728, [0.75, 0.5, 0.25], [1, 2, 0.5], 561, 728)) == 2_042_040


def test_the_ratio_is_that_of_pixels_whatever_the_picture():
    sides = anchors.shapes([0.4], [1, 2, 0.5], 100)
    torch.testing.assert_close(sides[:, 0] / sides[:, 1], torch.tensor([1.0, 2.0, 0.5]))
    torch.testing.assert_close(sides.prod(dim=1), torch.full((3,), 1600.0))


def test_decoding_undoes_encoding():
    torch.manual_seed(0)
    boxes, other = (torch.rand(2, 200, 2, 2) * 90).sort(dim=2).values.flatten(2) + torch.tensor([0, 0, 5, 5])
    torch.testing.assert_close(
        anchors.decode(anchors.encode(boxes, other), other), boxes, atol=1e-3, rtol=1e-4
    )


def test_an_anchor_shifted_by_a_tenth_of_its_width_has_offset_one():
    anchor = torch.tensor([0.0, 0, 20, 40])
    moved = anchor + torch.tensor([2.0, 0, 2, 0])
    assert anchors.encode(moved, anchor).tolist() == pytest.approx([1, 0, 0, 0], abs=1e-5)
    assert (anchors.encode(anchor, anchor) == 0).all()
    wider = anchors.encode(torch.tensor([-10.0, 0, 30, 40]), anchor)
    assert wider[2].item() == pytest.approx(5 * torch.tensor(2.0).log().item(), rel=1e-5)


def test_wild_offsets_stay_finite():
    assert anchors.decode(torch.full((1, 4), 1e6), torch.tensor([[0.0, 0, 8, 8]])).isfinite().all()


def test_anchors_follow_rows_then_columns():
    centers = corner_to_center(anchors.grid(2, 3, [0.5], [1], 20, 30))
    assert centers[:, :2].tolist() == [[5, 5], [15, 5], [25, 5], [5, 15], [15, 15], [25, 15]]
