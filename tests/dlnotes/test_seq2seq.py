"""Encoder and decoder: padding changes nothing, and decoding step by step is what was trained."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from dlnotes import cost
from dlnotes.data.padded import PAD, Pairs
from dlnotes.recurrent.seq2seq import ContextDecoder, Encoder, gru_seq2seq
from dlnotes.recurrent.teacher_forcing import evaluate, fit, mask, masked_losses

from .learning import assert_every_parameter_has_a_gradient
from .sequences import assert_same_loss_and_gradients, assert_selected_rows_go_on_alone, reversals


def test_counts_of_the_reference() -> None:
    net = gru_seq2seq(184, 201, embedding=32, hidden=32, layers=2, dropout=0.1)
    assert cost.count_parameters(net.encoder) == 18_560
    assert cost.count_parameters(net.decoder) == 28_809
    assert cost.count_parameters(net) == 47_369


def test_shapes_of_the_reference() -> None:
    encoded = Encoder(10, 8, 16, layers=2)(torch.zeros(4, 7, dtype=torch.long), torch.full((4,), 7))
    assert encoded.outputs.shape == (4, 7, 16)
    assert encoded.state.shape == (2, 4, 16)
    decoder = ContextDecoder(10, 8, 16, layers=2)
    logits, state = decoder(torch.zeros(4, 7, dtype=torch.long), decoder.initial(encoded))
    assert logits.shape == (4, 7, 10)
    assert state.hidden.shape == (2, 4, 16)


@pytest.mark.parametrize("layers", [1, 2])
def test_padding_does_not_change_the_encoding(layers: int) -> None:
    torch.manual_seed(0)
    encoder = Encoder(10, 8, 16, layers).eval()
    pairs = reversals()
    together = encoder(pairs.source, pairs.source_lengths)
    longer = encoder(F.pad(pairs.source, (0, 3), value=PAD), pairs.source_lengths)
    torch.testing.assert_close(longer.state, together.state)
    for i, length in enumerate(pairs.source_lengths.tolist()):
        alone = encoder(pairs.source[i : i + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together.state[:, i], alone.state[:, 0])
        torch.testing.assert_close(together.outputs[i, :length], alone.outputs[0])
        torch.testing.assert_close(together.state[-1, i], together.outputs[i, length - 1])
        assert not together.outputs[i, length:].any()


def test_without_lengths_the_last_state_would_depend_on_the_padding() -> None:
    torch.manual_seed(0)
    encoder, pairs = Encoder(10, 8, 16), reversals()
    unpacked, _ = encoder.gru(encoder.embedding(pairs.source))
    packed = encoder(pairs.source, pairs.source_lengths)
    assert (unpacked[2, -1] - packed.state[-1, 2]).abs().max() > 0.01


@pytest.mark.parametrize("layers", [1, 2])
def test_step_by_step_equals_teacher_forcing(layers: int) -> None:
    torch.manual_seed(0)
    net = gru_seq2seq(10, 10, embedding=8, hidden=16, layers=layers).eval()
    pairs = reversals()
    whole = net(pairs.source, pairs.source_lengths, pairs.inputs)
    state = net.start(pairs.source, pairs.source_lengths)
    for t in range(pairs.inputs.shape[1]):
        logits, state = net.decoder(pairs.inputs[:, t : t + 1], state)
        torch.testing.assert_close(logits[:, 0], whole[:, t], atol=1e-5, rtol=0)


def test_selecting_rows_of_a_state_is_decoding_these_rows() -> None:
    torch.manual_seed(0)
    net, pairs = gru_seq2seq(10, 10, embedding=8, hidden=16, layers=2), reversals()
    assert_selected_rows_go_on_alone(net, pairs)


def test_masked_losses_of_the_reference() -> None:
    losses = masked_losses(torch.ones(3, 4, 10), torch.ones(3, 4, dtype=torch.long), torch.tensor([4, 2, 0]))
    torch.testing.assert_close(losses.mean(dim=1), torch.tensor([2.3026, 1.1513, 0]), atol=1e-4, rtol=0)
    assert losses.sum().item() / 6 == pytest.approx(math.log(10))


def test_the_masked_mean_is_cross_entropy_that_ignores_padding() -> None:
    torch.manual_seed(0)
    pairs = reversals()
    logits = torch.randn(*pairs.target.shape, 10, requires_grad=True)
    ours = masked_losses(logits, pairs.target, pairs.target_lengths).sum() / pairs.target_lengths.sum()
    theirs = F.cross_entropy(logits.flatten(0, 1), pairs.target.flatten(), ignore_index=PAD)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)))


def test_the_mask_is_true_up_to_the_length() -> None:
    assert mask(torch.tensor([1, 3, 0]), 3).int().tolist() == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]


def test_padding_of_the_target_changes_neither_loss_nor_gradient() -> None:
    torch.manual_seed(0)
    net, pairs = gru_seq2seq(10, 10, embedding=8, hidden=16), reversals()
    target = F.pad(pairs.target, (0, 4), value=PAD)
    padded = Pairs(pairs.source, pairs.source_lengths, target, pairs.target_lengths)
    assert_same_loss_and_gradients(net, pairs, padded)


def test_the_score_does_not_depend_on_the_batch_size() -> None:
    torch.manual_seed(0)
    net, pairs = gru_seq2seq(10, 10, embedding=8, hidden=16), reversals()
    assert evaluate(net, pairs, batch_size=1) == pytest.approx(evaluate(net, pairs), rel=1e-5)
    assert evaluate(net, pairs) == pytest.approx(math.log(10), abs=0.3)
    assert net.training


def test_four_pairs_are_learnt_by_heart() -> None:
    torch.manual_seed(0)
    net, pairs = gru_seq2seq(10, 10, embedding=8, hidden=32), reversals()
    seen: list[int] = []
    record = fit(
        net, pairs, pairs, epochs=80, lr=0.02, batch_size=4, on_epoch=lambda _, epoch: seen.append(epoch)
    )
    assert seen == list(range(1, 81))
    assert record.val[-1] < 0.05 < 1 < record.train[0]
    assert_every_parameter_has_a_gradient(net.decoder.gru)
    assert_every_parameter_has_a_gradient(net.encoder.gru)


def test_no_epoch_is_an_error() -> None:
    with pytest.raises(ValueError, match="epochs 至少是 1"):
        fit(gru_seq2seq(10, 10, embedding=8, hidden=16), reversals(), reversals(), epochs=0, lr=0.01)
