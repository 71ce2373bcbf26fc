"""The grid of photographs: what is drawn on which."""

import pytest
import torch

from dlnotes import lab
from dlnotes.diagram.photos import grid


@pytest.fixture(autouse=True)
def _style():
    lab.start()


def test_each_picture_has_its_title_its_boxes_and_its_mask():
    pictures = [torch.rand(3, 8, 12) for _ in range(3)]
    boxes = [torch.tensor([[1.0, 2, 5, 6]]), torch.zeros(0, 4), torch.tensor([[0.0, 0, 12, 8]])]
    masks = [torch.ones(8, 12, dtype=torch.bool)] * 3
    figure = grid(pictures, ["a", "b", "c"], columns=2, boxes=boxes, loose=boxes, masks=masks)
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["a", "b", "c"]
    assert [len(axes.patches) for axes in drawn] == [2, 0, 2]
    solid, dashed = drawn[0].patches
    assert solid.get_bbox().extents.tolist() == [1, 2, 5, 6]
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert len(drawn[0].images) == 2
    torch.testing.assert_close(torch.as_tensor(drawn[0].images[0].get_array()), pictures[0].permute(1, 2, 0))


def test_a_gray_picture_is_drawn_gray():
    figure = grid([torch.rand(1, 8, 8)])
    pixels = torch.as_tensor(figure.axes[0].images[0].get_array())
    assert torch.equal(pixels[..., 0], pixels[..., 2])


def test_a_missing_box_is_refused():
    with pytest.raises(ValueError, match="2 张照片，1 份框"):
        grid([torch.rand(3, 4, 4)] * 2, boxes=[torch.zeros(0, 4)])
