"""The decoder with attention: one step at a time is what was trained, and padding is not seen."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dlnotes import cost
from dlnotes.attention.alignment import AttentionDecoder, alignments, attention_seq2seq
from dlnotes.data.padded import PAD, Pairs
from dlnotes.recurrent.decoding import beam, greedy
from dlnotes.recurrent.seq2seq import Encoder, gru_seq2seq
from dlnotes.recurrent.teacher_forcing import fit

from .learning import assert_every_parameter_has_a_gradient
from .sequences import assert_same_loss_and_gradients, assert_selected_rows_go_on_alone, reversals


def test_counts_of_the_reference() -> None:
    net = attention_seq2seq(184, 201, embedding=32, hidden=32, layers=2, dropout=0.1)
    assert cost.count_parameters(net.encoder) == 18_560
    assert cost.count_parameters(net.decoder.attention) == 2_080
    assert cost.count_parameters(net) == 49_449
    plain = gru_seq2seq(184, 201, embedding=32, hidden=32, layers=2)
    assert cost.count_parameters(net) - cost.count_parameters(plain) == 2_080


def test_shapes_of_the_reference() -> None:
    encoded = Encoder(10, 8, 16, layers=2)(torch.zeros(4, 7, dtype=torch.long), torch.full((4,), 7))
    decoder = AttentionDecoder(10, 8, 16, layers=2)
    logits, state, weights = decoder.unroll(torch.zeros(4, 7, dtype=torch.long), decoder.initial(encoded))
    assert logits.shape == (4, 7, 10)
    assert state.hidden.shape == (2, 4, 16)
    assert weights.shape == (4, 7, 7)


@pytest.mark.parametrize("layers", [1, 2])
def test_step_by_step_equals_teacher_forcing(layers: int) -> None:
    torch.manual_seed(0)
    net, pairs = attention_seq2seq(10, 10, embedding=8, hidden=16, layers=layers).eval(), reversals()
    whole = net(pairs.source, pairs.source_lengths, pairs.inputs)
    weights = alignments(net, pairs)
    state = net.start(pairs.source, pairs.source_lengths)
    for t in range(pairs.inputs.shape[1]):
        logits, state, row = net.decoder.unroll(pairs.inputs[:, t : t + 1], state)
        torch.testing.assert_close(logits[:, 0], whole[:, t], atol=1e-5, rtol=0)
        torch.testing.assert_close(row[:, 0], weights[:, t], atol=1e-5, rtol=0)


def test_a_step_is_the_formula() -> None:
    torch.manual_seed(0)
    net, pairs = attention_seq2seq(10, 10, embedding=8, hidden=16), reversals()
    state, decoder = net.start(pairs.source, pairs.source_lengths), net.decoder
    logits, after, weights = decoder.unroll(pairs.inputs[:, :1], state)
    n = int(pairs.source_lengths[3])
    query, values = state.hidden[-1, 3], state.values[3, :n]
    scores = [
        decoder.attention.w.weight[0]
        @ torch.tanh(decoder.attention.W_q.weight @ query + decoder.attention.W_k.weight @ key)
        for key in values
    ]
    share = torch.stack(scores).softmax(0)
    torch.testing.assert_close(weights[3, 0, :n], share)
    x = torch.cat([decoder.embedding(pairs.inputs[3, 0]), share @ values])
    cell = torch.nn.GRUCell(24, 16)
    for name, parameter in cell.named_parameters():
        parameter.data.copy_(decoder.gru.get_parameter(f"{name}_l0"))
    torch.testing.assert_close(after.hidden[0, 3], cell(x, query))
    torch.testing.assert_close(logits[3, 0], decoder.head(after.hidden[0, 3]))


def test_padding_of_either_side_changes_neither_loss_nor_gradient() -> None:
    torch.manual_seed(0)
    net, pairs = attention_seq2seq(10, 10, embedding=8, hidden=16), reversals()
    source, target = (F.pad(side, (0, 4), value=PAD) for side in (pairs.source, pairs.target))
    longer = Pairs(source, pairs.source_lengths, target, pairs.target_lengths)
    assert_same_loss_and_gradients(net, pairs, longer)
    weights = alignments(net, longer)
    torch.testing.assert_close(weights.sum(2), torch.ones(weights.shape[:2]))
    for row, length in zip(weights, pairs.source_lengths.tolist(), strict=True):
        assert not row[:, length:].any()


def test_selecting_rows_of_a_state_is_decoding_these_rows() -> None:
    torch.manual_seed(0)
    net, pairs = attention_seq2seq(10, 10, embedding=8, hidden=16, layers=2), reversals()
    assert_selected_rows_go_on_alone(net, pairs)


def test_four_pairs_are_learnt_and_both_searches_write_them() -> None:
    torch.manual_seed(0)
    net, pairs = attention_seq2seq(10, 10, embedding=8, hidden=32), reversals()
    record = fit(net, pairs, pairs, epochs=80, lr=0.02, batch_size=4)
    assert record.val[-1] < 0.05 < 1 < record.train[0]
    assert_every_parameter_has_a_gradient(net)
    said = greedy(net, pairs.source, pairs.source_lengths, 6)
    assert said[0] == pairs.target[0, :5].tolist()
    best = beam(net, pairs.source[0], 3, 6)[0]
    assert best.tokens == tuple(pairs.target[0].tolist())


def test_a_decoder_without_attention_has_no_alignments() -> None:
    with pytest.raises(TypeError, match="ContextDecoder"):
        alignments(gru_seq2seq(10, 10, embedding=8, hidden=16), reversals())
