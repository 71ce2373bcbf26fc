"""The task of remembering the marked symbol: only the mark tells it from the distractors."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.recurrent.marked import sequences
from dlnotes.recurrent.recall import Reader


def test_only_the_first_step_is_marked_and_it_is_the_answer():
    x, answers = sequences(50, 7, generator=torch.Generator().manual_seed(0))
    assert x.shape == (50, 7, 5)
    assert torch.equal(x[:, :, :4].sum(2), torch.ones(50, 7))
    assert torch.equal(x[:, 0, :4].argmax(1), answers)
    assert x[:, 0, 4].eq(1).all()
    assert x[:, 1:, 4].eq(0).all()
    assert set(answers.tolist()) == {0, 1, 2, 3}


def test_the_distractors_know_nothing_of_the_answer():
    x, answers = sequences(20_000, 2, generator=torch.Generator().manual_seed(0))
    same = x[:, 1, :4].argmax(1).eq(answers).double().mean()
    assert abs(same - 1 / 4) < 0.02


def test_a_question_without_a_step_is_refused():
    with pytest.raises(ValueError, match="至少"):
        sequences(1, 0)


def test_one_batch_is_learned_by_heart():
    torch.manual_seed(0)
    model = Reader(nn.GRU(5, 16, batch_first=True), 16)
    x, answers = sequences(64, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        loss = F.cross_entropy(model(x), answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model(x).argmax(1).eq(answers).all()
