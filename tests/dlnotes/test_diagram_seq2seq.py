"""The picture of training and inference marks what the model got wrong."""

from __future__ import annotations

import pytest

from dlnotes.diagram.seq2seq import unrolled


def test_only_wrong_words_are_crossed_and_they_are_read_at_the_next_step() -> None:
    figure = unrolled(["甲", "<eos>"], ["a", "b", "<eos>"], ["a", "x", "<eos>"])
    written = [text.get_text() for text in figure.axes[0].texts]
    assert [text for text in written if "×" in text] == ["x ×"]
    assert written.count("x") == 1  # as the input of the last step, in the lower row only
    assert written.count("b") == 2  # as output and as input, in the upper row only
    assert written.count("<bos>") == 2


def test_answers_of_another_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 与 1"):
        unrolled(["甲"], ["a", "b"], ["a"])
