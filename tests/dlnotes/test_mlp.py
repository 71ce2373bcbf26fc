"""The multilayer perceptron: exact counts, gradients by hand, and that hidden layers need an activation."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.activations import sigmoid, tanh
from dlnotes.cost import count_macs, count_parameters
from dlnotes.mlp import MLP, mlp_gradients, mlp_scratch

from .learning import last_loss


def images(n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, 28, 28, generator=generator, dtype=torch.float64), torch.arange(n) % 10


@pytest.mark.parametrize(
    ("sizes", "parameters", "macs"),
    [((784, 256, 10), 203_530, 203_264), ((784, 10), 7_850, 7_840), ((784, 128, 64, 10), 109_386, 109_184)],
)
def test_parameters_and_multiply_adds_are_exact(sizes, parameters, macs):
    assert count_parameters(MLP(*sizes)) == parameters
    assert count_macs(MLP(*sizes), torch.zeros(2, 1, 28, 28)) == macs


def test_a_network_without_output_size_is_refused():
    with pytest.raises(ValueError, match="输入与输出"):
        MLP(784)


@pytest.mark.parametrize(
    ("layer", "function"),
    [(nn.ReLU, None), (nn.Tanh, tanh), (nn.Sigmoid, sigmoid), (nn.Identity, lambda x: x)],
)
@pytest.mark.parametrize("sizes", [(784, 10), (784, 32, 10), (784, 32, 16, 8, 10)])
def test_scratch_equals_nn_in_logits(sizes, layer, function):
    torch.manual_seed(0)
    model = MLP(*sizes, activation=layer).double()
    x, _ = images()
    ours = mlp_scratch(x, model.state_dict(), **({"activation": function} if function else {}))
    torch.testing.assert_close(ours, model(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sizes", [(784, 10), (784, 32, 10), (784, 32, 16, 8, 10)])
def test_gradients_by_hand_equal_those_of_autograd(sizes):
    torch.manual_seed(0)
    model = MLP(*sizes).double()
    x, labels = images()
    F.cross_entropy(model(x), labels).backward()
    ours = mlp_gradients(x, labels, model.state_dict())
    assert ours.keys() == model.state_dict().keys()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-10, atol=1e-14, msg=name)


def test_gradients_by_hand_leave_parameters_and_inputs_alone():
    torch.manual_seed(0)
    model, (x, labels) = MLP(784, 16, 10).double(), images()
    before, x_before = {n: p.clone() for n, p in model.state_dict().items()}, x.clone()
    mlp_gradients(x, labels, model.state_dict())
    assert torch.equal(x, x_before)
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())


def test_without_activations_layers_collapse_into_one():
    torch.manual_seed(0)
    model, (x, _) = MLP(784, 32, 16, 10, activation=nn.Identity).double(), images()
    a, b, c = (model.get_submodule(f"linear{n}") for n in (1, 2, 3))
    weight = c.weight @ b.weight @ a.weight
    bias = c.weight @ (b.weight @ a.bias + b.bias) + c.bias
    torch.testing.assert_close(model(x), x.flatten(1) @ weight.T + bias)
    curved = MLP(784, 32, 16, 10).double()
    curved.load_state_dict(model.state_dict())
    assert (curved(x) - model(x)).abs().max() > 0.01


def test_all_zeros_stay_zero():
    model = MLP(784, 32, 10)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    x, labels = images()
    F.cross_entropy(model(x.float()), labels).backward()
    assert not model.linear1.weight.grad.any()
    assert not model.linear2.weight.grad.any()
    assert model.linear2.bias.grad.any()


def test_initial_loss_is_that_of_guessing(fashion):
    torch.manual_seed(0)
    x, labels = fashion.train[:1000]
    assert F.cross_entropy(MLP(784, 256, 10)(x), labels).item() == pytest.approx(math.log(10), abs=0.05)


def test_one_batch_can_be_overfitted(fashion):
    torch.manual_seed(0)
    model, (x, labels) = MLP(784, 256, 10), fashion.train[:64]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    assert last_loss(model, optimizer, x, labels, steps=100) < 0.05
