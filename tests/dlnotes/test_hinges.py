"""Sums of hinges: exact at the knots, the error of interpolation between them, and what depth can fold."""

import math

import pytest
import torch

from dlnotes.hinges import count_pieces, folding_network, hinge_network
from dlnotes.mlp import MLP, mlp_scratch


def grid(n: int) -> torch.Tensor:
    return torch.linspace(0, 1, n + 1, dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_it_meets_the_function_at_every_knot(n):
    knots = grid(n)
    made = hinge_network(torch.exp, knots)
    torch.testing.assert_close(mlp_scratch(knots[:, None], made)[:, 0], knots.exp())
    MLP(1, n, 1).load_state_dict(made)  # names and shapes are those of a 1 – n – 1 network


@pytest.mark.parametrize("n", [4, 16, 64])
def test_its_error_is_within_that_of_linear_interpolation(n):
    def f(t):
        return torch.sin(2 * math.pi * t)

    t = grid(5_000)
    error = (mlp_scratch(t[:, None], hinge_network(f, grid(n)))[:, 0] - f(t)).abs().max().item()
    bound = (2 * math.pi) ** 2 / 8 / n**2  # h² max|f″| / 8
    assert 0.5 * bound < error <= bound


@pytest.mark.parametrize("knots", [[0.0], [0.0, 0.0], [1.0, 0.0]])
def test_knots_must_increase(knots):
    with pytest.raises(ValueError, match="严格递增"):
        hinge_network(torch.exp, torch.tensor(knots))


@pytest.mark.parametrize("folds", [1, 2, 5, 10])
def test_each_layer_doubles_the_pieces(folds):
    net = folding_network(folds)
    y = mlp_scratch(grid(2 ** (folds + 1))[:, None], net)[:, 0]
    assert count_pieces(y) == 2**folds
    assert (y.min(), y.max()) == (0, 1)
    assert sum(p.numel() for p in net.values()) == 6 * folds + 1
    assert y[::2].tolist() == [0, 1] * 2 ** (folds - 1) + [0]


def test_no_folds_is_refused():
    with pytest.raises(ValueError, match="folds"):
        folding_network(0)


def test_pieces_are_counted():
    t = grid(100)
    assert count_pieces(2 * t + 1) == 1
    assert count_pieces((t - 0.5).abs()) == 2
    assert count_pieces(mlp_scratch(t[:, None], hinge_network(torch.exp, grid(5)))[:, 0]) == 5
