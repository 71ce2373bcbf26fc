"""Softmax regression: stable arithmetic, exact counts, equality with torch, and that it learns."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from dlnotes.cost import count_macs, count_parameters
from dlnotes.softmax import (
    SoftmaxRegression,
    cross_entropy,
    entropy,
    gradients,
    log_softmax,
    one_hot,
    softmax,
)
from dlnotes.train import fit

finite = st.floats(-1e4, 1e4)
rows = st.lists(finite, min_size=2, max_size=12).map(lambda row: torch.tensor(row, dtype=torch.float64))


@given(rows)
def test_probabilities_are_those_of_torch_and_sum_to_one(logits):
    ours = softmax(logits)
    assert ours.sum().item() == pytest.approx(1)
    assert ((ours >= 0) & (ours <= 1)).all()
    torch.testing.assert_close(ours, F.softmax(logits, dim=-1))
    torch.testing.assert_close(log_softmax(logits), F.log_softmax(logits, dim=-1))


@given(rows, st.floats(-100, 100))
def test_a_shift_of_all_logits_changes_nothing(logits, shift):
    torch.testing.assert_close(softmax(logits + shift), softmax(logits), rtol=1e-9, atol=1e-12)


def test_large_logits_give_no_nan():
    logits = torch.tensor([[1000.0, 0.0], [-1000.0, 0.0], [0.0, 0.0]])
    assert softmax(logits).tolist() == [[1, 0], [0, 1], [0.5, 0.5]]
    torch.testing.assert_close(log_softmax(logits)[:2], torch.tensor([[0.0, -1000], [-1000, 0]]))
    assert cross_entropy(logits, torch.tensor([1, 0, 0])).isfinite()


def test_softmax_acts_on_the_last_axis_of_any_shape():
    logits = torch.randn(2, 3, 4)
    torch.testing.assert_close(softmax(logits), F.softmax(logits, dim=-1))


def test_cross_entropy_is_the_mean_of_minus_log_of_the_right_class():
    probabilities = torch.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]])
    labels = torch.tensor([0, 2])
    for i, expected in enumerate([2.3026, 0.6931]):
        one = cross_entropy(probabilities.log()[i : i + 1], labels[i : i + 1])
        assert one.item() == pytest.approx(expected, abs=1e-4)
    assert cross_entropy(probabilities.log(), labels).item() == pytest.approx((2.3026 + 0.6931) / 2, abs=1e-4)


def test_one_hot_refuses_a_label_that_is_no_class():
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    for bad in (-1, 3):
        with pytest.raises(ValueError, match="标签应在 0 到 2 之间"):
            one_hot(torch.tensor([0, bad]), 3)


def test_entropy_runs_from_certain_to_uniform():
    sure, even = torch.tensor([0.0, 1, 0, 0]), torch.full((4,), 0.25)
    assert entropy(sure).item() == 0
    assert entropy(even).item() == pytest.approx(math.log(4))
    skew = torch.tensor([[0.7, 0.1, 0.1, 0.1]])
    torch.testing.assert_close(entropy(skew), torch.distributions.Categorical(skew).entropy())


def test_scratch_equals_nn_in_loss_and_gradients():
    torch.manual_seed(0)
    model = SoftmaxRegression().double()
    x, labels = torch.rand(32, 1, 28, 28, dtype=torch.float64), torch.arange(32) % 10
    weight, bias = model.output.weight.detach(), model.output.bias.detach()
    loss = F.cross_entropy(model(x), labels)
    loss.backward()
    flat = x.flatten(1)
    torch.testing.assert_close(cross_entropy(flat @ weight.T + bias, labels), loss.detach())
    by_weight, by_bias = gradients(flat, labels, weight, bias)
    torch.testing.assert_close(by_weight, model.output.weight.grad, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(by_bias, model.output.bias.grad, rtol=1e-10, atol=1e-14)


def test_two_classes_are_logistic_regression():
    logits = torch.randn(50, 2, dtype=torch.float64)
    labels = torch.arange(50) % 2
    margin = logits[:, 1] - logits[:, 0]
    torch.testing.assert_close(softmax(logits)[:, 1], torch.sigmoid(margin))
    torch.testing.assert_close(
        cross_entropy(logits, labels), F.binary_cross_entropy_with_logits(margin, labels.double())
    )


def test_parameters_and_multiply_adds_are_exact():
    assert count_parameters(SoftmaxRegression()) == 7_850
    assert count_macs(SoftmaxRegression(), torch.zeros(2, 1, 28, 28)) == 7_840
    assert SoftmaxRegression(num_classes=3)(torch.zeros(4, 1, 28, 28)).shape == (4, 3)


def test_initial_loss_is_that_of_guessing(fashion):
    torch.manual_seed(0)
    images, labels = fashion.train[:2000]
    loss = F.cross_entropy(SoftmaxRegression()(images), labels)
    assert loss.item() == pytest.approx(math.log(10), abs=0.1)


def test_one_batch_can_be_overfitted(fashion):
    torch.manual_seed(0)
    part = fashion.take(64).train
    history = fit(SoftmaxRegression(), part, part, epochs=150, lr=0.1)
    assert history.val_accuracy[-1] == 1
