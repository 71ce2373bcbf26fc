"""Digits to write backwards: the target is the source reversed, lengths are as asked for."""

import pytest
import torch

from dlnotes.data import padded, reversal


def test_the_target_is_the_source_reversed():
    pairs = reversal.digits(300)
    for source, target in zip(pairs.source, pairs.target, strict=True):
        assert padded.strip(target) == padded.strip(source)[::-1]


def test_lengths_are_as_asked_for_or_every_one_up_to_the_longest():
    pairs = reversal.digits(300)
    assert {n - 1 for n in pairs.source_lengths.tolist()} == set(range(1, reversal.LONGEST + 1))
    assert (reversal.digits(5, 9).source_lengths == 9 + 1).all()  # <eos> counts
    with pytest.raises(ValueError, match="得到 0"):
        reversal.digits(5, 0)


def test_all_ten_digits_occur_and_nothing_else():
    pairs = reversal.digits(300, 4)
    assert pairs.source[:, :-1].unique().tolist() == list(range(reversal.FIRST, reversal.SYMBOLS))
    assert reversal.SYMBOLS == 14


def test_the_seed_alone_decides():
    assert torch.equal(reversal.digits(8, seed=3).source, reversal.digits(8, seed=3).source)
    assert not torch.equal(reversal.digits(8, 5, seed=3).source, reversal.digits(8, 5, seed=4).source)
