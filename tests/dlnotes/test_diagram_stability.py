"""The pictures of numerical stability: what is drawn, and that scales and labels are right."""

import pytest
import torch

from dlnotes import lab
from dlnotes.diagram import stability as pictures
from dlnotes.stability import log_growth, lyapunov_exponent


@pytest.fixture(autouse=True)
def _style():
    lab.start()


def test_the_functions_drawn_are_those_named():
    x = torch.linspace(-3, 3, 61, dtype=torch.float64)
    torch.testing.assert_close(pictures.FUNCTIONS["4·sigmoid − 2"](x), 4 * torch.sigmoid(x) - 2)
    top, bottom = pictures.activations().axes
    assert len(top.lines) == len(bottom.lines) == len(pictures.FUNCTIONS) + 1
    slopes = {
        line.get_label(): below.get_ydata().max()
        for line, below in zip(top.lines[:4], bottom.lines[:4], strict=True)
    }
    assert slopes == pytest.approx({"sigmoid": 0.25, "tanh": 1, "ReLU": 1, "4·sigmoid − 2": 1}, abs=1e-6)


def test_growth_is_drawn_in_powers_of_ten():
    logs = log_growth(4, 30, 50, generator=torch.Generator().manual_seed(0))
    figure = pictures.growth(logs, lyapunov_exponent(4), shown=3)
    (axes,) = figure.axes
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert drawn["50 次抽样的均值"][-1] == pytest.approx(logs[:, -1].mean().item() / 2.302585, rel=1e-6)
    theory = drawn["理论的斜率"]
    assert (theory[-1] - theory[0]) * 2.302585 == pytest.approx(29 * lyapunov_exponent(4), rel=1e-5)


def test_histograms_have_a_row_for_each_name_and_a_column_for_each_layer():
    hidden = [torch.randn(10, 4) * 0.1 for _ in range(3)]
    figure = pictures.histograms({"甲": hidden, "乙": hidden}, (1, 3))
    assert len(figure.axes) == 4
    assert [axes.get_title() for axes in figure.axes[:2]] == ["第 1 层", "第 3 层"]
    assert [figure.axes[i].get_ylabel() for i in (0, 2)] == ["甲", "乙"]
    assert figure.axes[3].texts[0].get_text() == f"{hidden[2].std():.1g}"


def test_lines_through_the_layers_are_in_log_scale_and_named_once():
    values = {"He": [1.0, 0.9], "默认": [1.0, 1e-3]}
    figure = pictures.through_layers({"tanh": values, "ReLU": values}, ylabel="激活", levels={"下限": 1e-2})
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["He", "默认", "下限"]
