"""Losses: values and gradients against torch, the joints of Huber, label smoothing."""

import math

import pytest
import torch
from torch.nn import functional as F

from dlnotes.losses import (
    huber,
    huber_gradient,
    l1,
    l1_gradient,
    l2,
    l2_gradient,
    smooth,
    soft_cross_entropy,
)
from dlnotes.softmax import cross_entropy, entropy, one_hot

ERRORS = torch.tensor([-3.0, -1.0, -0.25, 0.0, 0.5, 1.0, 7.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("loss", "gradient", "reference"),
    [
        (l2, l2_gradient, lambda e: F.mse_loss(e, torch.zeros_like(e), reduction="none") / 2),
        (l1, l1_gradient, lambda e: F.l1_loss(e, torch.zeros_like(e), reduction="none")),
        (huber, huber_gradient, lambda e: F.huber_loss(e, torch.zeros_like(e), reduction="none")),
        (
            lambda e: huber(e, 0.3),
            lambda e: huber_gradient(e, 0.3),
            lambda e: F.huber_loss(e, torch.zeros_like(e), reduction="none", delta=0.3),
        ),
    ],
    ids=["l2", "l1", "huber", "huber of 0.3"],
)
def test_values_and_gradients_are_those_of_torch(loss, gradient, reference):
    error = ERRORS.clone().requires_grad_()
    theirs = reference(error)
    torch.testing.assert_close(loss(ERRORS), theirs.detach())
    theirs.sum().backward()
    torch.testing.assert_close(gradient(ERRORS), error.grad)


def test_huber_is_l2_inside_and_a_shifted_l1_outside():
    inside, outside = torch.linspace(-1, 1, 9), torch.tensor([-5.0, -1.5, 2.0])
    assert torch.equal(huber(inside), l2(inside))
    torch.testing.assert_close(huber(outside), l1(outside) - 0.5)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 1.0])
def test_label_smoothing_is_that_of_torch(epsilon):
    torch.manual_seed(0)
    logits, labels = torch.randn(20, 7, dtype=torch.float64), torch.arange(20) % 7
    targets = smooth(labels, 7, epsilon).double()
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(20, dtype=torch.float64), rtol=1e-6, atol=1e-6)
    theirs = F.cross_entropy(logits, labels, label_smoothing=epsilon)
    torch.testing.assert_close(soft_cross_entropy(logits, targets), theirs, rtol=1e-6, atol=1e-6)


def test_without_smoothing_it_is_the_plain_cross_entropy():
    logits, labels = torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    assert torch.equal(smooth(labels, 4, 0.0), one_hot(labels, 4))
    torch.testing.assert_close(
        soft_cross_entropy(logits, smooth(labels, 4, 0.0)), cross_entropy(logits, labels)
    )


def test_the_least_loss_under_smoothing_is_the_entropy_of_the_targets():
    targets = smooth(torch.tensor([3]), 10, 0.1).double()
    least = soft_cross_entropy(targets.log(), targets)
    torch.testing.assert_close(least, entropy(targets)[0])
    sharper = soft_cross_entropy(3 * targets.log(), targets)
    blunter = soft_cross_entropy(0.5 * targets.log(), targets)
    assert least < min(sharper, blunter)
    # The best logits differ by a finite ln(0.91 / 0.01), so the weights need not grow for ever.
    gap = targets.log().max() - targets.log().min()
    assert gap.item() == pytest.approx(math.log(91), abs=1e-4)


@pytest.mark.parametrize("epsilon", [-0.1, 1.1])
def test_smoothing_beyond_its_range_is_an_error(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        smooth(torch.tensor([0]), 2, epsilon)
