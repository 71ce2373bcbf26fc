"""The recurrent layer from scratch: equal to nn.RNN in outputs and gradients."""

import pytest
import torch
from torch import nn

from dlnotes.recurrent.rnn import RNNCell, Unrolled

from .sequences import assert_gradients_are_those_of, assert_two_layers_can_be_copied


@pytest.fixture
def both() -> tuple[Unrolled, nn.RNN]:
    torch.manual_seed(0)
    reference = nn.RNN(5, 7, batch_first=True)
    own = Unrolled(RNNCell(5, 7))
    own.cell.copy_from(reference)
    return own, reference


@pytest.mark.parametrize("given", [False, True])
def test_outputs_and_gradients_equal_those_of_torch(both, given):
    own, reference = both
    x, start = torch.randn(3, 11, 5), torch.randn(3, 7) if given else None
    outputs, last = own(x, start)
    expected, expected_last = reference(x, None if start is None else start[None])
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(last, expected_last[0])
    weights = torch.randn_like(outputs)
    (outputs * weights).sum().backward()
    (expected * weights).sum().backward()
    assert_gradients_are_those_of(reference, own.cell)


def test_a_deeper_layer_can_be_copied():
    stack = nn.RNN(5, 7, num_layers=2, batch_first=True)
    assert_two_layers_can_be_copied(stack, (RNNCell(5, 7), RNNCell(7, 7)))


def test_two_halves_with_the_state_handed_over_are_the_whole(both):
    own, _ = both
    x = torch.randn(2, 8, 5)
    first, state = own(x[:, :3])
    second, _ = own(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), own(x)[0])


def test_an_output_knows_nothing_of_later_inputs(both):
    own, _ = both
    x = torch.randn(1, 6, 5, requires_grad=True)
    own(x)[0][:, 2].sum().backward()
    assert x.grad[:, :3].abs().sum(dim=2).min() > 0
    assert x.grad[:, 3:].abs().max() == 0


def test_there_are_as_many_parameters_as_the_formula_says():
    assert sum(p.numel() for p in RNNCell(28, 256).parameters()) == 256 * (28 + 256 + 1) == 72_960
    assert RNNCell(3, 4).initial(6).shape == (6, 4)
