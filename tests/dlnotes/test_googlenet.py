"""GoogLeNet: exact counts for table 1, shapes, equality with torchvision."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from dlnotes.convnets.googlenet import TABLE_1, GoogLeNet, Inception
from dlnotes.cost import block_table, count_macs, count_parameters

from .parity import assert_same_outputs, copy_in_order

REFERENCE = {"num_classes": 10, "in_channels": 1, "lrn": False, "ceil_mode": False, "dropout": 0}
TORCHVISION = {"lrn": False, "batch_norm": True, "kernel_5x5": 3, "pool4_size": 2}


@pytest.mark.parametrize(
    ("arguments", "side", "parameters", "macs"),
    [
        ({}, 224, 6_998_552, 1_582_671_872),
        (REFERENCE, 96, 5_977_530, 276_066_304),
        (REFERENCE, 224, 5_977_530, 1_502_982_144),
        (TORCHVISION, 224, 6_624_904, 1_498_376_192),
    ],
)
def test_parameters_and_multiply_adds_are_exact(arguments, side, parameters, macs):
    with torch.device("meta"):
        model = GoogLeNet(**arguments)
        x = torch.empty(1, arguments.get("in_channels", 3), side, side)
    assert count_parameters(model) == parameters
    assert count_macs(model, x) == macs


def test_parameters_and_channels_of_the_nine_blocks():
    model = GoogLeNet(**REFERENCE)
    blocks = [getattr(model.features, f"inception{name}") for name in TABLE_1]
    assert [count_parameters(block) for block in blocks] == [
        *(163_696, 388_736),
        *(376_176, 449_160, 510_104, 605_376, 868_352),
        *(1_043_456, 1_444_080),
    ]
    assert [block.out_channels for block in blocks] == [256, 480, 512, 512, 512, 528, 832, 832, 1024]


def test_a_block_is_smaller_than_one_3x3_convolution_with_its_channels():
    block, conv = Inception(192, *TABLE_1["3a"]), nn.Conv2d(192, 256, kernel_size=3, padding=1)
    x = torch.rand(1, 192, 4, 4)
    assert block(x).shape == conv(x).shape
    assert (count_parameters(block), count_parameters(conv)) == (163_696, 442_624)


@pytest.mark.parametrize("arguments", [{}, REFERENCE, TORCHVISION])
def test_shapes_at_224_are_those_of_table_1(arguments):
    model = GoogLeNet(**arguments)
    table = block_table(model.features, torch.zeros(1, arguments.get("in_channels", 3), 224, 224))
    shapes = dict(zip(table["块"], table["输出形状"], strict=True))
    assert [shapes[name] for name in ("conv1", "pool1", "conv2", "pool2")] == [
        *("64×112×112", "64×56×56", "192×56×56", "192×28×28"),
    ]
    assert [shapes[name] for name in ("inception3b", "pool3", "inception4e", "pool4", "inception5b")] == [
        *("480×28×28", "480×14×14", "832×14×14", "832×7×7", "1024×7×7"),
    ]


def test_equals_torchvision_with_its_weights():
    torch.manual_seed(0)
    theirs = models.googlenet(weights=None, aux_logits=False, init_weights=False)
    ours = GoogLeNet(**TORCHVISION)
    copy_in_order(theirs, ours)
    assert_same_outputs(theirs, ours, torch.rand(2, 3, 97, 97))


@pytest.mark.parametrize("side", [64, 96])
def test_both_ways_to_pool_an_even_picture_give_the_same_shape(side):
    x = torch.zeros(1, 1, side, side)
    shapes = {GoogLeNet(10, 1, ceil_mode=c, lrn=False).features(x).shape for c in (True, False)}
    assert shapes == {(1, 1024, side // 32, side // 32)}


@pytest.mark.parametrize("arguments", [{}, {"batch_norm": True, "lrn": False, "ceil_mode": False}])
def test_gradients_reach_every_parameter(arguments):
    torch.manual_seed(0)
    model = GoogLeNet(5, **arguments)
    logits = model(torch.rand(8, 3, 40, 40))
    assert logits.shape == (8, 5)
    F.cross_entropy(logits, torch.arange(8) % 5).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_each_branch_keeps_its_channels():
    torch.manual_seed(0)
    block, x = Inception(6, 1, 2, 3, 2, 4, 5), torch.rand(2, 6, 5, 7)
    out = block(x)
    assert out.shape == (2, 1 + 3 + 4 + 5, 5, 7)
    parts = out.split([1, 3, 4, 5], dim=1)
    for part, branch in zip(parts, [block.branch1, block.branch2, block.branch3, block.branch4], strict=True):
        assert torch.equal(part, branch(x))


def test_one_batch_can_be_overfitted():
    torch.manual_seed(0)
    model = GoogLeNet(5, lrn=False, batch_norm=True, dropout=0)
    x, labels = torch.rand(5, 3, 32, 32), torch.arange(5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(7):
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
