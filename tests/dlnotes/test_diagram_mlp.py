"""Pictures of the multilayer perceptron: what is on them follows from what they were given."""

import torch
from matplotlib.colors import to_hex

from dlnotes.diagram import mlp as picture
from dlnotes.mlp import mlp_scratch
from dlnotes.perceptron import train_perceptron
from dlnotes.style import BLUE, INK, ORANGE
from dlnotes.xor import hand_weights, xor

X, Y = xor()


def test_the_last_line_of_a_run_is_the_heavy_one():
    run = train_perceptron(X, torch.tensor([-1.0, -1, -1, 1]), max_epochs=50)
    figure = picture.perceptron_runs({"与": (X, torch.tensor([-1.0, -1, -1, 1]), run)}, epochs=3)
    lines = figure.axes[0].get_lines()
    assert [line.get_color() == INK for line in lines] == [False] * (len(lines) - 1) + [True]
    assert [bar.get_height() for bar in figure.axes[1].patches] == list(run.mistakes[:3])


def test_a_run_without_a_line_draws_none():
    run = train_perceptron(X, 2 * Y - 1, max_epochs=5)
    figure = picture.perceptron_runs({"异或": (X, 2 * Y - 1, run)}, epochs=5)
    assert not figure.axes[0].get_lines()


def test_the_network_names_every_weight_in_the_colour_of_its_sign():
    figure = picture.network(hand_weights(), ["a", "b"], ["y"])
    colors = {
        t.get_text(): to_hex(t.get_color()) for t in figure.axes[0].texts if t.get_color() in (BLUE, ORANGE)
    }
    assert colors == {"1": BLUE, "-2": ORANGE}
    assert sum(t.get_text().startswith("偏置") for t in figure.axes[0].texts) == 3


def test_regions_have_one_cell_a_model_and_no_border_where_all_is_flat():
    weights = hand_weights()
    scores = {
        "异或": lambda grid: mlp_scratch(grid, weights)[:, 0] - 0.5,
        "死": lambda grid: torch.zeros(len(grid)),
    }
    figure = picture.regions(scores, X, Y > 0, columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["异或", "死"]
    # two sets of points each; only the first has a border besides
    assert [len(axes.collections) for axes in figure.axes] == [3, 2]


def test_folded_points_that_coincide_share_a_label():
    weights = hand_weights()
    hidden = torch.relu(X @ weights["linear1.weight"].T + weights["linear1.bias"])
    figure = picture.folded(
        X, Y > 0, hidden, lambda h: (h @ weights["linear2.weight"].T)[:, 0] - 0.5, ["00", "01", "10", "11"]
    )
    left, right = ([t.get_text() for t in axes.texts] for axes in figure.axes)
    assert left == ["00", "01", "10", "11"]
    assert right == ["00", "01、10", "11"]


def test_templates_are_one_picture_a_unit():
    figure = picture.templates(torch.randn(7, 16), list("abcdefg"), side=4, columns=5)
    assert sum(bool(axes.images) for axes in figure.axes) == 7
