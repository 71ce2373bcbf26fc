"""The perceptron: it stops where a line exists, within Novikoff's bound, and cycles where none does."""

import pytest
import torch

from dlnotes.perceptron import mistake_bound, train_perceptron
from dlnotes.xor import xor


def separable(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    line = torch.randn(3, generator=generator)
    x = torch.randn(200, 2, generator=generator)
    side = x @ line[:2] + line[2]
    kept = side.abs() > 0.2
    return x[kept], side[kept].sign(), line


@pytest.mark.parametrize("seed", range(5))
def test_on_separable_data_it_stops_within_the_bound(seed):
    x, y, line = separable(seed)
    run = train_perceptron(x, y, max_epochs=10_000)
    assert run.converged
    assert run.cycle is None
    w = run.states[-1]
    assert (y * (x @ w[:2] + w[2]) > 0).all()
    assert 0 < sum(run.mistakes) <= mistake_bound(x, y, line)


def test_on_xor_it_cycles_for_ever():
    x, y = xor()
    run = train_perceptron(x, 2 * y - 1, max_epochs=50)
    assert not run.converged
    assert run.mistakes == (4,) * 50
    assert run.cycle == (0, 1)


@pytest.mark.parametrize(
    ("truth", "solvable"), [([0, 0, 0, 1], True), ([0, 1, 1, 1], True), ([1, 0, 0, 1], False)]
)
def test_it_learns_and_and_or_but_not_equality(truth, solvable):
    x, _ = xor()
    run = train_perceptron(x, 2 * torch.tensor(truth).float() - 1, max_epochs=100)
    assert run.converged == solvable
    assert (run.cycle is None) == solvable


def test_a_line_that_does_not_separate_has_no_bound():
    x, y = xor()
    with pytest.raises(ValueError, match="没有把样本分开"):
        mistake_bound(x, 2 * y - 1, torch.tensor([1.0, 1.0, -0.5]))


def test_labels_and_epochs_are_checked():
    x, y = xor()
    with pytest.raises(ValueError, match="−1 或 1"):
        train_perceptron(x, y, max_epochs=1)
    with pytest.raises(ValueError, match="max_epochs"):
        train_perceptron(x, 2 * y - 1, max_epochs=0)
