"""The transposed convolution: three ways of writing it, each equal to PyTorch's."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dlnotes.vision import transposed

CASES = [(2, 1, 0), (3, 1, 1), (3, 2, 1), (4, 2, 1), (2, 3, 0), (5, 3, 2)]


def made(kernel: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, kernel, kernel, dtype=torch.float64, requires_grad=True)
    return x, weight


def test_the_worked_example():
    x = torch.tensor([[[[0.0, 1], [2, 3]]]])
    expected = torch.tensor([[0.0, 0, 1], [0, 4, 6], [4, 12, 9]])
    assert torch.equal(transposed.conv_transpose2d(x, x)[0, 0], expected)
    assert torch.equal(transposed.as_convolution(x, x)[0, 0], expected)


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES)
def test_stamps_equal_torch_with_gradients(kernel: int, stride: int, padding: int):
    x, weight = made(kernel)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)
    ours = transposed.conv_transpose2d(x, weight, bias, stride=stride, padding=padding)
    theirs = F.conv_transpose2d(x, weight, bias, stride=stride, padding=padding)
    torch.testing.assert_close(ours, theirs)
    towards = torch.randn_like(ours)
    a, b = (torch.autograd.grad(y, (x, weight, bias), towards) for y in (ours, theirs))
    torch.testing.assert_close(a, b)
    for n, out in zip(x.shape[2:], ours.shape[2:], strict=True):
        assert out == transposed.output_size(n, kernel, stride, padding)


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES)
def test_zeros_between_pixels_and_a_turned_kernel_equal_torch(kernel: int, stride: int, padding: int):
    x, weight = made(kernel)
    ours = transposed.as_convolution(x, weight, stride=stride, padding=padding)
    torch.testing.assert_close(ours, F.conv_transpose2d(x, weight, stride=stride, padding=padding))


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 0), (3, 2, 1), (4, 2, 1)])
def test_convolution_is_the_matrix_and_the_transposed_one_its_transpose(
    kernel: int, stride: int, padding: int
):
    torch.manual_seed(0)
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    weight = torch.randn(3, 2, kernel, kernel, dtype=torch.float64)
    matrix = transposed.conv_matrix(weight, (6, 6), stride=stride, padding=padding)
    y = F.conv2d(x, weight, stride=stride, padding=padding)
    torch.testing.assert_close(matrix @ x.flatten(), y.flatten())
    # Two sizes can lead to the same output when the stride does not divide: output_padding tells which.
    lost = (6 + 2 * padding - kernel) % stride
    back = F.conv_transpose2d(y, weight, stride=stride, padding=padding, output_padding=lost)
    torch.testing.assert_close((matrix.T @ y.flatten()).view_as(x), back)
    # The gradient of a convolution is the transposed convolution.
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(F.conv2d(x, weight, stride=stride, padding=padding), x, y)
    torch.testing.assert_close(gradient, back)


def test_wrong_shapes_are_refused():
    x, weight = torch.zeros(1, 3, 2, 2), torch.zeros(2, 3, 3, 3)
    with pytest.raises(ValueError, match="3 个通道，核有 2 个"):
        transposed.conv_transpose2d(x, weight)
    with pytest.raises(ValueError, match="裁没了"):
        transposed.conv_transpose2d(x[:, :2], weight, padding=2)
    with pytest.raises(ValueError, match="padding ≤ k − 1"):
        transposed.as_convolution(x[:, :2], weight, padding=3)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8, 32])
def test_the_bilinear_layer_is_interpolation_away_from_the_border(factor: int):
    layer = transposed.upsampler(2, factor)
    x = torch.rand(1, 2, 5, 6)
    with torch.no_grad():
        grown = layer(x)
    wanted = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert grown.shape == wanted.shape
    edge = factor // 2
    inside = (..., slice(edge, 5 * factor - edge), slice(edge, 6 * factor - edge))
    torch.testing.assert_close(grown[inside], wanted[inside])
    # At the border part of each stamp is missing: darker, never brighter.
    assert (grown <= wanted + 1e-5).all()
    if factor > 1:
        assert (grown[..., 0, :] < wanted[..., 0, :]).all()


def test_the_books_sizes():
    layer = transposed.upsampler(21, 32)
    assert (layer.kernel_size, layer.stride, layer.padding) == ((64, 64), (32, 32), (16, 16))
    assert sum(p.numel() for p in layer.parameters()) == 1_806_357
    weight = transposed.bilinear_kernel(3, 4)
    side = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert torch.equal(weight[1, 1], side[:, None] * side)
    assert not weight[0, 1].any()


@pytest.mark.parametrize(
    ("kernel", "stride", "even"), [(4, 2, True), (64, 32, True), (3, 2, False), (5, 3, False)]
)
def test_stamps_overlap_evenly_exactly_when_the_stride_divides_the_kernel(
    kernel: int, stride: int, even: bool
):
    counts = transposed.overlaps((8, 8), kernel, stride)
    inside = counts[kernel:-kernel, kernel:-kernel]
    assert (inside.unique().numel() == 1) == even
    if even:
        assert inside[0, 0] == (kernel // stride) ** 2
