"""The pictures of NiN and of class activation maps: what is drawn, and in what number."""

import pytest
import torch

from dlnotes import lab
from dlnotes.diagram import nin as diagram
from dlnotes.diagram.cam import overlays


@pytest.fixture(autouse=True)
def _style():
    lab.start()


@pytest.mark.parametrize("units", [3, 5])
def test_every_unit_of_the_small_perceptron_is_joined_to_all_of_the_last(units):
    (axes,) = diagram.mlpconv(units).axes
    wires = [line for line in axes.get_lines() if line.get_zorder() == 1]
    assert len(wires) == 3 * units**2
    dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [units] * 3


def test_only_the_upper_ending_has_fully_connected_layers():
    (axes,) = diagram.endings().axes
    words = [text.get_text() for text in axes.texts]
    assert {"fc6", "fc7", "fc8", "各取平均"} <= set(words)
    lower = [text.get_text() for text in axes.texts if text.get_position()[1] < 4]
    assert not any(word.startswith("fc") for word in lower)


def test_the_heat_lies_on_its_picture():
    pictures, heat = torch.rand(3, 8, 8), torch.rand(3, 8, 8)
    figure = overlays(pictures, heat, ["a", "b", "c"], columns=2)
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["a", "b", "c"]
    for axes, picture, warmth in zip(drawn, pictures, heat, strict=True):
        below, above = (torch.as_tensor(image.get_array()) for image in axes.images)
        torch.testing.assert_close(below, picture)
        torch.testing.assert_close(above, warmth)


def test_heat_of_zero_is_transparent():
    figure = overlays(torch.rand(1, 4, 4), torch.zeros(1, 4, 4), ["a"])
    warmth = figure.axes[0].images[1]
    assert warmth.cmap(0.0)[-1] == 0
    assert warmth.cmap(1.0)[-1] > 0.8


def test_a_picture_without_heat_is_refused():
    with pytest.raises(ValueError, match="一样多"):
        overlays(torch.rand(2, 4, 4), torch.rand(1, 4, 4), ["a", "b"])
