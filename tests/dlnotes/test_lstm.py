"""The LSTM cell from scratch: equal to nn.LSTM; its gradient along the cell, exactly; its gates."""

import pytest
import torch
from torch import nn

from dlnotes.recurrent.language_model import LanguageModel
from dlnotes.recurrent.lstm import LSTMCell, set_gate_bias, state_jacobian, trace
from dlnotes.recurrent.rnn import Unrolled

from .sequences import assert_gradients_are_those_of, assert_two_layers_can_be_copied


@pytest.fixture
def both() -> tuple[Unrolled, nn.LSTM]:
    torch.manual_seed(0)
    reference = nn.LSTM(5, 7, batch_first=True)
    own = Unrolled(LSTMCell(5, 7))
    own.cell.copy_from(reference)
    return own, reference


@pytest.mark.parametrize("given", [False, True])
def test_outputs_states_and_gradients_equal_those_of_torch(both, given):
    own, reference = both
    x = torch.randn(3, 11, 5, requires_grad=True)
    start = (torch.randn(3, 7), torch.randn(3, 7)) if given else None
    outputs, (hidden, cell) = own(x, start)
    theirs = None if start is None else tuple(part[None] for part in start)
    expected, (expected_hidden, expected_cell) = reference(x, theirs)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(hidden, expected_hidden[0])
    torch.testing.assert_close(cell, expected_cell[0])
    weights = torch.randn_like(outputs)
    (own_x,) = torch.autograd.grad((outputs * weights).sum() + cell.sum(), x, retain_graph=True)
    (their_x,) = torch.autograd.grad((expected * weights).sum() + expected_cell.sum(), x, retain_graph=True)
    torch.testing.assert_close(own_x, their_x)
    ((outputs * weights).sum() + cell.sum()).backward()
    ((expected * weights).sum() + expected_cell.sum()).backward()
    assert_gradients_are_those_of(reference, own.cell)


def test_a_deeper_layer_can_be_copied():
    stack = nn.LSTM(5, 7, num_layers=2, batch_first=True)
    assert_two_layers_can_be_copied(stack, (LSTMCell(5, 7), LSTMCell(7, 7)))


def test_there_are_as_many_parameters_as_the_formula_says():
    def count(core: nn.Module) -> int:
        return sum(p.numel() for p in LanguageModel(core, 28, 256).parameters())

    assert count(Unrolled(LSTMCell(28, 256))) == 4 * 256 * (28 + 256 + 1) + 28 * 257 == 299_036
    assert count(nn.LSTM(28, 256, batch_first=True)) == 299_036 + 4 * 256 == 300_060


