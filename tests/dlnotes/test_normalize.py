"""Normalisation: equal to torch's layers, in values, gradients and running estimates."""

import copy

import pytest
import torch
from torch import nn

from dlnotes.normalize import BatchNorm, layer_norm, normalise


@pytest.mark.parametrize(("shape", "theirs"), [((8, 5), nn.BatchNorm1d), ((4, 5, 3, 2), nn.BatchNorm2d)])
def test_batch_norm_equals_torch_in_training_and_evaluation(shape, theirs):
    torch.manual_seed(0)
    reference = theirs(5).double()
    nn.init.normal_(reference.weight)
    nn.init.normal_(reference.bias)
    ours = BatchNorm(5).double()
    ours.load_state_dict({k: v for k, v in reference.state_dict().items() if k != "num_batches_tracked"})
    for _ in range(3):
        x = (3 * torch.randn(shape, dtype=torch.float64) + 7).requires_grad_()
        y = x.detach().clone().requires_grad_()
        torch.testing.assert_close(ours(x), reference(y))
        weights = torch.randn(shape, dtype=torch.float64)
        (ours(x) * weights).sum().backward()
        (reference(y) * weights).sum().backward()
        torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(ours.weight.grad, reference.weight.grad)
    torch.testing.assert_close(ours.bias.grad, reference.bias.grad)
    torch.testing.assert_close(ours.running_mean, reference.running_mean)
    torch.testing.assert_close(ours.running_var, reference.running_var)
    ours.eval()
    reference.eval()
    torch.testing.assert_close(ours(x[:1]), reference(x[:1]))


def test_evaluation_changes_no_running_estimate():
    layer = BatchNorm(3).eval()
    before = copy.deepcopy(layer.state_dict())
    layer(torch.randn(4, 3))
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_one_sample_cannot_be_batch_normalised_in_training():
    with pytest.raises(ValueError, match="批量至少是 2"):
        BatchNorm(3)(torch.randn(1, 3))


@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 5)])
def test_layer_norm_equals_torch(shape):
    torch.manual_seed(0)
    reference = nn.LayerNorm(5).double()
    nn.init.normal_(reference.weight)
    nn.init.normal_(reference.bias)
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(layer_norm(x, reference.weight, reference.bias), reference(x))


def test_layer_norm_does_not_see_the_other_samples_but_batch_norm_does():
    torch.manual_seed(0)
    x = torch.randn(4, 6)
    other = torch.cat([x[:1], 5 * torch.randn(3, 6)])
    ones, zeros = torch.ones(6), torch.zeros(6)
    torch.testing.assert_close(layer_norm(x, ones, zeros)[0], layer_norm(other, ones, zeros)[0])
    assert (BatchNorm(6)(x)[0] - BatchNorm(6)(other)[0]).abs().max() > 0.1


def test_a_constant_is_normalised_to_zero_not_to_nan():
    assert torch.equal(normalise(torch.full((4, 2), 3.0), (0,), 1e-5), torch.zeros(4, 2))
