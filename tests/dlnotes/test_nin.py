"""NiN: exact counts, shapes, and that 1×1 convolutions are fully connected layers per pixel."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.convnets.nin import BLOCKS_32, NiN, nin_block, nin_block_scratch
from dlnotes.cost import block_table, count_macs, count_parameters

from .learning import assert_every_parameter_has_a_gradient


@pytest.mark.parametrize(
    ("arguments", "side", "parameters", "macs"),
    [
        ({}, 224, 1_992_166, 762_297_352),
        ({"blocks": BLOCKS_32}, 28, 979_814, 121_335_584),
    ],
)
def test_parameters_and_multiply_adds_are_exact(arguments, side, parameters, macs):
    with torch.device("meta"):
        model, x = NiN(**arguments), torch.empty(1, 1, side, side)
    assert count_parameters(model) == parameters
    assert count_macs(model, x) == macs


def test_every_parameter_is_in_a_convolution():
    model = NiN()
    assert sum(count_parameters(m) for m in model.modules() if isinstance(m, nn.Conv2d)) == 1_992_166
    assert count_parameters(model.classifier) == 0


def test_shapes_at_224():
    table = block_table(NiN().features, torch.zeros(1, 1, 224, 224))
    assert table["输出形状"].tolist() == [
        *("96×54×54", "96×26×26", "256×26×26", "256×12×12"),
        *("384×12×12", "384×5×5", "384×5×5", "10×5×5"),
    ]


@pytest.mark.parametrize(("arguments", "side"), [({}, 67), ({"blocks": BLOCKS_32}, 15)])
def test_the_smallest_picture(arguments, side):
    model = NiN(7, 3, **arguments)
    assert model(torch.zeros(2, 3, side, side)).shape == (2, 7)
    with pytest.raises(RuntimeError, match="too small"):
        model(torch.zeros(2, 3, side - 1, side - 1))


def test_1x1_convolution_is_a_fully_connected_layer_at_every_pixel():
    torch.manual_seed(0)
    conv, linear, x = nn.Conv2d(4, 5, kernel_size=1), nn.Linear(4, 5), torch.rand(2, 4, 3, 3)
    linear.load_state_dict({"weight": conv.weight[:, :, 0, 0], "bias": conv.bias})
    torch.testing.assert_close(conv(x), linear(x.movedim(1, -1)).movedim(-1, 1))


@pytest.mark.parametrize("final_relu", [True, False])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (4, 2)])
def test_scratch_equals_the_block_and_its_gradients(stride, padding, final_relu):
    torch.manual_seed(0)
    options = {"stride": stride, "padding": padding, "final_relu": final_relu}
    block, x = nin_block(2, 4, 3, **options).double(), torch.randn(2, 2, 9, 8, dtype=torch.float64)
    copied = {name: p.detach().clone().requires_grad_() for name, p in block.named_parameters()}
    ours, theirs = nin_block_scratch(x, copied, **options), block(x)
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for name, parameter in block.named_parameters():
        torch.testing.assert_close(copied[name].grad, parameter.grad)


def test_block_is_a_perceptron_on_every_window():
    torch.manual_seed(0)
    block, x = nin_block(2, 4, 3, final_relu=False), torch.rand(1, 2, 5, 5)
    window = x[:, :, 1:4, 2:5]
    torch.testing.assert_close(block(x)[:, :, 1, 2], block(window)[:, :, 0, 0])


def test_final_relu_makes_logits_nonnegative():
    torch.manual_seed(0)
    x = torch.rand(8, 1, 28, 28)
    assert NiN(blocks=BLOCKS_32)(x).min() >= 0
    assert NiN(blocks=BLOCKS_32, final_relu=False)(x).min() < 0


@pytest.mark.parametrize(
    ("arguments", "side"), [({"final_relu": False}, 67), ({"final_relu": False, "blocks": BLOCKS_32}, 28)]
)
def test_gradients_reach_every_parameter(arguments, side):
    torch.manual_seed(0)
    model = NiN(**arguments)
    F.cross_entropy(model(torch.rand(8, 1, side, side)), torch.arange(8)).backward()
    assert_every_parameter_has_a_gradient(model)


def test_a_dead_final_relu_stops_every_gradient():
    model = NiN(blocks=BLOCKS_32)
    nn.init.constant_(model.features.block4[4].bias, -100.0)
    logits = model(torch.rand(4, 1, 28, 28))
    F.cross_entropy(logits, torch.arange(4)).backward()
    assert logits.abs().max() == 0  # so the loss is that of guessing, ln 10
    assert all(parameter.grad.abs().max() == 0 for parameter in model.parameters())
