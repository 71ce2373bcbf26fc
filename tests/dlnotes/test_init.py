"""Initialisation: bounds and variances by torch's own, bit for bit where both draw alike."""

import math

import pytest
import torch
from torch import nn

from dlnotes import init


@pytest.mark.parametrize("shape", [(30, 50), (16, 6, 5, 5), (8, 4, 3)])
def test_xavier_and_he_draw_exactly_what_torch_draws(shape):
    for ours, theirs in (
        (init.xavier_uniform, nn.init.xavier_uniform_),
        (init.he_normal, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
    ):
        torch.manual_seed(0)
        mine = ours(torch.empty(shape))
        torch.manual_seed(0)
        torch.testing.assert_close(mine, theirs(torch.empty(shape)), rtol=1e-6, atol=0)


def test_filling_is_in_place_and_leaves_no_gradient_history():
    weight = nn.Parameter(torch.zeros(3, 4))
    assert init.xavier_uniform(weight) is weight
    assert init.he_normal(weight) is weight
    assert weight.grad_fn is None
    assert (weight != 0).all()


def test_the_fans_of_a_convolution_count_the_window():
    assert init.fans(torch.empty(16, 6, 5, 5)) == (150, 400)
    assert init.fans(torch.empty(7, 3)) == (3, 7)
    with pytest.raises(ValueError, match="偏置"):
        init.fans(torch.empty(7))


def test_the_bound_of_a_uniform_gives_the_variance_asked_for():
    bound = init.uniform_bound(init.xavier_variance(100, 500))
    assert bound == pytest.approx(math.sqrt(6 / 600))
    sample = torch.empty(1_000_000).uniform_(-bound, bound, generator=torch.Generator().manual_seed(0))
    assert sample.var().item() == pytest.approx(2 / 600, rel=0.01)


@pytest.mark.parametrize("make", [lambda: nn.Linear(300, 400), lambda: nn.Conv2d(12, 64, 5)])
def test_the_default_of_torch_is_a_third_of_what_the_forward_pass_needs(make):
    torch.manual_seed(0)
    layer = make()
    fan_in, _ = init.fans(layer.weight)
    assert fan_in == 300
    bound = init.uniform_bound(init.default_variance(fan_in))
    assert bound == pytest.approx(1 / math.sqrt(fan_in))
    for values in (layer.weight, layer.bias):
        assert values.abs().max().item() <= bound
    assert layer.weight.abs().max().item() > 0.99 * bound


def test_equal_fans_make_xavier_half_of_he():
    assert init.he_variance(64) == 2 * init.xavier_variance(64, 64)


@pytest.mark.parametrize(
    ("fill", "kinds", "variance"),
    [
        (init.init_xavier, (nn.Conv2d, nn.Linear), lambda fans: init.xavier_variance(*fans)),
        (init.init_he, (nn.Conv2d,), lambda fans: init.he_variance(fans[0])),
    ],
)
def test_a_whole_model_is_filled_and_the_rest_of_it_stays(fill, kinds, variance):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(50, 60), nn.Conv2d(12, 64, 5), nn.BatchNorm2d(64), nn.Linear(300, 200))
    kept = {name: p.clone() for name, p in model.named_parameters()}
    assert fill(model) is model
    for name, p in model.named_parameters():
        layer = model[int(name[0])]
        if isinstance(layer, kinds) and p.ndim > 1:
            assert p.var().item() == pytest.approx(variance(init.fans(p)), rel=0.05), name
        else:
            assert torch.equal(p, kept[name]), name
