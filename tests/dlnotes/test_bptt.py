"""Gradients through time: how far they reach, and what cutting them changes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.recurrent.bptt import graph_size, truncated_gradient
from dlnotes.recurrent.influence import influence
from dlnotes.recurrent.language_model import LanguageModel
from dlnotes.recurrent.rnn import RNNCell, Unrolled


@pytest.fixture
def model() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(Unrolled(RNNCell(5, 6)), 5, 6).double()


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(5, (3, 13), generator=torch.Generator().manual_seed(0))


def test_influence_is_the_norm_of_the_jacobian(model):
    torch.manual_seed(1)
    x = torch.randn(1, 6, 5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: model.core(x)[0][0, -1], x)  # (H, 1, T, D)
    exact = jacobian.square().sum(dim=(0, 1, 3)).sqrt()
    found = influence(model.core, x, draws=4_000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, exact, rtol=0.06, atol=0)


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_without_a_nonlinearity_influence_is_a_power_of_the_distance(size):
    class Linear(nn.Module):
        def forward(self, x):
            state, outputs = torch.zeros_like(x[:, 0]), []
            for x_t in x.unbind(1):
                state = size * state + x_t
                outputs.append(state)
            return torch.stack(outputs, 1), state

    found = influence(Linear(), torch.zeros(4, 8, 3), draws=200, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found[:-1] / found[1:], torch.full((7,), size, dtype=torch.float64))


def test_any_core_has_an_influence():
    for core in (nn.GRU(4, 5, num_layers=2, batch_first=True), nn.LSTM(4, 5, batch_first=True)):
        found = influence(core, torch.randn(2, 9, 4))
        assert found.shape == (9,)
        assert found[-1] > 2 * found[0] > 0


@pytest.mark.parametrize("window", [13, 50])
def test_a_window_over_everything_gives_the_whole_gradient(model, tokens, window):
    inputs, targets = tokens, tokens.roll(-1, dims=1)
    logits, _ = model(inputs)
    F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    whole = torch.cat([p.grad.flatten() for p in model.parameters()])
    torch.testing.assert_close(truncated_gradient(model, inputs, targets, window), whole)


def test_the_head_loses_nothing_by_cutting_and_the_recurrence_does(model, tokens):
    inputs, targets = tokens, tokens.roll(-1, dims=1)
    whole, cut = (truncated_gradient(model, inputs, targets, window) for window in (13, 1))
    head = sum(p.numel() for p in model.head.parameters())
    torch.testing.assert_close(cut[-head:], whole[-head:])
    assert (cut - whole)[:-head].norm() > 0.01 * whole[:-head].norm()


def test_a_window_of_nothing_is_refused(model, tokens):
    with pytest.raises(ValueError, match="window"):
        truncated_gradient(model, tokens, tokens, 0)


def test_the_graph_grows_by_the_step_and_is_gone_when_detached():
    a = torch.ones(2, requires_grad=True)
    assert graph_size(a * 2) == 2  # the product and the leaf's accumulator
    assert graph_size(a * 2 + a) == 3
    assert graph_size((a * 2).detach()) == 0
