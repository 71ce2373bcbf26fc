"""Pictures of fits and of splits: one panel each, and what they show is what they were given."""

import pytest
import torch

from dlnotes.diagram.fitting import Fit, fits, folds
from dlnotes.selection import forward_chain, k_fold


def cell(title: str, scale: float = 1.0) -> Fit:
    x = torch.linspace(0, 1, 5, dtype=torch.float64)
    return Fit(title, x, x**2, lambda grid: grid**2, lambda grid: scale * grid)


def test_each_fit_has_a_panel_with_its_title():
    figure = fits([cell("a"), cell("b"), cell("c")], columns=2)
    assert [axes.get_title() for axes in figure.axes if axes.lines] == ["a", "b", "c"]


def test_an_unused_panel_is_hidden():
    figure = fits([cell("a"), cell("b"), cell("c")], columns=2)
    assert [axes.get_visible() for axes in figure.axes] == [True, True, True, False]


def test_a_curve_that_leaves_the_panel_keeps_no_huge_coordinates():
    (axes,) = fits([cell("wild", scale=1e12)]).axes
    assert max(abs(line.get_ydata()).max() for line in axes.lines) < 10
    assert axes.get_ylim() == pytest.approx((-0.25, 1.25))


def test_held_out_samples_are_marked_and_unused_ones_are_not():
    random, ahead = list(k_fold(8, 4)), list(forward_chain(8, 3))
    figure = folds({"random": random, "ahead": ahead}, 8)
    for axes, splits in zip(figure.axes, (random, ahead), strict=True):
        use = torch.as_tensor(axes.images[0].get_array().data)
        assert use.shape == (len(splits), 8)
        for row, (train, held_out) in zip(use, splits, strict=True):
            assert (row == 1).nonzero().flatten().tolist() == train.sort().values.tolist()
            assert (row == 2).nonzero().flatten().tolist() == held_out.sort().values.tolist()
