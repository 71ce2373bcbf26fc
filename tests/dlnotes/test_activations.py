"""Activations: equal to torch, derivatives equal to autograd, and their known values."""

import pytest
import torch

from dlnotes import activations

NAMES = ("relu", "sigmoid", "tanh")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_derivatives_equal_those_of_torch(name, dtype):
    x = torch.linspace(-30, 30, 601, dtype=dtype).requires_grad_()
    ours, theirs = getattr(activations, name)(x), getattr(torch, name)(x)
    torch.testing.assert_close(ours, theirs)
    (slope,) = torch.autograd.grad(theirs.sum(), x)
    (ours_slope,) = torch.autograd.grad(ours.sum(), x)
    torch.testing.assert_close(ours_slope, slope)
    torch.testing.assert_close(getattr(activations, f"{name}_grad")(x.detach()), slope, atol=1e-6, rtol=1e-5)


def test_derivatives_at_zero_are_the_known_ones():
    zero = torch.zeros(1, dtype=torch.float64)
    assert activations.relu_grad(zero) == 0
    assert activations.sigmoid_grad(zero) == 0.25
    assert activations.tanh_grad(zero) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_far_from_zero_nothing_overflows(name, dtype):
    x = torch.tensor([-1e4, -500.0, -89.0, 89.0, 500.0, 1e4], dtype=dtype, requires_grad=True)
    y = getattr(activations, name)(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert y.isfinite().all()
    assert slope.isfinite().all()
    torch.testing.assert_close(y, getattr(torch, name)(x))


def test_relu_passes_nan_on_rather_than_hiding_it():
    assert activations.relu(torch.tensor(float("nan"))).isnan()


def test_the_maximum_of_two_tensors_splits_the_gradient_at_zero():
    """Why relu is not written as torch.max(x, zeros)."""
    x = torch.zeros(1, requires_grad=True)
    (halved,) = torch.autograd.grad(torch.max(x, torch.zeros(1)).sum(), x)
    (ours,) = torch.autograd.grad(activations.relu(x).sum(), x)
    assert (halved.item(), ours.item()) == (0.5, 0.0)
