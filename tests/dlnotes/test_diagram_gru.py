"""The pictures of the gated unit say what they should, and refuse what does not fit."""

import pytest
import torch

from dlnotes.diagram.gru import cell, over_text


def words(axes) -> set[str]:
    return {text.get_text() for text in axes.texts}


def test_the_step_names_both_gates_the_candidate_and_the_states():
    (axes,) = cell().axes
    assert {"重置门 r", "更新门 z", r"候选 $\tilde{h}$", "$h_{t-1}$", "$h_t$", "$x_t$"} <= words(axes)


def test_a_column_is_a_character_and_a_row_is_a_unit():
    figure = over_text("to be", {"更新门": torch.rand(5, 3), "重置门": torch.rand(5, 4)})
    upper, lower = figure.axes
    assert upper.images[0].get_array().shape == (3, 5)
    assert lower.images[0].get_array().shape == (4, 5)
    assert [label.get_text() for label in upper.get_xticklabels()] == list("to·be")
    assert upper.get_title(loc="left") == "更新门"


def test_gates_of_another_text_are_refused():
    with pytest.raises(ValueError, match="4 步"):
        over_text("to be", {"更新门": torch.rand(4, 3)})
