"""The pictures of the LSTM: what is drawn, and where."""

import pytest
import torch

from dlnotes import lab
from dlnotes.diagram import lstm as diagram
from dlnotes.style import ORANGE


@pytest.fixture(autouse=True)
def _style():
    lab.start()


def test_the_memory_goes_straight_through_and_only_times_and_plus_touch_it():
    (axes,) = diagram.flow().axes
    words = [text.get_text() for text in axes.texts]
    assert words.count("σ") == 3
    assert words.count("tanh") == 2
    assert words.count("×") == 3
    assert words.count("+") == 1
    channel = [line for line in axes.lines if line.get_color() == ORANGE]
    assert len({height for line in channel for height in line.get_ydata()}) == 1
    (top,) = {line.get_ydata()[0] for line in channel}
    said = [text for text in axes.texts if text.get_text()]  # an arrow is a text without words
    on_it = [text.get_text() for text in said if text.get_position()[1] == top]
    assert sorted(on_it) == sorted(["×", "+", "$C_{t-1}$", "$C_t$"])


def test_a_column_of_activity_stands_over_its_letter():
    gates, memory = torch.rand(5, 4), 3 * torch.randn(5, 4)
    figure = diagram.activity("a bc", {"门": gates, "记忆元": memory}, signed={"门": False, "记忆元": True})
    top, bottom = figure.axes
    assert [label.get_text() for label in top.get_xticklabels()] == ["a", "·", "b", "c"]
    assert top.images[0].get_clim() == (0, 1)
    bound = memory.abs().max().item()
    assert bottom.images[0].get_clim() == pytest.approx((-bound, bound))
    assert top.images[0].cmap(0.0)[-1] == bottom.images[0].cmap(0.5)[-1] == pytest.approx(0, abs=0.02)


def test_activity_of_another_length_than_the_text_is_refused():
    with pytest.raises(ValueError, match="3 个字符"):
        diagram.activity("abc", {"门": torch.rand(5, 4)}, signed={"门": False})


def test_spaces_are_marked_where_they_are():
    values = {"一": torch.arange(5.0), "二": torch.ones(5)}
    top, bottom = diagram.along("ab cd", values, ylabels=("上", "下")).axes
    assert top.lines[0].get_ydata().tolist() == [0, 1, 2, 3, 4]
    assert [axes.get_ylabel() for axes in (top, bottom)] == ["上", "下"]
    (band,) = top.patches
    assert band.get_x() == pytest.approx(1.5)
