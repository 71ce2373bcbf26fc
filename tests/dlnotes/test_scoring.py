"""Attention: weights are a distribution over what may be seen, and nothing else leaks in."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from dlnotes import cost
from dlnotes.attention.scoring import AdditiveAttention, kernel_regression, masked_softmax, scaled_dot_product

MASK = torch.tensor([[True, True, False, True], [False, False, False, False], [False, True, False, False]])


def test_rows_sum_to_one_and_what_is_masked_is_zero() -> None:
    weights = masked_softmax(torch.randn(5, 3, 4), MASK)
    assert not weights[:, ~MASK].any()
    torch.testing.assert_close(weights.sum(-1), torch.tensor([1.0, 0.0, 1.0]).expand(5, 3))
    assert (weights >= 0).all()


def test_on_the_valid_part_it_is_the_softmax_of_the_valid_part() -> None:
    scores = torch.randn(3, 4)
    weights = masked_softmax(scores, MASK)
    torch.testing.assert_close(weights[0][MASK[0]], F.softmax(scores[0][MASK[0]], dim=0))
    torch.testing.assert_close(masked_softmax(scores), F.softmax(scores, dim=-1))
    torch.testing.assert_close(masked_softmax(scores, torch.ones(3, 4, dtype=torch.bool)), scores.softmax(-1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_fully_masked_row_gives_no_nan_in_value_or_gradient(dtype: torch.dtype) -> None:
    scores = torch.randn(3, 4, dtype=dtype, requires_grad=True)
    weights = masked_softmax(scores, MASK)
    (weights * torch.arange(4)).sum().backward()
    assert scores.grad is not None
    assert weights.isfinite().all()
    assert scores.grad.isfinite().all()
    assert not scores.grad[~MASK].any()
    assert not weights[1].any()
    assert scores.grad[0][MASK[0]].abs().sum() > 0


def test_what_is_masked_may_be_anything() -> None:
    scores = torch.randn(3, 4).masked_fill(~MASK, math.nan)
    assert masked_softmax(scores, MASK).isfinite().all()
    scores = torch.full((1, 2), -1e7)  # far below the reference's -1e6
    torch.testing.assert_close(
        masked_softmax(scores, torch.tensor([True, False])), torch.tensor([[1.0, 0.0]])
    )


def test_the_gradient_is_that_of_finite_differences() -> None:
    scores = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: masked_softmax(s, MASK), (scores,))


@pytest.mark.parametrize(
    "mask", [None, torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(0)) > 0.4]
)
def test_scaled_dot_product_equals_torch(mask: torch.Tensor | None) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, *s, requires_grad=True) for s in ((5, 8), (7, 8), (7, 6)))
    ours, weights = scaled_dot_product(q, k, v, mask)
    theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert weights.shape == (2, 3, 5, 7)
    torch.testing.assert_close(ours, theirs)
    out = torch.randn_like(ours)
    grads = [torch.autograd.grad((o * out).sum(), (q, k, v)) for o in (ours, theirs)]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_queries_and_keys_of_different_width_have_no_dot_product() -> None:
    with pytest.raises(ValueError, match="得到 3 与 4"):
        scaled_dot_product(torch.zeros(1, 3), torch.zeros(2, 4), torch.zeros(2, 4))


def test_additive_attention_is_its_formula_pair_by_pair() -> None:
    torch.manual_seed(0)
    net = AdditiveAttention(3, 5, 4)
    assert cost.count_parameters(net) == 4 * (3 + 5 + 1)
    q, k, v = torch.randn(2, 3), torch.randn(6, 5), torch.randn(6, 7)
    output, weights = net(q, k, v)
    for i in range(2):
        scores = torch.stack(
            [net.w.weight[0] @ torch.tanh(net.W_q.weight @ q[i] + net.W_k.weight @ k[j]) for j in range(6)]
        )
        torch.testing.assert_close(weights[i], scores.softmax(0))
        torch.testing.assert_close(output[i], scores.softmax(0) @ v)
    torch.testing.assert_close(net.attend(q, net.project(k), v)[0], output)


def test_the_reference_attention_has_2080_parameters() -> None:
    assert cost.count_parameters(AdditiveAttention(32, 32, 32)) == 2_080


def test_masked_keys_and_values_do_not_matter() -> None:
    torch.manual_seed(0)
    net, mask = AdditiveAttention(4, 4, 8), torch.tensor([True, True, True, False, False])
    q, k, v = torch.randn(1, 2, 4), torch.randn(1, 5, 4), torch.randn(1, 5, 4)
    for attend in (net, scaled_dot_product):
        output, _ = attend(q, k, v, mask)
        other, _ = attend(
            q, torch.cat([k[:, :3], torch.randn(1, 2, 4)], 1), v.masked_fill(~mask[:, None], 9), mask
        )
        torch.testing.assert_close(other, output)
        torch.testing.assert_close(attend(q, k[:, :3], v[:, :3])[0], output)


def test_a_permutation_of_keys_and_values_changes_nothing() -> None:
    torch.manual_seed(0)
    q, k, v, order = torch.randn(2, 4), torch.randn(5, 4), torch.randn(5, 3), torch.randperm(5)
    for attend in (AdditiveAttention(4, 4, 8), scaled_dot_product):
        torch.testing.assert_close(attend(q, k[order], v[order])[0], attend(q, k, v)[0])


def test_kernel_regression_goes_from_the_mean_to_the_nearest() -> None:
    keys, values = torch.tensor([0.0, 1.0, 3.0]), torch.tensor([5.0, 7.0, 0.0])
    x = torch.tensor([0.9, 2.5])
    torch.testing.assert_close(kernel_regression(x, keys, values, 1e4)[0], torch.full((2,), 4.0))
    torch.testing.assert_close(kernel_regression(x, keys, values, 1e-2)[0], torch.tensor([7.0, 0.0]))
    _, weights = kernel_regression(x, keys, values, 1.0)
    kernel = torch.exp(-((x[:, None] - keys) ** 2) / 2)
    torch.testing.assert_close(weights, kernel / kernel.sum(1, keepdim=True))
