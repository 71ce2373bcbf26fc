"""Pictures of the bidirectional layer: what is drawn, and what is marked as a leak."""

import pytest
import torch

from dlnotes.diagram.bidirectional import chains, sight
from dlnotes.style import INK, ORANGE


def test_every_step_has_a_box_in_each_direction():
    (axes,) = chains(["a", "b", "c"], 1).axes
    boxes = [patch for patch in axes.patches if type(patch).__name__ == "FancyBboxPatch"]
    assert len(boxes) == 3 * 3 + 1
    with pytest.raises(IndexError, match="0 到 2"):
        chains(["a", "b", "c"], 3)


def test_a_visible_answer_is_orange():
    leaky, honest = torch.ones(4, 4).bool(), torch.ones(4, 4).tril().bool()
    figure = sight({"leaky": leaky, "honest": honest}, (1, 1))
    colors = [{line.get_color() for line in axes.lines} for axes in figure.axes]
    assert colors == [{ORANGE}, {INK}]
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    with pytest.raises(ValueError, match="2 格"):
        sight({"a": leaky, "b": honest}, (1,))
