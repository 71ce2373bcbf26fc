"""The gated recurrent unit: both places of the reset gate, the extreme gates, one gate only."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dlnotes.recurrent.gru import GRUCell, gate_activity
from dlnotes.recurrent.language_model import LanguageModel
from dlnotes.recurrent.mgu import MGUCell
from dlnotes.recurrent.rnn import RNNCell, Unrolled

from .learning import assert_every_parameter_has_a_gradient
from .sequences import assert_two_layers_can_be_copied

D, H = 5, 7


@pytest.fixture
def reference() -> nn.GRU:
    torch.manual_seed(0)
    return nn.GRU(D, H, batch_first=True).double()


def copied(reference: nn.GRU, *, reset_after: bool) -> Unrolled:
    cell = GRUCell(D, H, reset_after=reset_after).double()
    cell.copy_from(reference)
    return Unrolled(cell)


def backward(outputs: Tensor) -> None:
    """A loss that treats every output differently."""
    (outputs * torch.arange(outputs.numel()).view_as(outputs).sin()).sum().backward()


def by_the_book(cell: GRUCell, x: Tensor) -> Tensor:
    """Dive into Deep Learning §9.1, equation by equation, with its matrices and row vectors."""
    (w_xr, w_xz, w_xh), (w_hr, w_hz, w_hh) = cell.weight_ih.chunk(3), cell.weight_hh.chunk(3)
    b_r, b_z, b_h = cell.bias.chunk(3)
    h = torch.zeros(len(x), H, dtype=x.dtype)
    outputs = []
    for t in range(x.shape[1]):
        z = torch.sigmoid(x[:, t] @ w_xz.T + h @ w_hz.T + b_z)
        r = torch.sigmoid(x[:, t] @ w_xr.T + h @ w_hr.T + b_r)
        candidate = torch.tanh(x[:, t] @ w_xh.T + (r * h) @ w_hh.T + b_h)
        h = z * h + (1 - z) * candidate
        outputs.append(h)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("given", [False, True])
def test_outputs_and_gradients_equal_those_of_torch(reference, given):
    own = copied(reference, reset_after=True)
    x, start = torch.randn(3, 11, D).double(), torch.randn(3, H).double() if given else None
    outputs, last = own(x, start)
    expected, expected_last = reference(x, None if start is None else start[None])
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(last, expected_last[0])
    backward(outputs)
    backward(expected)
    torch.testing.assert_close(own.cell.weight_ih.grad, reference.weight_ih_l0.grad)
    torch.testing.assert_close(own.cell.weight_hh.grad, reference.weight_hh_l0.grad)
    torch.testing.assert_close(own.cell.bias.grad, reference.bias_ih_l0.grad)
    torch.testing.assert_close(own.cell.bias_hn.grad, reference.bias_hh_l0.grad[2 * H :])


def test_the_reset_gate_before_the_matrix_is_the_book(reference):
    own = copied(reference, reset_after=False)
    x = torch.randn(3, 11, D).double()
    outputs, _ = own(x)
    expected = by_the_book(own.cell, x)
    torch.testing.assert_close(outputs, expected)
    assert not torch.allclose(outputs, reference(x)[0], atol=1e-4)


def test_the_two_forms_are_equal_where_the_matrix_is_diagonal(reference):
    with torch.no_grad():
        reference.weight_hh_l0[2 * H :] = torch.diag(torch.randn(H).double())
        reference.bias_hh_l0[2 * H :] = 0
    own = copied(reference, reset_after=False)
    x = torch.randn(3, 11, D).double()
    outputs, expected = own(x)[0], reference(x)[0]
    torch.testing.assert_close(outputs, expected)
    backward(outputs)
    backward(expected)
    torch.testing.assert_close(own.cell.weight_ih.grad, reference.weight_ih_l0.grad)
    torch.testing.assert_close(own.cell.weight_hh.grad[: 2 * H], reference.weight_hh_l0.grad[: 2 * H])
    diagonals = (w[2 * H :].diagonal() for w in (own.cell.weight_hh.grad, reference.weight_hh_l0.grad))
    torch.testing.assert_close(*diagonals)


def test_a_deeper_layer_can_be_copied():
    stack = nn.GRU(D, H, num_layers=2, batch_first=True)
    assert_two_layers_can_be_copied(stack, (GRUCell(D, H, reset_after=True), GRUCell(H, H, reset_after=True)))


@pytest.mark.parametrize("reset_after", [False, True])
def test_extreme_gates_make_a_memory_an_rnn_or_a_perceptron(reference, reset_after):
    cell = copied(reference, reset_after=reset_after).cell
    x, state = torch.randn(4, D).double(), torch.randn(4, H).double()

    def step(reset: float, update: float) -> Tensor:
        with torch.no_grad():
            cell.bias[:H], cell.bias[H : 2 * H] = reset, update
            return cell(x, state)[0]

    assert torch.equal(step(0, 800), state)
    rnn = RNNCell(D, H).double()
    with torch.no_grad():
        rnn.weight_ih.copy_(cell.weight_ih[2 * H :])
        rnn.weight_hh.copy_(cell.weight_hh[2 * H :])
        rnn.bias.copy_(cell.bias[2 * H :] + (cell.bias_hn if reset_after else 0))
    torch.testing.assert_close(step(800, -800), rnn(x, state)[0])
    alone = torch.tanh(x @ cell.weight_ih[2 * H :].T + cell.bias[2 * H :])
    torch.testing.assert_close(step(-800, -800), alone)


def test_the_state_never_leaves_the_open_interval(reference):
    own = copied(reference, reset_after=False)
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.mul_(3)
    outputs, _ = own(torch.randn(8, 50, D).double())
    assert outputs.abs().max() < 1


def test_the_gates_recorded_are_those_that_were_used(reference):
    own = copied(reference, reset_after=False)
    x = torch.randn(2, 6, D).double()
    reset, update = gate_activity(own.cell, x)
    assert reset.shape == update.shape == (2, 6, H)
    before = torch.cat([torch.zeros(2, 1, H).double(), own(x)[0][:, :-1]], dim=1)
    candidate = own.cell.candidate(x[:, 3], before[:, 3], reset[:, 3])
    mixed = update[:, 3] * before[:, 3] + (1 - update[:, 3]) * candidate
    torch.testing.assert_close(mixed, own(x)[0][:, 3])
    halves = gate_activity(own.cell, x[:, 3:], before[:, 3])
    torch.testing.assert_close(halves[1], update[:, 3:])


@pytest.mark.parametrize(
    ("core", "count"),
    [
        (Unrolled(GRUCell(28, 256)), 226_076),
        (Unrolled(GRUCell(28, 256, reset_after=True)), 226_332),
        (nn.GRU(28, 256, batch_first=True), 226_844),
        (Unrolled(MGUCell(28, 256)), 153_116),
    ],
    ids=["book", "reset after", "torch", "mgu"],
)
def test_parameters_are_those_of_the_formula(core, count):
    assert sum(p.numel() for p in LanguageModel(core, 28, 256).parameters()) == count


def test_the_minimal_unit_uses_one_gate_twice():
    torch.manual_seed(0)
    cell = MGUCell(D, H)
    x, state = torch.randn(4, D), torch.rand(4, H)
    with torch.no_grad():
        cell.forget.bias.fill_(-100)
    assert torch.equal(cell(x, state)[0], state)  # nothing is replaced
    with torch.no_grad():
        cell.forget.bias.fill_(100)
    rnn = torch.tanh(cell.candidate(torch.cat([x, state], dim=1)))
    torch.testing.assert_close(cell(x, state)[0], rnn)  # all is replaced, and all of the past is seen


@pytest.mark.parametrize("cell", [GRUCell(D, H), GRUCell(D, H, reset_after=True), MGUCell(D, H)])
def test_gradients_reach_every_parameter(cell):
    backward(Unrolled(cell)(torch.randn(2, 5, D))[0])
    assert_every_parameter_has_a_gradient(cell)
