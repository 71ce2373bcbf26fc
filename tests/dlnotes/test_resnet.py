"""ResNet: exact counts, the scratch block, torchvision's outputs, and what each argument promises."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from dlnotes.convnets.resnet import (
    BasicBlock,
    Bottleneck,
    ResNet,
    batch_norm,
    residual_scratch,
    resnet18,
    resnet18_d2l,
    resnet18_small,
    resnet34,
    resnet50,
)
from dlnotes.cost import block_table, count_macs, count_parameters
from dlnotes.diagram import resnet as diagram

from .learning import assert_every_parameter_has_a_gradient, last_loss
from .parity import assert_same_outputs, copy_in_order


def resnet101():
    return ResNet(Bottleneck, (3, 4, 23, 3))


def resnet152():
    return ResNet(Bottleneck, (3, 8, 36, 3))


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (resnet18, 11_689_512),
        (resnet34, 21_797_672),
        (resnet50, 25_557_032),
        (resnet101, 44_549_160),
        (resnet152, 60_192_808),
        (resnet18_d2l, 11_178_378),
        (resnet18_small, 11_175_818),
        (lambda: resnet18_small(in_channels=3), 11_176_970),
    ],
)
def test_parameters_are_exact(make, parameters):
    with torch.device("meta"):  # shapes without numbers: nothing to initialise
        assert count_parameters(make()) == parameters


@pytest.mark.parametrize(
    ("make", "shape", "macs"),
    [
        (resnet18_d2l, (1, 96, 96), 318_657_536),
        (resnet18_d2l, (1, 224, 224), 1_734_890_496),
        (lambda: resnet18_small(in_channels=3), (3, 32, 32), 555_422_720),
        (resnet18, (3, 224, 224), 1_814_073_344),
    ],
)
def test_multiply_adds_are_exact(make, shape, macs):
    with torch.device("meta"):
        assert count_macs(make(), torch.zeros(1, *shape)) == macs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(resnet18, models.resnet18), (resnet34, models.resnet34), (resnet50, models.resnet50)],
)
def test_outputs_equal_torchvision_after_copying_weights(ours, theirs):
    torch.manual_seed(0)
    source = theirs(weights=None)
    with torch.device("meta"):
        target = ours()
    target.to_empty(device="cpu")
    copy_in_order(source, target)
    assert_same_outputs(source, target, torch.rand(2, 3, 64, 64))


def test_the_four_stages_have_the_shapes_of_table_1():
    table = block_table(resnet18(), torch.zeros(1, 3, 224, 224))
    assert table["输出形状"].tolist() == [
        "64×56×56", "64×56×56", "128×28×28", "256×14×14", "512×7×7", "512×1×1", "1000",
    ]  # fmt: skip


def test_the_small_stem_keeps_the_size():
    table = block_table(resnet18_small(), torch.zeros(1, 1, 28, 28))
    assert table["输出形状"].tolist()[:3] == ["64×28×28", "64×28×28", "128×14×14"]


def test_only_blocks_that_change_the_shape_project():
    with torch.device("meta"):
        eighteen, fifty = resnet18(), resnet50()
    for model, first in ((eighteen, nn.Identity), (fifty, nn.Sequential)):
        stages = (model.stage1, model.stage2, model.stage3, model.stage4)
        assert isinstance(model.stage1[0].shortcut, first)  # 64 → 64, but 64 → 256 in ResNet-50
        assert all(isinstance(stage[0].shortcut, nn.Sequential) for stage in stages[1:])
        assert all(isinstance(block.shortcut, nn.Identity) for stage in stages for block in stage[1:])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("norm_shortcut", [False, True])
@pytest.mark.parametrize(("channels", "stride"), [(4, 1), (8, 2), (8, 1)])
def test_scratch_equals_nn_in_outputs_and_gradients(bias, norm_shortcut, channels, stride):
    torch.manual_seed(0)
    block = BasicBlock(4, channels, stride, bias=bias, norm_shortcut=norm_shortcut).double()
    copied = {name: v.detach().clone().requires_grad_() for name, v in block.named_parameters()}
    x = torch.randn(3, 4, 7, 7, dtype=torch.float64)
    ours, theirs = residual_scratch(x, copied, stride), block(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    target = torch.randn_like(ours)
    F.mse_loss(ours, target).backward()
    F.mse_loss(theirs, target).backward()
    for name, parameter in block.named_parameters():
        torch.testing.assert_close(copied[name].grad, parameter.grad, rtol=1e-8, atol=1e-14, msg=name)


def test_batch_norm_equals_torchs():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(4, 3, 5, 5), torch.rand(3), torch.rand(3)
    torch.testing.assert_close(
        batch_norm(x, weight, bias), F.batch_norm(x, None, None, weight, bias, training=True)
    )


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_zero_init_makes_every_identity_block_an_identity(block):
    torch.manual_seed(0)
    model = ResNet(block, (2, 1, 1, 1), channels=(4, 8, 8, 8), num_classes=3, zero_init=True)
    x = torch.rand(2, 4 * block.expansion, 6, 6)
    assert torch.equal(model.stage1[1](x), x)
    assert model.stage1[0].norm1.weight.eq(1).all()


def test_a_bias_before_normalisation_changes_nothing():
    torch.manual_seed(0)
    block, x = BasicBlock(4, 4, bias=True), torch.rand(8, 4, 6, 6)
    before = block(x)
    nn.init.constant_(block.conv1.bias, 3.0)
    torch.testing.assert_close(block(x), before, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    model = ResNet(BasicBlock, (1, 1, 1, 1), channels=(4, 8, 8, 8), num_classes=10)
    F.cross_entropy(model(torch.rand(8, 3, 64, 64)), torch.arange(8)).backward()
    assert_every_parameter_has_a_gradient(model)


def test_one_batch_can_be_overfitted(fashion):
    torch.manual_seed(0)
    model = ResNet(
        BasicBlock, (1, 1, 1, 1), channels=(8, 16, 16, 32), num_classes=10, in_channels=1, stem="small"
    )
    images, labels = fashion.train[:32]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    assert last_loss(model, optimizer, images, labels, steps=30) < 0.1


def test_an_unknown_stem_is_an_error():
    with pytest.raises(ValueError, match="imagenet"):
        resnet18(stem="large")


def test_the_drawings_name_their_parts():
    words = [t.get_text() for t in diagram.blocks(diagram.IDENTITY, diagram.PROJECTION).axes[0].texts]
    assert {"恒等", "投影", "BN", "ReLU", "+"} <= set(words)
    left, right = diagram.nested().axes
    assert (left.get_title(), right.get_title()) == ("不嵌套", "嵌套")
