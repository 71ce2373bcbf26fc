"""Suppression equals torchvision's, with and without classes."""

import pytest
import torch
from torchvision import ops

from dlnotes.vision.nms import class_nms, nms, select


def candidates(seed: int, n: int = 300) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=generator) * 60
    size = 5 + torch.rand(n, 2, generator=generator) * 30
    return (
        torch.cat([corner, corner + size], dim=1),
        torch.rand(n, generator=generator),
        torch.randint(0, 4, (n,), generator=generator),
    )


@pytest.mark.parametrize("overlap", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("seed", range(4))
def test_same_as_torchvision(seed, overlap):
    boxes, scores, labels = candidates(seed)
    kept = nms(boxes, scores, overlap)
    assert torch.equal(kept, ops.nms(boxes, scores, overlap))
    by_class = class_nms(boxes, scores, labels, overlap)
    assert torch.equal(by_class, ops.batched_nms(boxes, scores, labels, overlap))
    assert len(by_class) > len(kept)


def test_nothing_in_nothing_out():
    empty = torch.zeros(0, 4), torch.zeros(0)
    assert nms(*empty).shape == (0,)
    assert class_nms(*empty, torch.zeros(0, dtype=torch.long)).shape == (0,)


def test_one_that_was_suppressed_suppresses_no_other():
    boxes = torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])
    assert nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


def test_what_is_shown_is_clipped_sorted_and_sure_enough():
    boxes = torch.tensor([[-5.0, -5, 10, 10], [20, 20, 30, 30], [20, 20, 30, 31]])
    scores = torch.tensor([[0.6, 0.1], [0.0, 0.9], [0.02, 0.03]])
    shown = select(boxes, scores, (28, 40))
    assert shown["boxes"].tolist() == [[20, 20, 30, 28], [0, 0, 10, 10]]
    assert shown["labels"].tolist() == [1, 0]
    torch.testing.assert_close(shown["scores"], torch.tensor([0.9, 0.6]))
