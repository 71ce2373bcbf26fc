"""GoogLeNet: exact counts for table 1, shapes, equality with torchvision."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from dlnotes.convnets.googlenet import (
    TABLE_1,
    Auxiliary,
    GoogLeNet,
    Inception,
    inception_scratch,
    logits_with_auxiliary,
)
from dlnotes.cost import block_table, count_macs, count_parameters
from dlnotes.diagram import inception as diagram

from .learning import assert_every_parameter_has_a_gradient, last_loss
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
    assert_every_parameter_has_a_gradient(model)


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
    assert last_loss(model, optimizer, x, labels, steps=7) < 0.05


def test_scratch_equals_the_module_and_so_do_the_gradients():
    torch.manual_seed(0)
    block = Inception(3, 2, 2, 3, 2, 4, 5).double()
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    weights = {name: p.detach().clone().requires_grad_() for name, p in block.named_parameters()}
    ours, theirs = inception_scratch(x, weights), block(x)
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for name, p in block.named_parameters():
        torch.testing.assert_close(weights[name].grad, p.grad)


def test_auxiliary_heads_complete_torchvisions_count():
    with torch.device("meta"):
        heads = [Auxiliary(channels, batch_norm=True) for channels in (512, 528)]
    assert sum(map(count_parameters, heads)) + 6_624_904 == 13_004_888


def test_auxiliary_equals_torchvision_with_its_weights():
    torch.manual_seed(0)
    theirs = models.googlenet(weights=None, aux_logits=True, init_weights=False).aux1
    ours = Auxiliary(512, batch_norm=True)
    copy_in_order(theirs, ours)
    assert_same_outputs(theirs, ours, torch.rand(2, 512, 14, 14))


def test_auxiliary_heads_leave_the_main_output_as_it_was():
    torch.manual_seed(0)
    model = GoogLeNet(5, 1, shrink=8).eval()
    x = torch.rand(2, 1, 32, 32)
    heads = {"inception4d": Auxiliary(66, 5), "inception4a": Auxiliary(64, 5)}
    logits, extra = logits_with_auxiliary(model, heads, x)
    assert torch.equal(logits, model(x))
    assert [e.shape for e in extra] == [(2, 5), (2, 5)]


def test_auxiliary_outputs_come_in_the_order_of_the_network():
    seen = GoogLeNet(5, 1, shrink=8).eval()
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    _, extra = logits_with_auxiliary(
        seen, {"inception4d": pool, "inception4a": pool}, torch.rand(2, 1, 32, 32)
    )
    assert [e.shape for e in extra] == [(2, 512 // 8), (2, 528 // 8)]


def test_an_auxiliary_head_after_no_block_is_an_error():
    with pytest.raises(ValueError, match="inception9z"):
        logits_with_auxiliary(
            GoogLeNet(5, 1, shrink=8), {"inception9z": nn.Identity()}, torch.rand(1, 1, 32, 32)
        )


def test_shrink_divides_every_channel():
    with torch.device("meta"):
        model, small = GoogLeNet(10, 1), GoogLeNet(10, 1, shrink=4)
    for (name, block), thin in zip(model.features.named_children(), small.features.children(), strict=True):
        if name.startswith("inception"):
            assert thin.out_channels * 4 == block.out_channels
    assert small.features.conv1[0].out_channels == 16
    assert small.classifier.fc.in_features == 256


@pytest.mark.parametrize("shrink", [0, 3, 16])
def test_shrink_that_does_not_divide_is_an_error(shrink):
    with pytest.raises(ValueError, match="shrink"):
        GoogLeNet(10, 1, shrink=shrink)


def test_the_picture_of_a_block_says_what_each_path_does():
    block = diagram.Block("输入", [["1×1"], ["1×1", "3×3", "3×3"]], "拼接")
    figure = diagram.paths(block, block)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(figure.axes) == 2
    for word in ("输入", "1×1", "3×3", "拼接"):
        assert word in texts
