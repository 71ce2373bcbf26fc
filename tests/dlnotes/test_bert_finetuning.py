"""Fine-tuning: the four heads, packing and truncation, freezing, and the loop that learns."""

import math
from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes import cost
from dlnotes.attention import finetuning
from dlnotes.attention.bert import BERTEncoder
from dlnotes.attention.finetuning import SentenceHead, SpanHead, TokenHead, Tuned, Upper, best_span, levels
from dlnotes.attention.inputs import Inputs, Keep, pack, shares, truncate


def tiny() -> BERTEncoder:
    torch.manual_seed(0)
    return BERTEncoder(20, 16, 2, 2, longest=16, dropout=0.0)


def batch() -> Inputs:
    return pack([[5, 6, 7], [8], [9, 10, 11, 12]], cls=2, sep=3)


def test_the_three_class_head_of_the_course_has_771_parameters() -> None:
    assert cost.count_parameters(SentenceHead(256, 3)) == 771
    assert cost.count_parameters(SpanHead(256)) == 514


@pytest.mark.parametrize(
    ("head", "shape"),
    [(SentenceHead(16, 3), (3, 3)), (TokenHead(16, 4), (3, 6, 4)), (SpanHead(16), (3, 6, 2))],
)
def test_each_head_gives_its_shape_and_gradients_reach_every_parameter(
    head: nn.Module, shape: tuple[int, ...]
) -> None:
    model = Tuned(tiny(), head)
    logits = model(batch())
    assert logits.shape == shape
    logits[logits.isfinite()].square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_mean_leaves_padding_out() -> None:
    states = torch.randn(2, 4, 3)
    found = finetuning.pool(states, torch.tensor([2, 4]), "mean")
    torch.testing.assert_close(found, torch.stack([states[0, :2].mean(0), states[1].mean(0)]))
    assert torch.equal(finetuning.pool(states, torch.tensor([2, 4]), "cls"), states[:, 0])


def test_padding_does_not_change_the_answer() -> None:
    model = Tuned(tiny(), SentenceHead(16, 3, how="mean")).eval()
    alone = model(pack([[8]], cls=2, sep=3))
    torch.testing.assert_close(model(batch())[1:2], alone, atol=1e-6, rtol=1e-5)


def test_padding_is_never_an_answer() -> None:
    logits = Tuned(tiny(), SpanHead(16))(batch())
    assert (logits[1, 3:] == -math.inf).all()
    assert logits[1, :3].isfinite().all()


def test_an_answer_does_not_end_before_it_begins() -> None:
    logits = torch.tensor([[[0.0, 9.0], [1.0, 0.0], [8.0, 3.0]]])
    assert logits.argmax(1).tolist() == [[2, 0]]
    assert best_span(logits).tolist() == [[2, 2]]
    long = torch.tensor([[[5.0, 0.0], [4.0, 0.0], [0.0, 5.0]]])
    assert best_span(long).tolist() == [[0, 2]]
    assert best_span(long, longest=2).tolist() == [[1, 2]]


def test_the_best_span_is_that_of_a_search() -> None:
    logits = torch.randn(5, 7, 2, generator=torch.Generator().manual_seed(0))
    for row, found in zip(logits, best_span(logits).tolist(), strict=True):
        pairs = [(i, j) for i in range(7) for j in range(i, 7)]
        assert tuple(found) == max(pairs, key=lambda p: (row[p[0], 0] + row[p[1], 1]).item())


def test_span_loss_is_the_mean_of_two_cross_entropies() -> None:
    logits, spans = torch.randn(4, 6, 2), torch.tensor([[0, 1], [2, 2], [1, 5], [3, 4]])
    two = [F.cross_entropy(logits[..., k], spans[:, k]) for k in range(2)]
    torch.testing.assert_close(finetuning.span_loss(logits, spans), sum(two) / 2)


def test_ignored_tokens_do_not_count() -> None:
    logits, labels = torch.randn(2, 3, 4), torch.tensor([[1, 2, -100], [-100, 0, -100]])
    kept = torch.stack([logits[0, 0], logits[0, 1], logits[1, 1]])
    expected = F.cross_entropy(kept, torch.tensor([1, 2, 0]))
    torch.testing.assert_close(finetuning.token_loss(logits, labels), expected)


