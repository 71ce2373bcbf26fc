"""Mixup and CutMix: equal to torchvision's for the same seed, and labels that tell what was pasted."""

import pytest
import torch
from torch.nn import functional as F
from torchvision.transforms import v2

from dlnotes.vision.mixing import cut_box, cutmix, mixup, random_cutmix, random_mixup


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    order = torch.Generator().manual_seed(0)
    return torch.rand(6, 3, 16, 20, generator=order), torch.randint(10, (6,), generator=order)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
@pytest.mark.parametrize(("ours", "theirs"), [(random_mixup, v2.MixUp), (random_cutmix, v2.CutMix)])
def test_mixing_equals_torchvision_for_the_same_seed(batch, ours, theirs, alpha):
    for seed in range(20):
        torch.manual_seed(seed)
        expected = theirs(alpha=alpha, num_classes=10)(*batch)
        torch.manual_seed(seed)
        mixed = ours(alpha, 10)(*batch)
        for a, b in zip(mixed, expected, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("make", [random_mixup, random_cutmix])
def test_targets_stay_probabilities_and_the_input_is_untouched(batch, make):
    torch.manual_seed(0)
    images, labels = batch
    kept = images.clone()
    for _ in range(20):
        mixed, targets = make(1.0, 10)(images, labels)
        assert mixed.shape == images.shape
        torch.testing.assert_close(targets.sum(1), torch.ones(6))
        assert (targets >= 0).all()
    assert torch.equal(images, kept)


def test_weights_of_one_and_zero_keep_and_replace(batch):
    images, labels = batch
    targets = F.one_hot(labels, 10).float()
    assert torch.equal(mixup(images, targets, 1.0)[0], images)
    assert torch.equal(mixup(images, targets, 0.0)[0], images.roll(1, 0))


def test_the_label_counts_exactly_the_pixels_that_were_pasted():
    images = torch.stack([torch.zeros(1, 16, 20), torch.ones(1, 16, 20)])
    targets = torch.eye(2)
    torch.manual_seed(0)
    for _ in range(50):
        x, y = int(torch.randint(20, (1,))), int(torch.randint(16, (1,)))
        mixed, soft = cutmix(images, targets, cut_box(16, 20, torch.rand(()).item(), x, y))
        pasted = mixed[0].mean()  # the other picture is all ones
        torch.testing.assert_close(soft[0], torch.stack([1 - pasted, pasted]))


def test_a_box_in_the_middle_has_the_area_asked_for_and_at_the_corner_a_quarter():
    assert cut_box(40, 80, 0.75, 40, 20) == (20, 10, 60, 30)
    assert cut_box(40, 80, 0.75, 0, 0) == (0, 0, 20, 10)
    left, top, right, bottom = cut_box(40, 80, 1.0, 5, 5)
    assert (right - left) * (bottom - top) == 0
