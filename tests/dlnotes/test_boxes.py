"""Boxes: our functions are torchvision's; what happens to a picture happens to its boxes."""

import pytest
import torch
from torchvision import ops
from torchvision.transforms.v2 import functional as tv
from torchvision.tv_tensors import BoundingBoxes

from dlnotes.vision import boxes

DOG = torch.tensor([60.0, 45.0, 378.0, 516.0])
CAT = torch.tensor([400.0, 112.0, 655.0, 493.0])


def some(n: int, seed: int = 0, size: int = 64) -> torch.Tensor:
    corners = torch.rand(n, 2, 2, generator=torch.Generator().manual_seed(seed)).sort(dim=1).values
    return (corners * size).flatten(1)


def test_the_books_two_boxes_make_the_round_trip():
    pair = torch.stack([DOG, CAT])
    centred = boxes.corner_to_center(pair)
    torch.testing.assert_close(centred, torch.tensor([[219.0, 280.5, 318, 471], [527.5, 302.5, 255, 381]]))
    assert torch.equal(boxes.center_to_corner(centred), pair)


def test_conversions_area_clip_and_iou_are_torchvisions():
    a, b = some(50), some(30, seed=1)
    torch.testing.assert_close(boxes.corner_to_center(a), ops.box_convert(a, "xyxy", "cxcywh"))
    torch.testing.assert_close(boxes.center_to_corner(a), ops.box_convert(a, "cxcywh", "xyxy"))
    torch.testing.assert_close(boxes.area(a), ops.box_area(a))
    torch.testing.assert_close(boxes.iou(a, b), ops.box_iou(a, b))
    outside = a * 3 - 60
    torch.testing.assert_close(boxes.clip(outside, 40, 50), ops.clip_boxes_to_image(outside, (40, 50)))


def test_any_leading_shape_converts():
    batch = some(24).view(2, 3, 4, 4)
    assert boxes.corner_to_center(batch).shape == batch.shape
    torch.testing.assert_close(boxes.center_to_corner(boxes.corner_to_center(batch)), batch)
    assert boxes.area(batch).shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([0, 0, 4, 4], 1.0),
        ([2, 0, 6, 4], 8 / 24),
        ([2, 2, 6, 6], 4 / 28),
        ([1, 1, 3, 3], 4 / 16),
        ([4, 0, 8, 4], 0.0),  # touching
        ([5, 5, 9, 9], 0.0),  # both differences negative: their product would be positive
    ],
)
def test_iou_worked_by_hand(other, expected):
    a = torch.tensor([[0.0, 0, 4, 4]])
    assert boxes.iou(a, torch.tensor([other]).float()).item() == pytest.approx(expected)


def test_iou_is_symmetric_bounded_and_blind_to_shift_and_scale():
    a, b = some(20), some(20, seed=3)
    iou = boxes.iou(a, b)
    assert (iou >= 0).all()
    assert (iou <= 1).all()
    torch.testing.assert_close(iou, boxes.iou(b, a).T)
    torch.testing.assert_close(iou, boxes.iou(a * 7 + 5, b * 7 + 5), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        iou.diagonal(), torch.stack([boxes.iou(a[i : i + 1], b[i : i + 1])[0, 0] for i in range(20)])
    )


def test_boxes_without_area_have_no_overlap_rather_than_nan():
    nothing = torch.full((1, 4), -1.0)
    assert boxes.iou(nothing, nothing).item() == 0
    assert boxes.iou(nothing, CAT[None]).item() == 0
    assert boxes.area(torch.tensor([5.0, 5, 3, 3])) == 0
    assert boxes.iou(torch.zeros(0, 4), CAT[None]).shape == (0, 1)


def test_flipping_and_scaling_agree_with_torchvisions_transforms():
    corners = some(10)
    wrapped = BoundingBoxes(corners, format="XYXY", canvas_size=(64, 64))
    torch.testing.assert_close(boxes.flip(corners, 64), tv.horizontal_flip(wrapped).as_subclass(torch.Tensor))
    torch.testing.assert_close(
        boxes.scale(corners, 0.5, 2.0), tv.resize(wrapped, [128, 32]).as_subclass(torch.Tensor)
    )


def test_a_flipped_picture_holds_the_object_where_the_flipped_box_says():
    picture = torch.zeros(1, 10, 20)
    picture[:, 2:5, 3:9] = 1
    x1, y1, x2, y2 = boxes.flip(torch.tensor([3, 2, 9, 5]), 20).tolist()
    assert picture.flip(-1)[:, y1:y2, x1:x2].sum() == picture.sum() == (x2 - x1) * (y2 - y1)


@pytest.mark.parametrize("wrong", [torch.zeros(3), torch.zeros(2, 5), torch.tensor(1.0)])
def test_a_last_axis_other_than_four_is_an_error(wrong):
    for function in (boxes.corner_to_center, boxes.center_to_corner, boxes.area):
        with pytest.raises(ValueError, match="应是 4"):
            function(wrong)


def test_iou_wants_two_lists_of_boxes():
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        boxes.iou(CAT, CAT)
