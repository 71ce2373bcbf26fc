"""Polynomial features, the closed form by hand, and gradient descent: equal to what others compute."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dlnotes.polynomial import NOISE, TRUE_WEIGHTS, descended, features, least_squares, mse, sample, sgd


def test_features_are_powers_over_factorials():
    x = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)
    expected = [[v**i / math.factorial(i) for i in range(20)] for v in x.tolist()]
    torch.testing.assert_close(features(x, 20), torch.tensor(expected, dtype=torch.float64))


def test_a_sample_is_the_cubic_plus_noise_of_the_stated_size():
    x, y = sample(200_000, seed=0)
    cubic = 5 + 1.2 * x - 3.4 * x**2 / 2 + 5.6 * x**3 / 6
    assert (y - cubic).std().item() == pytest.approx(NOISE, rel=0.01)
    assert x.std().item() == pytest.approx(1, rel=0.01)


def test_a_sample_depends_on_its_seed_alone():
    torch.manual_seed(1)
    first = sample(3, 5, seed=7)
    expected = torch.rand(2)
    torch.manual_seed(1)
    assert torch.equal(sample(3, 5, seed=7)[1], first[1])
    assert torch.equal(torch.rand(2), expected)
    assert not torch.equal(sample(3, 5, seed=8)[1], first[1])


def test_without_noise_the_true_weights_come_back():
    x, y = sample(30, seed=0, noise=0)
    torch.testing.assert_close(least_squares(features(x, 4), y), torch.tensor(TRUE_WEIGHTS).double())


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 8), st.integers(0, 10), st.integers(0, 99))
def test_least_squares_equals_lstsq_and_leaves_a_residual_orthogonal_to_the_columns(p, more, seed):
    generator = torch.Generator().manual_seed(seed)
    columns = torch.randn(3, p + more, p, generator=generator, dtype=torch.float64)
    y = torch.randn(3, p + more, generator=generator, dtype=torch.float64)
    w = least_squares(columns, y)
    torch.testing.assert_close(
        w, torch.linalg.lstsq(columns, y[..., None]).solution[..., 0], rtol=1e-6, atol=1e-6
    )
    residual = y - (columns @ w[..., None])[..., 0]
    scale = w.abs().amax(dim=-1, keepdim=True) + 1
    assert ((columns.mT @ residual[..., None])[..., 0].abs() < 1e-9 * scale).all()


def test_least_squares_equals_numpys_polyfit():
    x, y = sample(40, seed=3)
    theirs = np.polynomial.polynomial.polyfit(x.numpy(), y.numpy(), 7)
    factorials = np.array([math.factorial(i) for i in range(8)])
    assert least_squares(features(x, 8), y).numpy() == pytest.approx(theirs * factorials, rel=1e-6)


def test_least_squares_does_not_care_about_the_scale_of_a_column():
    x, y = sample(60, seed=0)
    columns, scale = features(x, 12), torch.logspace(-8, 8, 12, dtype=torch.float64)
    torch.testing.assert_close(
        least_squares(columns * scale, y) * scale, least_squares(columns, y), rtol=1e-6, atol=1e-8
    )


def test_least_squares_uses_all_twenty_features_where_a_cut_off_drops_some():
    x, y = sample(50, 100, seed=0)
    columns = features(x, 20)
    ours = mse(columns, y, least_squares(columns, y))
    cut = mse(columns, y, torch.linalg.lstsq(columns, y[..., None], driver="gelsd").solution[..., 0])
    assert (ours <= cut + 1e-9).all()
    assert ours.mean() < cut.mean() - 1e-4


def test_least_squares_changes_neither_argument():
    x, y = sample(12, seed=0)
    columns = features(x, 3)
    before = columns.clone(), y.clone()
    least_squares(columns, y)
    assert torch.equal(columns, before[0])
    assert torch.equal(y, before[1])


def test_fewer_equations_than_unknowns_is_an_error():
    with pytest.raises(ValueError, match="4 个未知数只有 3 个方程"):
        least_squares(torch.ones(3, 4), torch.ones(3))


def test_the_training_error_is_the_noise_times_what_is_left_of_the_degrees_of_freedom():
    x, y = sample(400, 100, seed=0)
    for p in (4, 20):
        columns = features(x, p)
        found = mse(columns, y, least_squares(columns, y))
        theory = NOISE**2 * (1 - p / 100)
        assert abs(found.mean() - theory) < 4 * found.std() / 20  # 20 is √400


@pytest.mark.parametrize("batch_size", [10, 7])  # 7 leaves a last batch of 6
def test_sgd_equals_nn_linear_with_mse_loss(batch_size):
    x, y = sample(20, seed=0)
    columns = features(x, 4)
    layer = nn.Linear(4, 1, bias=False).double()
    ours = sgd(columns, y, layer.weight[0].detach().clone(), epochs=3, lr=0.01, batch_size=batch_size, seed=5)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(5)
    for _ in range(3):
        for batch in torch.randperm(20, generator=generator).split(batch_size):
            optimizer.zero_grad()
            nn.functional.mse_loss(layer(columns[batch])[:, 0], y[batch]).backward()
            optimizer.step()
    torch.testing.assert_close(ours, layer.weight[0].detach())


def test_sgd_on_many_sets_equals_sgd_on_each():
    x, y = sample(3, 20, seed=0)
    columns, start = features(x, 4), torch.zeros(3, 4, dtype=torch.float64)
    options = {"epochs": 2, "lr": 0.01, "batch_size": 5}
    together = sgd(columns, y, start, **options)
    alone = [sgd(columns[i], y[i], start[i], **options) for i in range(3)]
    torch.testing.assert_close(together, torch.stack(alone))


def test_the_formula_for_many_steps_equals_taking_them():
    x, y = sample(2, 30, seed=0)
    columns = features(x, 6)
    taken = sgd(columns, y, torch.zeros(2, 6, dtype=torch.float64), epochs=250, lr=0.02, batch_size=30)
    torch.testing.assert_close(descended(columns, y, steps=250, lr=0.02), taken, rtol=1e-8, atol=1e-10)


def test_very_many_steps_reach_the_closed_form():
    x, y = sample(30, seed=0)
    columns = features(x, 5)
    torch.testing.assert_close(
        descended(columns, y, steps=1e12, lr=0.02), least_squares(columns, y), rtol=1e-6, atol=1e-8
    )


def test_a_learning_rate_that_overshoots_is_an_error():
    x, y = sample(30, seed=0)
    with pytest.raises(ValueError, match="学习率 10 太大"):
        descended(features(x, 4), y, steps=5, lr=10)
