"""The bidirectional layer: equal to torch's from copied weights, padding included."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dlnotes.recurrent.bidirectional import Bidirectional, direction, reverse
from dlnotes.recurrent.rnn import RNNCell, Unrolled

LENGTHS = torch.tensor([6, 2, 5, 1])


def halves(layer: nn.RNNBase) -> Bidirectional:
    return Bidirectional(direction(layer, back=False), direction(layer, back=True))


@pytest.fixture(params=[nn.RNN, nn.GRU, nn.LSTM], ids=lambda kind: kind.__name__)
def layer(request) -> nn.RNNBase:
    torch.manual_seed(0)
    return request.param(5, 7, batch_first=True, bidirectional=True)


def test_outputs_and_gradients_equal_those_of_torch(layer):
    own = halves(layer)
    x = torch.randn(3, 9, 5)
    outputs, ends = own(x)
    expected, state = layer(x)
    last = state[0] if isinstance(state, tuple) else state
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(ends, torch.cat([*last], dim=1))
    weights = torch.randn_like(outputs)
    (outputs * weights).sum().backward()
    (expected * weights).sum().backward()
    for name, parameter in layer.named_parameters():
        half = own.back if name.endswith("_reverse") else own.ahead
        mine = half.get_parameter(name.removesuffix("_reverse"))
        torch.testing.assert_close(mine.grad, parameter.grad)


def test_padded_sentences_equal_packed_ones(layer):
    x = torch.randn(4, 6, 5)
    outputs, ends = halves(layer)(x, LENGTHS)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    result, state = layer(packed)
    expected, _ = pad_packed_sequence(result, batch_first=True)
    last = state[0] if isinstance(state, tuple) else state
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(ends, torch.cat([*last], dim=1))


def test_what_stands_in_the_padding_has_no_influence(layer):
    own = halves(layer)
    x = torch.randn(4, 6, 5)
    padding = torch.arange(6) >= LENGTHS[:, None]
    dirty = x.masked_fill(padding[:, :, None], 1e3)
    for clean, other in zip(own(x, LENGTHS), own(dirty, LENGTHS), strict=True):
        torch.testing.assert_close(clean, other)


def test_two_layers_from_scratch_equal_nn_rnn():
    torch.manual_seed(0)
    reference = nn.RNN(4, 3, batch_first=True, bidirectional=True)
    cores = []
    for back in (False, True):
        core = Unrolled(RNNCell(4, 3))
        core.cell.copy_from(direction(reference, back=back))
        cores.append(core)
    x = torch.randn(2, 5, 4)
    torch.testing.assert_close(Bidirectional(*cores)(x)[0], reference(x)[0])


def test_one_direction_alone_is_half_of_both(layer):
    both = halves(layer)
    x = torch.randn(4, 6, 5)
    outputs, ends = both(x, LENGTHS)
    for half, part in ((Bidirectional(both.ahead, None), 0), (Bidirectional(None, both.back), 1)):
        alone, end = half(x, LENGTHS)
        torch.testing.assert_close(alone, outputs.chunk(2, dim=2)[part])
        torch.testing.assert_close(end, ends.chunk(2, dim=1)[part])
    with pytest.raises(ValueError, match="一个方向"):
        Bidirectional(None, None)


def test_only_the_valid_part_is_turned_round():
    x = torch.tensor([[1, 2, 3, 0], [4, 5, 0, 0], [6, 7, 8, 9]])
    lengths = torch.tensor([3, 2, 4])
    assert reverse(x, lengths).tolist() == [[3, 2, 1, 0], [5, 4, 0, 0], [9, 8, 7, 6]]
    assert reverse(reverse(x, lengths), lengths).equal(x)
    assert reverse(x).equal(x.flip(1))


@pytest.mark.parametrize("lengths", [[1, 2], [1, 2, 5], [1, -1, 2]])
def test_lengths_that_do_not_fit_are_refused(lengths):
    with pytest.raises(ValueError, match="0 到 4"):
        reverse(torch.zeros(3, 4), torch.tensor(lengths))


@pytest.mark.parametrize(
    "layer_options", [{"bidirectional": False}, {"num_layers": 2}, {"proj_size": 2}], ids=str
)
def test_only_one_bidirectional_layer_can_be_split(layer_options):
    layer = nn.LSTM(3, 4, **{"bidirectional": True, **layer_options})
    with pytest.raises(ValueError, match="一层的双向"):
        direction(layer, back=False)


def test_the_reference_has_2_177_052_parameters():
    """Two bidirectional LSTM layers of 256 over 28 symbols, and the output layer of 512 × 28 + 28."""
    core = nn.LSTM(28, 256, num_layers=2, bidirectional=True)
    head = nn.Linear(2 * 256, 28)
    first, second = 2 * 4 * 256 * (28 + 256 + 2), 2 * 4 * 256 * (512 + 256 + 2)
    assert (first, second) == (585_728, 1_576_960)
    assert sum(p.numel() for p in core.parameters()) == first + second == 2_162_688
    assert first + second + sum(p.numel() for p in head.parameters()) == 2_177_052
