"""LeNet: exact counts, the scratch version, and that it can learn."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.convnets.conv import avg_pool2d, max_pool2d
from dlnotes.convnets.lenet import LeNet, lenet_bn, lenet_scratch
from dlnotes.convnets.lenet1998 import c3_parameters, c3_table, original_parameters
from dlnotes.cost import count_macs, count_parameters
from dlnotes.init import init_xavier

from .learning import assert_every_parameter_has_a_gradient, last_loss


@pytest.mark.parametrize(
    ("make", "parameters", "macs"), [(LeNet, 61_706, 416_520), (lenet_bn, 44_878, 281_640)]
)
def test_parameters_and_multiply_adds_are_exact(make, parameters, macs):
    assert count_parameters(make()) == parameters
    assert count_macs(make(), torch.zeros(2, 1, 28, 28)) == macs


@pytest.mark.parametrize("make", [LeNet, lenet_bn])
def test_logits_have_one_column_per_class(make):
    assert make(num_classes=7)(torch.zeros(3, 1, 28, 28)).shape == (3, 7)


@pytest.mark.parametrize(
    ("layers", "functions"),
    [
        ({}, {}),
        (
            {"activation": nn.ReLU, "pool": nn.MaxPool2d},
            {"activation": torch.relu, "pool": max_pool2d},
        ),
        ({"activation": nn.Tanh}, {"activation": torch.tanh, "pool": avg_pool2d}),
    ],
)
def test_scratch_equals_nn_in_logits_and_gradients(layers, functions):
    torch.manual_seed(0)
    model = LeNet(**layers).double()
    copied = {name: weight.clone().requires_grad_() for name, weight in model.state_dict().items()}
    x, labels = torch.rand(8, 1, 28, 28, dtype=torch.float64), torch.arange(8)
    ours, theirs = lenet_scratch(x, copied, **functions), model(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    F.cross_entropy(ours, labels).backward()
    F.cross_entropy(theirs, labels).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(copied[name].grad, parameter.grad, rtol=1e-10, atol=1e-14, msg=name)


@pytest.mark.parametrize("make", [LeNet, lambda: LeNet(activation=nn.ReLU, pool=nn.MaxPool2d), lenet_bn])
def test_gradients_reach_every_parameter(make):
    torch.manual_seed(0)
    model = init_xavier(make())
    F.cross_entropy(model(torch.rand(16, 1, 28, 28)), torch.arange(16) % 10).backward()
    assert_every_parameter_has_a_gradient(model)


def test_initial_loss_is_that_of_guessing(fashion):
    torch.manual_seed(0)
    images, labels = fashion.train[:1000]
    assert F.cross_entropy(LeNet()(images), labels).item() == pytest.approx(math.log(10), abs=0.05)


def test_one_batch_can_be_overfitted(fashion):
    torch.manual_seed(0)
    model = init_xavier(LeNet(activation=nn.ReLU, pool=nn.MaxPool2d))
    images, labels = fashion.train[:64]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    assert last_loss(model, optimizer, images, labels, steps=120) < 0.01


def test_xavier_keeps_biases_and_bounds_weights():
    model = LeNet()
    before = copy.deepcopy(model.state_dict())
    assert init_xavier(model) is model
    assert torch.equal(model.c3.bias, before["c3.bias"])
    assert not torch.equal(model.c3.weight, before["c3.weight"])
    bound = math.sqrt(6 / (6 * 25 + 16 * 25))  # √(6 / (fan_in + fan_out))
    assert 0.95 * bound < model.c3.weight.abs().max() <= bound


def test_batch_normalised_lenet_has_the_shapes_it_says():
    model, x, shapes = lenet_bn(), torch.zeros(2, 1, 28, 28), {}
    for name, layer in model.named_children():
        x = layer(x)
        shapes[name] = tuple(x.shape[1:])
    assert (shapes["s2"], shapes["s4"], shapes["flatten"]) == ((6, 12, 12), (16, 4, 4), (256,))


def test_c3_follows_table_1():
    table = c3_table()
    assert table.shape == (16, 6)
    assert table.sum(dim=1).tolist() == [3] * 6 + [4] * 9 + [6]
    assert table.sum(dim=0).tolist() == [10] * 6  # every map of S2 is used equally often
    assert len({tuple(row) for row in table.tolist()}) == 16  # no two maps of C3 see the same inputs


def test_the_network_of_1998_had_60_000_trainable_parameters():
    counts = original_parameters()
    assert counts == {"C1": 156, "S2": 12, "C3": 1_516, "S4": 32, "C5": 48_120, "F6": 10_164}
    assert sum(counts.values()) == 60_000
    assert c3_parameters(torch.ones(16, 6, dtype=torch.bool)) == count_parameters(LeNet().c3) == 2_416