def test_a_language_model_takes_the_cell_and_keeps_its_pair_of_states():
    model = LanguageModel(Unrolled(LSTMCell(9, 6)), 9, 6)
    tokens = torch.randint(9, (2, 8))
    whole, _ = model(tokens)
    first, state = model(tokens[:, :3])
    second, (hidden, cell) = model(tokens[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    assert hidden.shape == cell.shape == (2, 6)


def test_the_trace_is_what_the_layer_computes_and_obeys_the_equations(both):
    own, _ = both
    x = 3 * torch.randn(2, 9, 5)
    steps = trace(own.cell, x)
    outputs, (hidden, cell) = own(x)
    assert torch.equal(steps.hidden, outputs)
    assert torch.equal(steps.hidden[:, -1], hidden)
    assert torch.equal(steps.cell[:, -1], cell)
    earlier = torch.cat([torch.zeros(2, 1, 7), steps.cell[:, :-1]], dim=1)
    torch.testing.assert_close(steps.cell, steps.forget_gate * earlier + steps.input_gate * steps.candidate)
    torch.testing.assert_close(steps.hidden, steps.output_gate * steps.cell.tanh())
    for gate in (steps.input_gate, steps.forget_gate, steps.output_gate):
        assert 0 < gate.min() < gate.max() < 1
    assert steps.candidate.abs().max() < 1
    again = own.cell.step(x[:, 4], (steps.at(3).hidden, steps.at(3).cell))
    torch.testing.assert_close(again.output_gate, steps.at(4).output_gate)
    with pytest.raises(ValueError, match="一步"):
        trace(own.cell, x[:, :0])


@pytest.mark.parametrize("length", [1, 6])
def test_the_product_of_the_jacobians_is_that_of_autograd(both, length):
    cell = both[0].cell.double()
    x = torch.randn(1, length + 1, 5, dtype=torch.float64)
    steps = trace(cell, x)

    def later(joined):
        memory, hidden = joined.chunk(2, dim=1)
        for t in range(1, length + 1):
            hidden, (_, memory) = cell(x[:, t], (hidden, memory))
        return torch.cat([memory, hidden], dim=1)

    start = torch.cat([steps.cell[:, 0], steps.hidden[:, 0]], dim=1).detach()
    expected = torch.autograd.functional.jacobian(later, start)[0, :, 0]
    product = torch.eye(14, dtype=torch.float64)
    for t in range(1, length + 1):
        factor = state_jacobian(cell, steps.at(t - 1), steps.at(t))
        assert torch.equal(factor[0, :7, :7], steps.forget_gate[0, t].diag())
        product = factor[0] @ product
    torch.testing.assert_close(product, expected, rtol=1e-9, atol=1e-12)


def test_with_the_hidden_path_cut_the_gradient_is_the_product_of_the_forget_gates(both):
    cell = both[0].cell
    memory = start = torch.randn(1, 7, requires_grad=True)
    hidden, product = torch.zeros(1, 7), torch.ones(1, 7)
    for x_t in torch.randn(6, 1, 5):
        step = cell.step(x_t, (hidden.detach(), memory))
        hidden, memory, product = step.hidden, step.cell, product * step.forget_gate
    (gradient,) = torch.autograd.grad(memory.sum(), start)
    torch.testing.assert_close(gradient, product.detach())


@pytest.mark.parametrize("layers", [1, 2])
def test_the_forget_bias_is_set_once_although_torch_has_two(layers):
    layer = nn.LSTM(3, 4, num_layers=layers)
    before = {name: bias.clone() for name, bias in layer.named_parameters()}
    set_gate_bias(layer, "f", 1.5)
    for number in range(layers):
        one, other = (layer.get_parameter(f"bias_{part}_l{number}") for part in ("ih", "hh"))
        assert (one + other)[4:8].tolist() == [1.5] * 4
        assert torch.equal(one[:4], before[f"bias_ih_l{number}"][:4])
        assert torch.equal(other[8:], before[f"bias_hh_l{number}"][8:])
        assert torch.equal(layer.get_parameter(f"weight_hh_l{number}"), before[f"weight_hh_l{number}"])
    own = LSTMCell(3, 4)
    set_gate_bias(own, "f", 2)
    assert own.bias[4:8].tolist() == [2] * 4


def test_each_gate_is_found_by_its_letter(both):
    own, _ = both
    for gate in ("i", "f", "g", "o"):
        set_gate_bias(own.cell, gate, 100)
    step = own.cell.step(torch.zeros(1, 5), own.cell.initial(1))
    for part in (step.input_gate, step.forget_gate, step.candidate, step.output_gate):
        assert (part == 1).all()
    set_gate_bias(own.cell, "i", -100)
    assert own.cell.step(torch.zeros(1, 5), own.cell.initial(1)).input_gate.max() < 1e-30
    with pytest.raises(ValueError, match="'c'"):
        set_gate_bias(own.cell, "c", 0)


def test_a_forget_gate_held_open_is_the_lstm_of_1997(both):
    own, _ = both
    set_gate_bias(own.cell, "f", 100)
    steps = trace(own.cell, torch.randn(1, 30, 5))
    assert (steps.forget_gate == 1).all()
    torch.testing.assert_close(steps.cell, (steps.input_gate * steps.candidate).cumsum(dim=1))
    steps.hidden.sum().backward()
    assert own.cell.weight_hh.grad[7:14].abs().max() == 0
    assert own.cell.weight_hh.grad[:7].abs().min() > 0
