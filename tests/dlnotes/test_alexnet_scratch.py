"""AlexNet by hand: every new operation equals torch's, and the whole equals the module."""

import pytest
import torch
from torch.nn import functional as F

from dlnotes.convnets.alexnet import AlexNet, local_response_norm
from dlnotes.convnets.alexnet_scratch import alexnet_scratch, grouped_conv2d, lrn, overlapping_max_pool


def test_normalisation_equals_torchs_layer():
    a = torch.rand(2, 9, 3, 4, dtype=torch.float64) * 100
    torch.testing.assert_close(lrn(a), local_response_norm()(a))


def test_normalisation_of_small_activations_only_divides_by_a_constant():
    a = torch.rand(2, 9, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(lrn(a), a / 2**0.75, rtol=1e-3, atol=0)
    assert (lrn(1000 * a) < 1000 * a / 2).all()


@pytest.mark.parametrize(("size", "stride"), [(3, 2), (2, 2), (3, 1)])
def test_pooling_equals_torchs(size, stride):
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64, requires_grad=True)
    ours, theirs = overlapping_max_pool(x, size, stride), F.max_pool2d(x, size, stride)
    assert torch.equal(ours, theirs)
    (mine,) = torch.autograd.grad(ours.square().sum(), x)
    (other,) = torch.autograd.grad(theirs.square().sum(), x)
    torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_grouped_convolution_equals_torchs(groups):
    x = torch.randn(2, 6, 7, 8, dtype=torch.float64)
    weight = torch.randn(12, 6 // groups, 3, 3, dtype=torch.float64)
    bias = torch.randn(12, dtype=torch.float64)
    ours = grouped_conv2d(x, weight, bias, groups=groups, padding=1)
    torch.testing.assert_close(ours, F.conv2d(x, weight, bias, padding=1, groups=groups))


def test_channels_that_do_not_divide_are_an_error():
    with pytest.raises(ValueError, match="2 组"):
        grouped_conv2d(torch.rand(1, 3, 5, 5), torch.rand(4, 1, 3, 3), torch.rand(4), groups=2)


def test_the_whole_network_equals_the_module_with_gradients():
    torch.manual_seed(0)
    net = AlexNet(4, image_size=95, channels=(4, 6, 8, 8, 6), hidden=10).double().eval()
    x, labels = torch.rand(3, 3, 95, 95, dtype=torch.float64), torch.arange(3)
    weights = {name: p.detach().clone().requires_grad_() for name, p in net.named_parameters()}
    ours, theirs = alexnet_scratch(x, weights), net(x)
    torch.testing.assert_close(ours, theirs)
    F.cross_entropy(ours, labels).backward()
    F.cross_entropy(theirs, labels).backward()
    for name, p in net.named_parameters():
        torch.testing.assert_close(weights[name].grad, p.grad)
