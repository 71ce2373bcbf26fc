"""The pictures of VGG: what they draw is read from the models and the numbers that they are given."""

import pytest
import torch
from torch import nn

from dlnotes.convnets.vgg import TABLE_1, VGG
from dlnotes.diagram.vgg import balance, paths, stacks


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_every_layer_with_weights_is_a_box_from_the_input_up():
    with torch.device("meta"):
        net = VGG(TABLE_1["D"], 10)
    (axes,) = stacks({"VGG-16": net}).axes
    *layers, title = axes.texts
    assert title.get_text() == "VGG-16"
    assert len(layers) == len(axes.patches) == 16
    assert [t.get_text() for t in layers][:3] == ["3×3, 64", "3×3, 64", "3×3, 128"]
    heights = [t.get_position()[1] for t in axes.texts]
    assert heights == sorted(heights)


def test_wide_kernels_have_a_colour_of_their_own():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 5), nn.Conv2d(2, 2, 11))
    (axes,) = stacks({"": net}).axes
    narrow, *wide = [patch.get_edgecolor() for patch in axes.patches]
    assert len(set(wide)) == 1
    assert narrow not in wide


def test_numbers_are_written_into_their_cells_and_zero_is_left_out():
    (axes,) = paths({"三": torch.tensor([[0.0, 2.0], [0.0, 1.0]])}).axes
    assert {(t.get_position(), t.get_text()) for t in axes.texts} == {((1, 0), "2"), ((1, 1), "1")}


def test_each_side_is_in_percent_of_its_own_sum():
    left, right = balance(["a", "b"], [3, 1], [0, 5], ("甲", "乙")).axes
    assert [w.strip() for w in words(left)] == ["75.0%", "25.0%"]
    assert [w.strip() for w in words(right)] == ["0.0%", "100.0%"]
    assert left.xaxis_inverted()
    assert not right.xaxis_inverted()
    assert [bar.get_width() for bar in right.patches] == pytest.approx([0, 1])
