"""Stacked recurrent layers: equal to torch, dropout only between layers, shortcuts around them."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from dlnotes.recurrent.deep import ForgetfulCell, Stacked, memory_by_distance
from dlnotes.recurrent.language_model import LanguageModel
from dlnotes.recurrent.rnn import RNNCell, Unrolled

from .learning import assert_every_parameter_has_a_gradient


def by_hand(*sizes: int) -> Stacked:
    return Stacked([Unrolled(RNNCell(a, b)) for a, b in pairwise(sizes)])


def split_up(stack: nn.RNNBase) -> Stacked:
    """The layers of torch's stack, each as a layer of its own."""
    layers = []
    for number in range(stack.num_layers):
        width = stack.input_size if number == 0 else stack.hidden_size
        layer = type(stack)(width, stack.hidden_size, batch_first=True)
        layer.load_state_dict(
            {name: stack.get_parameter(name.replace("_l0", f"_l{number}")) for name in layer.state_dict()}
        )
        layers.append(layer)
    return Stacked(layers)


def test_three_layers_by_hand_equal_torch_in_outputs_states_and_gradients():
    reference = nn.RNN(5, 7, num_layers=3, batch_first=True)
    own = by_hand(5, 7, 7, 7)
    for number, layer in enumerate(own.layers):
        layer.cell.copy_from(reference, number)
    x, start = torch.randn(2, 9, 5), torch.randn(3, 2, 7)
    outputs, lasts = own(x, tuple(start))
    expected, expected_lasts = reference(x, start)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(torch.stack(lasts), expected_lasts)
    outputs.square().sum().backward()
    expected.square().sum().backward()
    for number, layer in enumerate(own.layers):
        for part in ("ih", "hh"):
            ours = layer.cell.get_parameter(f"weight_{part}").grad
            torch.testing.assert_close(ours, reference.get_parameter(f"weight_{part}_l{number}").grad)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_layers_of_torch_one_by_one_equal_its_stack(kind):
    reference = kind(5, 7, num_layers=2, batch_first=True)
    own = split_up(reference)
    x = torch.randn(3, 6, 5)
    first, state = own(x[:, :4])
    second, _ = own(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), reference(x)[0])


def test_the_course_has_as_many_parameters_as_it_says():
    with torch.device("meta"):
        model = LanguageModel(nn.LSTM(28, 256, num_layers=2, batch_first=True), 28, 256)
    assert sum(p.numel() for p in model.parameters()) == 826_396


def test_layers_may_differ_in_width():
    outputs, lasts = by_hand(5, 8, 3)(torch.randn(2, 4, 5))
    assert outputs.shape == (2, 4, 3)
    assert [last.shape for last in lasts] == [(2, 8), (2, 3)]


def test_dropout_touches_what_goes_up_and_never_the_top_or_the_states():
    core = by_hand(5, 7, 7)
    core.dropout.p = 1.0  # nothing goes up
    x = torch.randn(2, 6, 5)
    outputs, lasts = core.every_layer(x)
    torch.testing.assert_close(outputs[0], core.layers[0](x)[0])
    torch.testing.assert_close(outputs[1], core.layers[1](torch.zeros(2, 6, 7))[0])
    torch.testing.assert_close(lasts[1], outputs[1][:, -1])
    core.eval()
    torch.testing.assert_close(core(x)[0], core.layers[1](outputs[0])[0])


def test_dropout_between_layers_is_that_of_torch():
    torch.manual_seed(0)
    reference = nn.RNN(5, 7, num_layers=2, batch_first=True, dropout=0.5)
    own = split_up(reference)
    own.dropout.p = 0.5
    x = torch.randn(4, 6, 5)
    outputs = []
    for core in (own, reference):
        torch.manual_seed(1)
        outputs.append(core(x)[0])
    torch.testing.assert_close(*outputs)


def test_with_shortcuts_a_layer_of_zeros_passes_on_what_it_gets():
    core = Stacked([Unrolled(RNNCell(5, 7)), Unrolled(RNNCell(7, 7))], residual=True)
    for parameter in core.layers[1].parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, 4, 5)
    torch.testing.assert_close(core(x)[0], core.layers[0](x)[0])


def test_gradients_reach_every_layer():
    core = by_hand(5, 7, 7, 7)
    core(torch.randn(2, 4, 5))[0].square().sum().backward()
    assert_every_parameter_has_a_gradient(core)


def test_no_layer_is_an_error():
    with pytest.raises(ValueError, match="至少要有一层"):
        Stacked([])


def test_a_forgetful_cell_forgets_only_while_it_trains():
    cell = RNNCell(3, 4)
    forgetful = ForgetfulCell(cell, 1.0)
    x, state = torch.randn(2, 3), torch.randn(2, 4)
    torch.testing.assert_close(forgetful(x, state)[0], cell(x, torch.zeros(2, 4))[0])
    forgetful.eval()
    torch.testing.assert_close(forgetful(x, state)[0], cell(x, state)[0])
    assert forgetful.initial(2).shape == (2, 4)


def test_memory_is_all_there_at_the_changed_step_and_none_without_recurrence():
    core = by_hand(5, 7, 7)
    for layer in core.layers:
        nn.init.zeros_(layer.cell.weight_hh)  # each output sees its own step alone
    memory = memory_by_distance(core, torch.randn(3, 6, 5), [0, 1, 5])
    assert memory.shape == (2, 3)
    assert memory[:, 0].min() > 0.01
    assert memory[:, 1:].max() == 0


@pytest.mark.parametrize("distance", [-1, 6])
def test_a_distance_outside_of_the_sequence_is_an_error(distance):
    with pytest.raises(ValueError, match="0 到 5"):
        memory_by_distance(by_hand(5, 7), torch.randn(3, 6, 5), [distance])
