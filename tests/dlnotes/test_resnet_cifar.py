"""The 6n + 2 layer networks: with and without shortcuts they differ in nothing else."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.convnets.resnet_cifar import (
    Block,
    CifarNet,
    PreActBlock,
    ZeroPadding,
    gradient_norms,
)
from dlnotes.cost import count_macs, count_parameters
from dlnotes.init import init_he


@pytest.mark.parametrize(("n", "parameters"), [(3, 269_722), (9, 853_018), (18, 1_727_962)])
@pytest.mark.parametrize("residual", [True, False])
def test_parameters_are_exact_and_shortcuts_cost_none(n, parameters, residual):
    assert count_parameters(CifarNet(n, residual=residual)) == parameters


@pytest.mark.parametrize(("n", "macs"), [(3, 40_551_040), (9, 125_485_696)])
def test_multiply_adds_are_exact(n, macs):
    with torch.device("meta"):
        assert count_macs(CifarNet(n), torch.zeros(1, 3, 32, 32)) == macs


@pytest.mark.parametrize("n", [1, 3, 9])
def test_there_are_6n_plus_2_layers_with_weights(n):
    layers = [m for m in CifarNet(n).modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 6 * n + 2


def test_zero_padding_takes_every_second_pixel_and_adds_empty_channels():
    x = torch.rand(2, 3, 5, 5)
    y = ZeroPadding(7, 2)(x)
    assert y.shape == (2, 7, 3, 3)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert y[:, 3:].eq(0).all()
    assert torch.equal(ZeroPadding(3, 1)(x), x)


@pytest.mark.parametrize(("channels", "stride"), [(4, 1), (8, 2)])
def test_a_residual_block_is_the_plain_one_plus_the_shortcut(channels, stride):
    torch.manual_seed(0)
    residual, plain = (Block(4, channels, stride, residual=r) for r in (True, False))
    plain.load_state_dict(residual.state_dict())
    x = torch.rand(3, 4, 6, 6)
    y = residual.norm2(residual.conv2(residual.norm1(residual.conv1(x)).relu()))
    torch.testing.assert_close(plain(x), y.relu())
    torch.testing.assert_close(residual(x), (y + ZeroPadding(channels, stride)(x)).relu())


def test_a_preactivated_stage_is_a_sum_of_its_branches():
    torch.manual_seed(0)
    blocks = [PreActBlock(4, 4, 1) for _ in range(5)]
    x = start = torch.rand(3, 4, 6, 6)
    total = torch.zeros_like(x)
    for block in blocks:
        after = block(x)
        total, x = total + (after - x), after
    torch.testing.assert_close(x, start + total)


def test_without_shortcut_there_is_no_preactivation():
    with pytest.raises(ValueError, match="捷径"):
        CifarNet(1, residual=False, preact=True)


@pytest.mark.parametrize("preact", [False, True])
def test_zero_init_leaves_only_the_shortcuts(preact):
    torch.manual_seed(0)
    model, x = CifarNet(1, preact=preact, zero_init=True), torch.rand(2, 16, 6, 6)
    assert torch.equal(model.blocks(x), ZeroPadding(64, 4)(x))


def test_zero_init_without_shortcuts_is_an_error():
    with pytest.raises(ValueError, match="捷径"):
        CifarNet(1, residual=False, zero_init=True)


@pytest.mark.parametrize("options", [{}, {"residual": False}, {"preact": True}, {"norm": nn.Identity}])
def test_logits_have_one_column_per_class_and_gradients_reach_all(options):
    torch.manual_seed(0)
    model = init_he(CifarNet(1, num_classes=7, in_channels=1, **options))
    logits = model(torch.rand(4, 1, 14, 14))
    assert logits.shape == (4, 7)
    F.cross_entropy(logits, torch.arange(4)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_he_initialisation_has_its_variance_and_leaves_the_rest():
    torch.manual_seed(0)
    model = CifarNet(1)
    fc = model.fc.weight.clone()
    assert init_he(model) is model
    assert model.blocks[2].conv2.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert torch.equal(model.fc.weight, fc)


def test_gradient_norms_are_those_of_each_blocks_input():
    torch.manual_seed(0)
    model = CifarNet(1, in_channels=1)
    x, labels = torch.rand(4, 1, 8, 8), torch.arange(4)
    norms = gradient_norms(model, x, labels)
    middle = model.blocks[0](model.norm(model.conv(x)).relu()).detach().requires_grad_()
    loss = F.cross_entropy(model.fc(model.pool(model.blocks[1:](middle)).flatten(1)), labels)
    (expected,) = torch.autograd.grad(loss, middle)
    assert len(norms) == 3
    assert norms[1] == pytest.approx(expected.norm().item(), rel=1e-4)
    assert all(p.grad is None for p in model.parameters())
