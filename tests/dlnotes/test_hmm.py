"""Forward–backward: equal to summing over every path."""

import itertools

import pytest
import torch

from dlnotes.recurrent.hmm import HMM

K, V, T = 3, 4, 6


@pytest.fixture
def model() -> HMM:
    torch.manual_seed(0)
    rows = (torch.rand(n, m, dtype=torch.float64).softmax(dim=1) for n, m in ((1, K), (K, K), (K, V)))
    initial, transition, emission = rows
    return HMM(initial[0], transition, emission)


def brute_force(model: HMM, observed: torch.Tensor, seen: int) -> torch.Tensor:
    """The posterior of each state given the first *seen* observations, over all paths."""
    weights = torch.zeros(T, K, dtype=torch.float64)
    for path in itertools.product(range(K), repeat=T):
        p = model.initial[path[0]]
        for t in range(T):
            p = p * (model.transition[path[t - 1], path[t]] if t else 1)
            p = p * (model.emission[path[t], observed[t]] if t < seen else 1)
        for t, state in enumerate(path):
            weights[t, state] += p
    return weights / weights.sum(dim=1, keepdim=True)


def test_smoothing_equals_the_sum_over_all_paths(model):
    observed = torch.randint(V, (T,))
    torch.testing.assert_close(model.smooth(observed), brute_force(model, observed, T))


def test_filtering_knows_the_left_only(model):
    observed = torch.randint(V, (T,))
    filtered = model.forward(observed)
    for t in range(T):
        torch.testing.assert_close(filtered[t], brute_force(model, observed, t + 1)[t])
    torch.testing.assert_close(filtered[-1], model.smooth(observed)[-1])


def test_long_sequences_do_not_vanish(model):
    assert model.smooth(torch.zeros(3_000, dtype=torch.long)).isfinite().all()


def test_probabilities_are_counted():
    observed, hidden = torch.tensor([0, 1, 1]), torch.tensor([0, 1, 1])
    model = HMM.count([(observed, hidden)], states=2, symbols=2, strength=0.0)
    assert model.initial.tolist() == [1, 0]
    assert model.transition.tolist() == [[0, 1], [0, 1]]
    assert model.emission.tolist() == [[1, 0], [0, 1]]
