"""Text: the vocabulary, the split by position, and batches that do or do not continue each other."""

from itertools import pairwise

import pytest
import torch

from dlnotes.data.text import UNKNOWN, RandomBatches, RowBatches, SequentialBatches, Vocabulary, split


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_tokens_are_ordered_by_count_then_alphabet_after_the_reserved():
    vocabulary = Vocabulary("banana cab", reserved=("<pad>", UNKNOWN))
    assert vocabulary.tokens == ("<pad>", UNKNOWN, "a", "b", "n", " ", "c")
    assert len(vocabulary) == 7
    assert vocabulary.counts["a"] == 4


def test_encoding_and_decoding_are_inverse_and_the_unknown_is_marked():
    vocabulary = Vocabulary(["go", "home", "go"])
    assert vocabulary.encode(["home", "alone", "go"]).tolist() == [2, 0, 1]
    assert vocabulary.text(vocabulary.encode(["go", "alone"]), separator=" ") == f"go {UNKNOWN}"
    assert vocabulary.decode(torch.tensor([1, 2])) == ["go", "home"]


def test_rare_tokens_are_left_out():
    assert Vocabulary("aabbc", min_count=2).tokens == (UNKNOWN, "a", "b")


def test_a_vocabulary_without_the_unknown_is_refused():
    with pytest.raises(ValueError, match=UNKNOWN):
        Vocabulary("abc", reserved=("<pad>",))


def test_a_split_is_by_position_and_loses_nothing():
    parts = split(torch.arange(101), val=0.2, test=0.1)
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [71, 20, 10]
    assert torch.equal(torch.cat([parts.train, parts.val, parts.test]), torch.arange(101))


@pytest.mark.parametrize(("val", "test"), [(0.0, 0.1), (0.5, 0.5), (0.1, 1.0)])
def test_a_split_without_a_part_is_refused(val, test):
    with pytest.raises(ValueError, match="大于 0"):
        split(torch.arange(10), val=val, test=test)


@pytest.mark.parametrize("generator", [None, seeded()])
@pytest.mark.parametrize("kind", [SequentialBatches, RandomBatches])
def test_targets_are_the_inputs_one_later(kind, generator):
    for inputs, targets in kind(torch.arange(100), 3, 5, generator=generator):
        assert inputs.shape == targets.shape == (3, 5)
        assert torch.equal(targets, inputs + 1)


@pytest.mark.parametrize("generator", [None, seeded(3)])
def test_sequential_batches_continue_each_other(generator):
    batches = SequentialBatches(torch.arange(200), 4, 7, generator=generator)
    found = list(batches)
    assert batches.carry
    assert len(found) == 7 if generator is None else 6 <= len(found) <= 7
    for (before, _), (after, _) in pairwise(found):
        assert torch.equal(after[:, 0], before[:, -1] + 1)


def test_without_a_generator_every_round_is_the_same_and_starts_at_the_beginning():
    batches = SequentialBatches(torch.arange(61), 2, 10)
    first, again = list(batches), list(batches)
    assert first[0][0][0, 0] == 0
    assert torch.cat([inputs for inputs, _ in first], dim=1).tolist() == [
        list(range(30)),
        list(range(30, 60)),
    ]
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))


def test_random_batches_cover_the_text_once_in_another_order():
    batches = RandomBatches(torch.arange(1_000), 5, 10, generator=seeded(1))
    rounds = [torch.cat([inputs for inputs, _ in batches]) for _ in range(2)]
    assert not batches.carry
    for windows in rounds:
        assert len(windows.flatten().unique()) == windows.numel() >= 940
    starts = rounds[0][:, 0]
    assert not torch.equal(starts, starts.sort().values)
    assert not torch.equal(*rounds)


def test_offsets_include_zero_and_never_a_whole_step():
    batches = SequentialBatches(torch.arange(60), 1, 4, generator=seeded(0))
    starts = {int(next(iter(batches))[0][0, 0]) for _ in range(100)}
    assert starts == {0, 1, 2, 3}


@pytest.mark.parametrize("kind", [SequentialBatches, RandomBatches])
def test_a_text_too_short_for_one_batch_is_refused(kind):
    with pytest.raises(ValueError, match="才凑得出一批"):
        kind(torch.arange(20), 4, 5)
    assert list(kind(torch.arange(25), 4, 5, generator=seeded()))


def test_rows_come_once_each_in_order_or_shuffled_anew_every_round():
    ids = 10 * torch.arange(7)[:, None] + torch.arange(4)
    plain = RowBatches(ids, 3)
    assert not plain.carry
    assert [len(inputs) for inputs, _ in plain] == [3, 3, 1]
    assert torch.equal(torch.cat([inputs for inputs, _ in plain]), ids[:, :-1])
    assert torch.equal(torch.cat([targets for _, targets in plain]), ids[:, 1:])
    shuffled = RowBatches(ids, 3, generator=seeded(1))
    rounds = [torch.cat([inputs for inputs, _ in shuffled]) for _ in range(2)]
    assert not torch.equal(*rounds)
    for inputs in rounds:
        assert torch.equal(inputs[inputs[:, 0].argsort()], ids[:, :-1])


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_rows_without_a_next_token_are_refused(shape):
    with pytest.raises(ValueError, match="T ≥ 1"):
        RowBatches(torch.zeros(shape, dtype=torch.long), 2)
