"""Several heads are one matrix product; masks hide what they should; PyTorch computes the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes import cost
from dlnotes.attention.multihead import MultiHeadAttention, causal_mask, extend, padding_mask

from .parity import copy_attention


def copied(ours: MultiHeadAttention, *, bias: bool) -> nn.MultiheadAttention:
    width = ours.query.in_features
    theirs = nn.MultiheadAttention(width, ours.heads, bias=bias, batch_first=True)
    copy_attention(ours, theirs)
    return theirs


def some(*shape: int) -> Tensor:
    return torch.randn(*shape, requires_grad=True)


MASKS = {
    "none": None,
    "causal": causal_mask(5, 7),
    "padding": padding_mask(torch.tensor([7, 3]), 7),
    "both": causal_mask(5, 7) & padding_mask(torch.tensor([7, 4]), 7),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_outputs_weights_and_gradients_are_those_of_pytorch(mask: Tensor | None, bias: bool) -> None:
    torch.manual_seed(0)
    ours = MultiHeadAttention(12, 3, bias=bias)
    theirs = copied(ours, bias=bias)
    q, k, v = some(2, 5, 12), some(2, 7, 12), some(2, 7, 12)
    hidden = None if mask is None else ~mask.expand(2, 5, 7).repeat_interleave(3, dim=0)
    output, weights = ours(q, k, v, mask)
    expected, expected_weights = theirs(q, k, v, attn_mask=hidden, average_attn_weights=False)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(weights, expected_weights)
    upstream = torch.randn_like(output)
    for a, b in zip(
        torch.autograd.grad((output * upstream).sum(), (q, k, v, ours.key.weight)),
        torch.autograd.grad((expected * upstream).sum(), (q, k, v, theirs.in_proj_weight)),
        strict=True,
    ):
        torch.testing.assert_close(a, b if a.shape == b.shape else b[12:24])


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_the_heads_are_those_of_scaled_dot_product_attention(mask: Tensor | None) -> None:
    torch.manual_seed(0)
    ours = MultiHeadAttention(12, 3)
    q, k, v = some(2, 5, 12), some(2, 7, 12), some(2, 7, 12)
    keys, values = ours.project(k, v)
    visible = mask[:, None] if mask is not None and mask.ndim == 3 else mask
    fused = F.scaled_dot_product_attention(ours.split(ours.query(q)), keys, values, attn_mask=visible)
    output, _ = ours(q, k, v, mask)
    expected = ours.output(ours.merge(fused))
    torch.testing.assert_close(output, expected)
    for a, b in zip(
        torch.autograd.grad(output.square().sum(), (q, k, v), retain_graph=True),
        torch.autograd.grad(expected.square().sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_each_head_is_an_attention_of_its_own_columns() -> None:
    torch.manual_seed(0)
    net = MultiHeadAttention(12, 3, bias=False)
    x = some(2, 5, 12)
    output, weights = net(x, x, x)
    heads = []
    for h in range(3):
        rows = slice(4 * h, 4 * h + 4)
        q, k, v = (x @ p.weight[rows].mT for p in (net.query, net.key, net.value))
        mine = (q @ k.mT / 4**0.5).softmax(2)
        torch.testing.assert_close(weights[:, h], mine)
        heads.append(mine @ v)
    torch.testing.assert_close(output, torch.cat(heads, dim=2) @ net.output.weight.mT)


def test_split_and_merge_are_inverse() -> None:
    net, x = MultiHeadAttention(12, 3), torch.randn(2, 5, 12)
    assert net.split(x).shape == (2, 3, 5, 4)
    torch.testing.assert_close(net.merge(net.split(x)), x, rtol=0, atol=0)


@pytest.mark.parametrize("heads", [1, 2, 8])
def test_the_number_of_heads_does_not_change_the_count(heads: int) -> None:
    assert cost.count_parameters(MultiHeadAttention(32, heads, bias=False)) == 4 * 32**2
    assert cost.count_parameters(MultiHeadAttention(32, heads)) == 4 * 32**2 + 4 * 32


def test_a_causal_mask_is_a_lower_triangle_that_ends_at_the_last_key() -> None:
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(1, 4).all()
    torch.testing.assert_close(causal_mask(5)[3:], causal_mask(2, 5))
    with pytest.raises(ValueError, match="键不能比查询少"):
        causal_mask(3, 2)


def test_hidden_keys_and_values_do_not_matter() -> None:
    torch.manual_seed(0)
    net, x = MultiHeadAttention(12, 3), torch.randn(2, 5, 12)
    mask = padding_mask(torch.tensor([5, 2]), 5)
    changed = x.clone()
    changed[1, 2:] = torch.randn(3, 12)
    torch.testing.assert_close(net(x, changed, changed, mask)[0], net(x, x, x, mask)[0])
    assert not torch.allclose(net(x, changed, changed)[0], net(x, x, x)[0], atol=1e-3)


def test_without_positions_attention_is_permutation_equivariant() -> None:
    torch.manual_seed(0)
    net, x, order = MultiHeadAttention(12, 3), torch.randn(2, 6, 12), torch.randperm(6)
    shuffled = x[:, order]
    torch.testing.assert_close(net(shuffled, shuffled, shuffled)[0], net(x, x, x)[0][:, order])


def test_kept_keys_and_values_are_those_of_the_whole() -> None:
    net, x = MultiHeadAttention(12, 3), torch.randn(2, 5, 12)
    first, second = x.split([3, 2], dim=1)
    joined = extend(extend(None, net.project(first, first)), net.project(second, second))
    for a, b in zip(joined, net.project(x, x), strict=True):
        torch.testing.assert_close(a, b)


def test_a_width_that_the_heads_cannot_share_is_an_error() -> None:
    with pytest.raises(ValueError, match="不能均分"):
        MultiHeadAttention(10, 3)
