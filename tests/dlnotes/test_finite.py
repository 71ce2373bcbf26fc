"""Finding the layer where the first nan or inf appears, forwards and backwards."""

import pytest
import torch
from torch import nn

from dlnotes.finite import check, finite_or_raise


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()


def test_the_first_layer_with_a_bad_output_is_named():
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2), nn.Linear(2, 2))
    with torch.no_grad():
        net[2].weight[0] = torch.inf
    with pytest.raises(FloatingPointError, match=r"^2（Linear）的输出"), finite_or_raise(net):
        net(torch.ones(3, 4))


def test_a_gradient_that_turns_bad_is_found_where_it_arrives():
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), Root())
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.fill_(-1)  # ReLU gives 0, whose square root has an infinite slope
    with pytest.raises(FloatingPointError, match="1（ReLU）收到的梯度"), finite_or_raise(net):
        net(torch.ones(3, 4)).sum().backward()


def test_a_sound_network_runs_as_ever_and_keeps_no_hook():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.randn(3, 4)
    expected = net(x)
    with finite_or_raise(net):
        y = net(x)
        y.sum().backward()
    torch.testing.assert_close(y, expected)
    assert net[0].weight.grad is not None
    assert not any(module._forward_hooks for module in net.modules())


def test_hooks_are_removed_also_after_an_error():
    net = nn.Sequential(nn.Linear(1, 1))
    with pytest.raises(FloatingPointError), finite_or_raise(net):
        net(torch.tensor([[torch.nan]]))
    assert not net[0]._forward_hooks
    assert net(torch.tensor([[torch.nan]])).isnan()


def test_the_message_counts_and_gives_the_largest_of_the_rest():
    with pytest.raises(FloatingPointError, match="4 个数里有 2 个不是有限的，其余最大 3"):
        check("x", torch.tensor([1.0, -3.0, torch.nan, -torch.inf]))
    with pytest.raises(FloatingPointError, match="其余最大 无"):
        check("x", torch.tensor([torch.inf]))
