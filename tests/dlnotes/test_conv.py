"""The convolution and pooling written from scratch equal PyTorch's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from dlnotes.convnets.conv import avg_pool2d, conv2d, conv2d_loops, max_pool2d, windows


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    size=st.tuples(st.integers(5, 9), st.integers(5, 9)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
)
def test_conv2d_equals_pytorch_in_values_and_gradients(batch, channels, size, kernel, stride, padding):
    generator = torch.Generator().manual_seed(batch)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator, requires_grad=True)

    inputs = normal(batch, channels[0], *size), normal(channels[1], channels[0], *kernel), normal(channels[1])
    ours = conv2d(*inputs, stride=stride, padding=padding)
    theirs = F.conv2d(*inputs, stride=stride, padding=padding)
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(ours)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, direction), torch.autograd.grad(theirs, inputs, direction)
    )


def test_the_four_loops_equal_the_einsum():
    x, weight, bias = torch.randn(2, 3, 6, 5), torch.randn(4, 3, 3, 2), torch.randn(4)
    torch.testing.assert_close(conv2d_loops(x, weight, bias, padding=1), conv2d(x, weight, bias, padding=1))


def test_convolution_does_not_flip_its_kernel():
    x = torch.arange(9.0).view(1, 1, 3, 3)
    kernel = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).view(1, 1, 2, 2)
    assert conv2d(x, kernel).flatten().tolist() == [19, 25, 37, 43]


@pytest.mark.parametrize(("ours", "theirs"), [(avg_pool2d, F.avg_pool2d), (max_pool2d, F.max_pool2d)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pooling_equals_pytorch_in_values_and_gradients(ours, theirs, size):
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x, size), theirs(x, size))
    direction = torch.randn_like(ours(x, size))
    torch.testing.assert_close(
        torch.autograd.grad(ours(x, size), x, direction), torch.autograd.grad(theirs(x, size), x, direction)
    )


def test_max_pooling_gives_the_gradient_of_a_tie_to_one_pixel():
    x = torch.zeros(1, 1, 2, 2, requires_grad=True)
    max_pool2d(x, 2).sum().backward()
    assert sorted(x.grad.flatten().tolist()) == [0, 0, 0, 1]


def test_windows_are_a_view():
    x = torch.zeros(1, 1, 4, 4)
    assert windows(x, (2, 2)).shape == (1, 1, 3, 3, 2, 2)
    assert windows(x, (2, 2)).data_ptr() == x.data_ptr()


def test_a_wrong_number_of_channels_is_named():
    with pytest.raises(ValueError, match="输入有 3 个通道，核有 2 个"):
        conv2d(torch.zeros(1, 3, 5, 5), torch.zeros(1, 2, 3, 3))


def test_a_window_larger_than_the_image_is_an_error():
    with pytest.raises(RuntimeError):
        windows(torch.zeros(1, 1, 2, 2), (3, 3))
