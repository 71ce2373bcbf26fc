"""Sentences of different lengths in one tensor."""

from __future__ import annotations

import pytest
import torch

from dlnotes.data.padded import BOS, EOS, PAD, RESERVED, UNK, pad, pair_up, strip, vocabulary


def ids(*lengths: int) -> list[torch.Tensor]:
    return [torch.arange(4, 4 + n) for n in lengths]


def test_the_reserved_tokens_have_the_first_four_numbers() -> None:
    vocab = vocabulary([["b", "a"], ["b"]], min_count=2)
    assert vocab.tokens == (*RESERVED, "b")
    assert [vocab.index[token] for token in RESERVED] == [PAD, UNK, BOS, EOS]
    assert vocab.encode(["b", "a"]).tolist() == [4, UNK]


def test_every_sentence_ends_once_and_then_there_is_only_padding() -> None:
    tokens, lengths = pad(ids(3, 0, 1))
    assert lengths.tolist() == [4, 1, 2]
    assert tokens.tolist() == [[4, 5, 6, EOS], [EOS, PAD, PAD, PAD], [4, EOS, PAD, PAD]]
    assert [strip(row) for row in tokens] == [[4, 5, 6], [], [4]]


def test_strip_without_an_end_keeps_all() -> None:
    assert strip(torch.tensor([4, 5])) == [4, 5]


def test_the_decoders_input_is_the_target_one_step_late() -> None:
    pairs = pair_up(ids(1, 2), ids(2, 1))
    assert pairs.inputs.tolist() == [[BOS, 4, 5], [BOS, 4, EOS]]
    assert pairs.inputs.shape == pairs.target.shape


def test_a_round_has_every_pair_once_and_no_more_padding_than_needed() -> None:
    pairs = pair_up(ids(*range(1, 8)), ids(*range(7, 0, -1)))
    batches = list(pairs.batches(3, generator=torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert sorted(n for batch in batches for n in batch.source_lengths.tolist()) == list(range(2, 9))
    for batch in batches:
        assert batch.source.shape[1] == batch.source_lengths.max()
        assert batch.target.shape[1] == batch.target_lengths.max()
        assert (batch.source_lengths + batch.target_lengths == 10).all()  # pairs stay pairs


def test_without_a_generator_the_order_stays() -> None:
    pairs = pair_up(ids(1, 2, 3), ids(1, 2, 3))
    assert torch.cat([batch.source_lengths for batch in pairs.batches(2)]).tolist() == [2, 3, 4]


def test_unequal_sides_and_no_sentence_are_errors() -> None:
    with pytest.raises(ValueError, match="1 与 2"):
        pair_up(ids(1), ids(1, 2))
    with pytest.raises(ValueError, match="至少要有一句"):
        pad([])