def test_a_pair_is_packed_with_its_segments() -> None:
    inputs = pack([[5, 6], [7]], [[8], [9, 10]], cls=2, sep=3)
    assert inputs.tokens.tolist() == [[2, 5, 6, 3, 8, 3], [2, 7, 3, 9, 10, 3]]
    assert inputs.segments.tolist() == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]]
    assert inputs.select(torch.tensor([1])).lengths.tolist() == [6]


def test_the_longer_of_a_pair_is_cut_first() -> None:
    assert shares(10, 3, 8) == (5, 3)
    assert shares(3, 10, 8) == (3, 5)
    assert shares(6, 6, 7) == (4, 3)
    for a in range(1, 9):
        for b in range(1, 9):
            for room in range(2, 18):
                one, two = shares(a, b, room)
                assert one + two == min(a + b, room)
                assert 0 <= one <= a
                assert 0 <= two <= b
    inputs = pack([[5] * 10], [[6] * 3], cls=2, sep=3, longest=11)
    assert inputs.tokens.shape == (1, 11)


@pytest.mark.parametrize("keep", get_args(Keep))
def test_a_text_that_fits_is_left_alone_and_a_long_one_fills_the_room(keep: Keep) -> None:
    assert truncate([1, 2, 3], 3, keep) == [1, 2, 3]
    assert len(truncate(range(10), 5, keep)) == 5


def test_three_ways_to_cut() -> None:
    assert truncate(range(9), 5, "head") == [0, 1, 2, 3, 4]
    assert truncate(range(9), 5, "tail") == [4, 5, 6, 7, 8]
    assert truncate(range(9), 5, "both") == [0, 1, 2, 7, 8]
    with pytest.raises(ValueError, match="至少"):
        truncate([1], 0)


def test_pairs_of_unequal_number_are_refused() -> None:
    with pytest.raises(ValueError, match="句数"):
        pack([[5]], [[6], [7]], cls=2, sep=3)


def test_the_upper_layers_on_kept_states_are_the_whole_model() -> None:
    encoder, head, inputs = tiny(), SentenceHead(16, 3, dropout=0.0), batch()
    kept = levels(encoder, inputs)
    assert len(kept) == 3
    for start, states in enumerate(kept):
        found = Upper(encoder, head, start)(states, inputs.lengths)
        torch.testing.assert_close(found, Tuned(encoder, head)(inputs))


def test_the_loop_learns_a_batch_and_leaves_what_is_frozen() -> None:
    model, inputs, labels = Tuned(tiny(), SentenceHead(16, 3, dropout=0.0)), batch(), torch.tensor([0, 1, 2])
    finetuning.freeze([model.encoder.embeddings])
    before = model.encoder.embeddings.tokens.weight.clone()
    losses = finetuning.fit(
        model, lambda rows: F.cross_entropy(model(inputs.select(rows)), labels[rows]), 3, epochs=60, lr=5e-3
    )
    assert losses[0] == pytest.approx(math.log(3), abs=0.5)
    assert losses[-1] < 0.1
    assert torch.equal(model.encoder.embeddings.tokens.weight, before)
    assert not model.training
    assert torch.equal(finetuning.predict(model, inputs).argmax(1), labels)


def test_token_logits_of_batches_of_different_length_fit_together() -> None:
    model = Tuned(tiny(), TokenHead(16, 2))
    found = finetuning.predict(model, batch(), batch_size=2)
    assert found.shape == (3, 6, 2)
    assert found[0, :5].isfinite().all()


def test_biases_and_norms_are_not_decayed_and_the_head_is_faster() -> None:
    model = Tuned(tiny(), SentenceHead(16, 3))
    groups = finetuning.groups(model, 1e-3, head=model.head, ratio=10)
    assert sum(p.numel() for g in groups for p in g["params"]) == cost.count_parameters(model)  # type: ignore[attr-defined]
    for group in groups:
        for p in group["params"]:  # type: ignore[attr-defined]
            assert group["weight_decay"] == (0.01 if p.ndim > 1 else 0.0)
            of_head = any(p is q for q in model.head.parameters())
            assert group["lr"] == pytest.approx(1e-2 if of_head else 1e-3)


def test_no_epoch_or_no_sample_is_refused() -> None:
    model = Tuned(tiny(), SentenceHead(16, 3))
    with pytest.raises(ValueError, match="至少"):
        finetuning.fit(model, lambda rows: rows.sum(), 0, epochs=1, lr=1.0)
