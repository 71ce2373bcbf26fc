"""Pictures with different numbers of objects make one tensor and come back."""

import pytest
import torch

from dlnotes.vision.targets import pad, unpad

ONE = {"boxes": torch.tensor([[0.0, 1, 2, 3]]), "labels": torch.tensor([0])}
TWO = {"boxes": torch.tensor([[4.0, 5, 6, 7], [1, 1, 2, 2]]), "labels": torch.tensor([3, 0])}
NONE = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}


def test_padding_is_undone_even_where_a_picture_is_empty():
    padded = pad([ONE, TWO, NONE])
    assert padded.shape == (3, 2, 5)
    assert padded[0].tolist() == [[0, 0, 1, 2, 3], [-1] * 5]
    for target, back in zip([ONE, TWO, NONE], unpad(padded), strict=True):
        assert torch.equal(target["boxes"], back["boxes"])
        assert torch.equal(target["labels"], back["labels"])


def test_the_number_of_rows_can_be_fixed_but_objects_are_never_dropped():
    assert pad([ONE], rows=7).shape == (1, 7, 5)
    with pytest.raises(ValueError, match="2 个物体"):
        pad([ONE, TWO], rows=1)


def test_class_zero_is_a_class():
    assert unpad(pad([ONE]))[0]["labels"].tolist() == [0]
