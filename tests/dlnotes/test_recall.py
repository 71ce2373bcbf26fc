"""The task of remembering the first symbol: what the questions are, and that they can be learned."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.recurrent.lstm import set_gate_bias
from dlnotes.recurrent.recall import KEYS, SYMBOLS, Reader, examples, practise


def test_the_answer_stands_first_and_nowhere_else():
    x, answers = examples(200, 12, torch.Generator().manual_seed(0))
    assert x.shape == (200, 12, SYMBOLS)
    assert torch.equal(x.sum(dim=2), torch.ones(200, 12))
    tokens = x.argmax(dim=2)
    assert torch.equal(tokens[:, 0], answers)
    assert tokens[:, 1:].min() == KEYS
    assert tokens[:, 1:].max() == SYMBOLS - 1
    assert answers.bincount().min() > 30


def test_the_same_generator_asks_the_same_questions():
    one, other = (examples(5, 7, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_a_question_without_a_step_is_refused():
    with pytest.raises(ValueError, match="至少"):
        examples(1, 0)


def test_one_that_cannot_read_stays_at_chance():
    reader = Reader(nn.LSTM(SYMBOLS, 4, batch_first=True), 4)
    nn.init.zeros_(reader.head.weight)
    nn.init.zeros_(reader.head.bias)
    x, answers = examples(50, 5)
    assert F.cross_entropy(reader(x), answers).item() == pytest.approx(math.log(KEYS))


def test_an_lstm_learns_it_and_stops_when_it_has():
    torch.manual_seed(0)
    core = nn.LSTM(SYMBOLS, 16, batch_first=True)
    set_gate_bias(core, "f", 2)
    reader = Reader(core, 16)
    losses = practise(reader, 8, updates=400, lr=0.02, generator=torch.Generator().manual_seed(0))
    assert losses[-1] < 0.02 < losses[-2]
    assert len(losses) < 400
    x, answers = examples(200, 8)
    assert (reader(x).argmax(dim=1) == answers).double().mean() > 0.98


def test_it_stops_after_the_given_number_of_updates():
    reader = Reader(nn.RNN(SYMBOLS, 4, batch_first=True), 4)
    assert len(practise(reader, 30, updates=3, lr=0.01)) == 3
