"""BLEU by hand."""

from __future__ import annotations

import math

import pytest

from dlnotes import bleu


def test_the_worked_example_of_the_book() -> None:
    """Label A B C D E F, prediction A B B C D."""
    assert [bleu.precision("ABBCD", "ABCDEF", n) for n in (1, 2, 3, 4)] == [(4, 5), (3, 4), (1, 3), (0, 2)]
    by_hand = math.exp(1 - 6 / 5) * (4 / 5) ** (1 / 2) * (3 / 4) ** (1 / 4) * (1 / 3) ** (1 / 8)
    assert bleu.sentence("ABBCD", "ABCDEF", 3) == pytest.approx(by_hand)
    assert bleu.sentence("ABBCD", "ABCDEF", 4) == 0


def test_a_repeated_word_counts_only_as_often_as_the_reference_has_it() -> None:
    """Papineni et al., §2.1: `the the the the the the the` against `the cat is on the mat`: 2/7."""
    assert bleu.precision(
        ["the", "the", "the", "the", "the", "the", "the"], ["the", "cat", "is", "on", "the", "mat"], 1
    ) == (2, 7)


@pytest.mark.parametrize("prediction", ["", "A", "AB"])
def test_a_prediction_shorter_than_k_scores_zero_without_an_error(prediction: str) -> None:
    assert bleu.sentence(prediction, "ABC", 3) == 0
    assert bleu.corpus([prediction], ["ABC"], 3) == 0


def test_the_same_sentence_scores_one() -> None:
    assert bleu.sentence("ABCD", "ABCD", 4) == 1
    assert bleu.corpus(["ABCD", "XYZWV"], ["ABCD", "XYZWV"]) == pytest.approx(1)


def test_only_short_predictions_are_punished() -> None:
    assert bleu.brevity_penalty(5, 6) == pytest.approx(math.exp(-1 / 5))
    assert bleu.brevity_penalty(7, 6) == bleu.brevity_penalty(6, 6) == 1
    assert bleu.brevity_penalty(0, 6) == 0


def test_corpus_bleu_adds_counts_before_dividing() -> None:
    predictions, references = ["AB", "CDEF"], ["AX", "CDEF"]
    by_hand = math.sqrt((1 + 4) / (2 + 4) * (0 + 3) / (1 + 3))
    assert bleu.corpus(predictions, references, 2) == pytest.approx(by_hand)
    mean = sum(bleu.corpus([p], [r], 2) for p, r in zip(predictions, references, strict=True)) / 2
    assert mean == pytest.approx(0.5)  # the mean over sentences is another number
    assert mean < by_hand


def test_wrong_arguments_are_errors() -> None:
    with pytest.raises(ValueError, match="n 至少是 1"):
        bleu.precision("A", "A", 0)
    with pytest.raises(ValueError, match="1 与 2"):
        bleu.corpus(["A"], ["A", "B"])
    with pytest.raises(ValueError, match="0 与 0"):
        bleu.corpus([], [])
