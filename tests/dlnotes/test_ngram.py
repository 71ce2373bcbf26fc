"""n-grams: probabilities that sum to one, counts by hand, the baselines of the literature."""

import math

import pytest
import torch

from dlnotes.recurrent.ngram import NGram

IDS = torch.tensor([0, 1, 0, 1, 1, 2])


def test_order_zero_is_uniform():
    assert NGram(0, 28).fit(IDS).perplexity(IDS) == pytest.approx(28)


def test_unsmoothed_probabilities_are_relative_frequencies():
    bigram = NGram(2, 3, strength=0).fit(IDS)
    assert NGram(1, 3, strength=0).fit(IDS).probabilities(IDS[:2]).tolist() == [2 / 6, 3 / 6]
    assert bigram.probabilities(IDS).tolist() == pytest.approx([1, 1 / 3, 1, 1 / 3, 1 / 3])
    assert bigram.perplexity(torch.tensor([0, 0])) == math.inf


def test_smoothing_mixes_with_the_order_below():
    unigram = (3 + 2 * 1 / 3) / (6 + 2)
    found = NGram(2, 3, strength=2).fit(IDS).probabilities(torch.tensor([0, 1]))
    assert found.item() == pytest.approx((2 + 2 * unigram) / (2 + 2))


@pytest.mark.parametrize("strength", [0.0, 0.5, 5.0])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_every_distribution_sums_to_one(order, strength):
    model = NGram(order, 3, strength).fit(IDS)
    for context in ([0, 1], [1, 2], [2, 2]):  # (2, 2) was never seen, and 2 has no follower
        assert model.next_distribution(context).sum().item() == pytest.approx(1)


def test_an_unknown_history_falls_back_to_the_order_below():
    bigram, unigram = NGram(2, 3).fit(IDS), NGram(1, 3).fit(IDS)
    torch.testing.assert_close(bigram.next_distribution([2]), unigram.next_distribution([]))


def test_a_history_too_short_is_refused():
    with pytest.raises(ValueError, match="至少要有 2 个"):
        NGram(3, 3).fit(IDS).next_distribution([1])


def test_a_larger_vocabulary_than_fits_is_refused():
    with pytest.raises(ValueError, match="int64"):
        NGram(6, 5_000)
    with pytest.raises(ValueError, match="负数"):
        NGram(-1, 3)


def test_more_context_helps_on_held_out_text():
    from dlnotes.data import shakespeare
    from dlnotes.data.text import split

    parts = split(shakespeare.load(400_000).ids)
    found = [NGram(order, 28).fit(parts.train).perplexity(parts.val) for order in range(5)]
    assert found == pytest.approx([28, 16.663, 9.929, 6.633, 4.965], abs=2e-3)
