"""Tables into numbers, ridge regression and folds: equal to pandas and torch, and nothing leaks."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from dlnotes.data import house_prices
from dlnotes.selection import k_fold
from dlnotes.tabular import Encoder, Fold, cross_validate, encode_folds, fit, one_hot, ridge, rmse

NAN = float("nan")


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area": [1.0, 2.0, 3.0, NAN],
            "street": ["Pave", "Grvl", None, "Pave"],
            "rooms": [5, 5, 5, 5],
        }
    )


def test_numbers_are_standardised_and_words_are_one_hot(table):
    encoder = Encoder.fit(table)
    assert encoder.names == ["area", "rooms", "street=Grvl", "street=Pave", "street=缺失"]
    assert encoder.transform(table).tolist() == [
        [-1, 0, 0, 1, 0],
        [0, 0, 1, 0, 0],
        [1, 0, 0, 0, 1],
        [0, 0, 0, 1, 0],
    ]


def test_rows_unseen_at_fit_change_nothing_that_was_learned(table):
    encoder = Encoder.fit(table.iloc[:2])
    strange = pd.DataFrame({"area": [100.0], "street": ["Mud"], "rooms": [6]})
    x = encoder.transform(pd.concat([table.iloc[:2], strange]))
    assert torch.equal(x[:2], encoder.transform(table.iloc[:2]))
    assert x[2, 2:].tolist() == [0, 0, 0]  # a street never seen is none of them
    assert x[2, 0].item() == pytest.approx((100 - 1.5) / np.std([1, 2], ddof=1))
    assert x[2, 1] == 1  # a constant column is only centred


def test_all_of_both_tables_is_331_features_and_equals_pandas():
    data = house_prices.load()
    both = pd.concat([data.train, data.test])
    ours = Encoder.fit(both).transform(both)
    numbers = both.select_dtypes("number")
    scaled = ((numbers - numbers.mean()) / numbers.std()).fillna(0)
    words = pd.get_dummies(both.select_dtypes(exclude="number"), dummy_na=True, dtype=float)
    assert ours.shape == (2_919, 331)
    theirs = torch.from_numpy(pd.concat([scaled, words], axis=1).to_numpy())
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=8))
def test_one_hot_rows_have_one_one_where_the_value_is_known(values):
    hot = one_hot(pd.Series(values, dtype=object), ("a", "b"))
    assert hot.shape == (len(values), 3)
    assert hot.sum(dim=1).tolist() == [0.0 if value == "c" else 1.0 for value in values]
    assert hot[:, 2].tolist() == [float(value is None) for value in values]


def regression(n: int = 40, d: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, dtype=torch.float64, generator=generator) + 3
    return x, x @ torch.arange(d, dtype=torch.float64) + 7 + torch.randn(n, generator=generator).double()


@pytest.mark.parametrize("penalty", [0.0, 0.5, 100.0])
def test_ridge_is_where_autograd_finds_no_slope(penalty):
    x, y = regression()
    w, b = (t.requires_grad_() for t in ridge(x, y, penalty))
    ((x @ w + b - y).square().sum() + penalty * w.square().sum()).backward()
    assert w.grad.abs().max() < 1e-8
    assert b.grad.abs() < 1e-8


def test_ridge_without_penalty_is_least_squares():
    x, y = regression()
    w, b = ridge(x, y, 0.0)
    design = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    torch.testing.assert_close(torch.cat([w, b[None]]), torch.linalg.lstsq(design, y[:, None]).solution[:, 0])


def test_ridge_shrinks_weights_but_not_the_mean():
    x, y = regression()
    norms = [ridge(x, y, penalty)[0].norm().item() for penalty in (0, 1, 10, 1e3, 1e9)]
    assert norms == sorted(norms, reverse=True)
    w, b = ridge(x, y, 1e12)
    assert (x @ w + b).mean().item() == pytest.approx(y.mean().item())
    assert b.item() == pytest.approx(y.mean().item())


def test_ridge_solves_more_features_than_samples():
    x, y = regression(n=4, d=9)
    w, b = ridge(x, y, 1e-6)
    torch.testing.assert_close(x @ w + b, y, rtol=0, atol=1e-4)


def test_rmse_refuses_to_broadcast():
    assert rmse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])) == pytest.approx(2**0.5)
    with pytest.raises(ValueError, match="形状应相同"):
        rmse(torch.zeros(3, 1), torch.zeros(3))


def linear(d: int) -> nn.Linear:
    layer = nn.Linear(d, 1).double()
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def test_training_equals_a_loop_written_out():
    x, y = regression()
    model, other = linear(5), linear(5)
    fit(model, x, y, epochs=3, lr=0.1, batch_size=16, seed=4)
    order = torch.Generator().manual_seed(4)
    adam = torch.optim.Adam(other.parameters(), lr=0.1)
    for _ in range(3):
        shuffled = torch.randperm(40, generator=order)
        for start in (0, 16, 32):
            rows = shuffled[start : start + 16]
            adam.zero_grad()
            F.mse_loss(other(x[rows])[:, 0], y[rows]).backward()
            adam.step()
    torch.testing.assert_close(model.weight, other.weight)
    torch.testing.assert_close(model.bias, other.bias)


def test_training_long_enough_finds_least_squares():
    x, y = regression()
    x = x - x.mean(dim=0)
    model = linear(5)
    fit(model, x, y, epochs=300, lr=0.3, batch_size=40, optimizer=torch.optim.SGD)
    w, b = ridge(x, y, 0.0)
    torch.testing.assert_close(model.weight[0], w, rtol=0, atol=1e-8)
    torch.testing.assert_close(model.bias[0], b, rtol=0, atol=1e-8)


def test_the_schedule_is_given_the_number_of_steps_and_every_epoch_is_told():
    x, y = regression(n=33)
    told, totals = [], []

    def schedule(optimizer, total):
        totals.append(total)
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)

    optimizers = []

    def sgd(parameters, lr):
        optimizers.append(torch.optim.SGD(parameters, lr=lr))
        return optimizers[0]

    fit(
        linear(5),
        x,
        y,
        epochs=2,
        lr=1e-3,
        batch_size=16,
        optimizer=sgd,
        schedule=schedule,
        on_epoch=lambda *told_now: told.append(told_now[1]),
    )
    assert totals == [6]  # 16 + 16 + 1 samples are three steps
    assert told == [1, 2]
    assert optimizers[0].param_groups[0]["lr"] == pytest.approx(0)


def test_training_leaves_the_global_generator_alone():
    x, y = regression()
    model = linear(5)
    before = torch.get_rng_state()
    fit(model, x, y, epochs=1, lr=0.1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_fold_is_encoded_by_its_training_rows_alone(table):
    rows = torch.arange(4)
    (fold,) = encode_folds(table, [(rows[:2], rows[2:])])
    encoder = Encoder.fit(table.iloc[:2])
    assert torch.equal(fold.x_train, encoder.transform(table.iloc[:2]))
    assert torch.equal(fold.x_val, encoder.transform(table.iloc[2:]))
    (leaky,) = encode_folds(table, [(rows[:2], rows[2:])], Encoder.fit(table))
    assert not torch.equal(leaky.x_train, fold.x_train)


def test_every_sample_is_predicted_by_a_model_that_has_not_seen_it():
    n = 23
    y = torch.arange(n, dtype=torch.float64)
    folds = [Fold(t, v, t[:, None].double(), v[:, None].double()) for t, v in k_fold(n, 4)]

    def remember(x, targets):
        known = dict(zip(x[:, 0].tolist(), targets.tolist(), strict=True))
        return lambda q: torch.tensor([known.get(i, -1.0) for i in q[:, 0].tolist()], dtype=torch.float64)

    result = cross_validate(remember, folds, y)
    assert result.predictions.tolist() == [-1.0] * n
    assert result.train == (0, 0, 0, 0)
    expected = [rmse(torch.full((len(f.val),), -1.0).double(), y[f.val]) for f in folds]
    assert list(result.val) == pytest.approx(expected)
    assert result.score == pytest.approx(sum(expected) / 4)


def test_ridge_beats_the_mean_by_far_on_the_real_houses():
    data = house_prices.load()
    y = data.prices.log()
    folds = encode_folds(data.train, k_fold(1_460, 5))

    def mean(x, targets):
        return lambda q: targets.mean().expand(len(q))

    def ridge10(x, targets):
        w, b = ridge(x, targets, 10.0)
        return lambda q: q @ w + b

    assert cross_validate(mean, folds, y).score == pytest.approx(0.3989, abs=1e-3)
    assert cross_validate(ridge10, folds, y).score == pytest.approx(0.1426, abs=5e-4)
