"""Filling in a character: the answer is never in the input, except where layers are stacked."""

import pytest
import torch
from torch import nn

from dlnotes.data.text import RandomBatches
from dlnotes.recurrent.bidirectional import Bidirectional
from dlnotes.recurrent.cloze import Cloze, answers, fit
from dlnotes.recurrent.language_model import LanguageModel
from dlnotes.recurrent.leakage import visible

from .learning import assert_every_parameter_has_a_gradient

V, H = 5, 8


def gru(layers: int = 1) -> nn.GRU:
    return nn.GRU(V, H, num_layers=layers, batch_first=True)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_each_position_sees_all_others_and_not_itself():
    tokens = torch.randint(V, (6,))
    everything, later = torch.ones(6, 6, dtype=torch.bool), torch.ones(6, 6).triu(1).bool()
    both = Cloze(Bidirectional(gru(), gru()), V, 2 * H)
    left = Cloze(Bidirectional(gru(), None), V, H)
    right = Cloze(Bidirectional(None, gru()), V, H)
    assert visible(both, tokens).equal(everything.fill_diagonal_(False))
    assert visible(left, tokens).equal(later.T)
    assert visible(right, tokens).equal(later)


class Stacked(Bidirectional):
    """Two layers, each of which joins the two directions."""

    def __init__(self) -> None:
        super().__init__(gru(), gru())
        self.top = Bidirectional(*(nn.GRU(2 * H, H, batch_first=True) for _ in range(2)))

    def read(self, x, lengths=None):
        return self.top.read(torch.cat(super().read(x, lengths), dim=2), lengths)


def test_layers_that_join_the_directions_see_the_answer_and_separate_stacks_do_not():
    tokens = torch.randint(V, (6,))
    joined = visible(Cloze(Stacked(), V, 2 * H), tokens).diagonal()
    assert joined.all()
    separate = Cloze(Bidirectional(gru(2), gru(2)), V, 2 * H)
    assert not visible(separate, tokens).diagonal().any()


def test_a_bidirectional_language_model_sees_the_next_token_and_a_plain_one_does_not():
    tokens = torch.randint(V, (6,))
    for bidirectional in (False, True):
        core = nn.LSTM(V, H, batch_first=True, bidirectional=bidirectional)
        model = LanguageModel(core, V, H * (1 + bidirectional))
        seen = visible(lambda batch, model=model: model(batch)[0], tokens)
        assert seen.diagonal(1).all().item() is bidirectional
        assert seen.diagonal().all()


def test_a_repeating_text_is_filled_in_without_mistakes():
    ids = torch.arange(V).repeat(60)
    data = RandomBatches(ids, 8, 12, generator=torch.Generator().manual_seed(0))
    model = Cloze(Bidirectional(gru(), gru()), V, 2 * H)
    losses = fit(model, data, epochs=20, lr=0.02)
    assert losses[-1] < 0.3 < losses[0]
    logits, labels = answers(model, data, margin=3)
    assert logits.shape == (len(labels), V)
    assert (logits.argmax(dim=1) == labels).all()
    assert len(labels) % (8 * (12 - 6)) == 0


def test_the_margins_are_not_asked():
    data = RandomBatches(torch.arange(V).repeat(20), 2, 10, generator=torch.Generator().manual_seed(0))
    model = Cloze(Bidirectional(gru(), gru()), V, 2 * H)
    batches = len(list(data))
    assert len(answers(model, data, margin=4)[1]) == batches * 2 * 2
    assert model.training


def test_gradients_reach_every_parameter():
    model = Cloze(Bidirectional(gru(), gru()), V, 2 * H)
    model(torch.randint(V, (2, 6))).square().sum().backward()
    assert_every_parameter_has_a_gradient(model)
