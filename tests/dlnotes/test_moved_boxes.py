"""Boxes that move with their picture: equal to tv_tensors, tight where that can be, loose where not."""

import pytest
import torch
from torchvision import tv_tensors
from torchvision.ops import masks_to_boxes
from torchvision.transforms.v2 import functional as tv

from dlnotes.vision.moved_boxes import crop_boxes, flip_boxes, quarter_turn_boxes, tight_boxes, turned_size

H, W = 40, 60


@pytest.fixture
def masks() -> torch.Tensor:
    """A triangle, an ellipse and a single pixel."""
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    triangle = (y > 8) & (y < 30) & (x > 10) & (x - 10 < y - 8)
    ellipse = ((x - 38) / 15) ** 2 + ((y - 20) / 6) ** 2 <= 1
    pixel = (x == 5) & (y == 33)
    return torch.stack([triangle, ellipse, pixel])


def wrap(boxes: torch.Tensor) -> tv_tensors.BoundingBoxes:
    return tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(H, W))


def test_a_tight_box_ends_one_after_the_last_pixel(masks):
    boxes = tight_boxes(masks)
    assert torch.equal(boxes - masks_to_boxes(masks), torch.tensor([0.0, 0, 1, 1]).expand(3, 4))
    assert boxes[2].tolist() == [5, 33, 6, 34]


def test_an_empty_mask_has_no_box(masks):
    masks[1] = False
    with pytest.raises(ValueError, match="空的"):
        tight_boxes(masks)


def test_a_flip_keeps_boxes_tight_and_comes_back(masks):
    boxes = tight_boxes(masks)
    flipped = flip_boxes(boxes, W)
    assert torch.equal(flipped, tv.horizontal_flip(wrap(boxes)).as_subclass(torch.Tensor))
    assert torch.equal(flipped, tight_boxes(masks.flip(-1)))
    assert torch.equal(flip_boxes(flipped, W), boxes)


def test_swapping_only_the_two_sides_is_needed(masks):
    flipped = flip_boxes(tight_boxes(masks), W)
    assert (flipped[:, 2:] > flipped[:, :2]).all()


@pytest.mark.parametrize("window", [(0, 0, H, W), (5, 8, 30, 40), (12, 3, 25, 30)])
def test_a_crop_equals_torchvision_and_bounds_what_is_left(masks, window):
    top, left, h, w = window
    boxes = tight_boxes(masks)
    cropped = crop_boxes(boxes, window)
    expected = tv.crop(wrap(boxes), top, left, h, w)
    assert torch.equal(cropped, expected.as_subclass(torch.Tensor))
    left_over = masks[:, top : top + h, left : left + w]
    for box, mask in zip(cropped, left_over, strict=True):
        if mask.any():
            (tight,) = tight_boxes(mask[None])
            assert (box[:2] <= tight[:2]).all()
            assert (box[2:] >= tight[2:]).all()


def test_a_crop_that_cuts_a_triangle_can_leave_its_box_loose(masks):
    window = (5, 8, 10, 40)  # only the tip of the triangle is left
    (box,) = crop_boxes(tight_boxes(masks[:1]), window)
    (tight,) = tight_boxes(masks[:1, 5:15, 8:48])
    assert box[2] > tight[2]


def test_a_box_outside_the_window_has_no_area_left():
    (box,) = crop_boxes(torch.tensor([[50.0, 30, 60, 40]]), (0, 0, 20, 20))
    assert (box[2] - box[0]) * (box[3] - box[1]) == 0


def test_a_quarter_turn_keeps_boxes_tight_and_four_come_back(masks):
    boxes = tight_boxes(masks)
    turned = quarter_turn_boxes(boxes, W)
    assert torch.equal(turned, tight_boxes(masks.rot90(1, (-2, -1))))
    theirs = tv.rotate(wrap(boxes), 90, expand=True).as_subclass(torch.Tensor)
    torch.testing.assert_close(turned, theirs, rtol=0, atol=1e-3)
    for width in (H, W, H):
        turned = quarter_turn_boxes(turned, width)
    assert torch.equal(turned, boxes)


def test_a_box_turned_by_thirty_degrees_is_no_longer_tight(masks):
    (box,) = tight_boxes(masks[1:2])
    turned = tv.rotate(wrap(box[None]), 30, expand=True)[0]
    mask = tv.rotate(tv_tensors.Mask(masks[1:2]), 30, expand=True).as_subclass(torch.Tensor)
    (tight,) = tight_boxes(mask)
    size = (turned[2:] - turned[:2]).tolist()
    w, h = (box[2:] - box[:2]).tolist()
    assert size == pytest.approx(turned_size(w, h, 30), abs=0.1)
    assert size[0] * size[1] > 1.2 * (tight[2:] - tight[:2]).prod().item()
    assert turned_size(w, h, 90) == pytest.approx((h, w))
