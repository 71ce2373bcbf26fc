"""Products, depth and clipping: against theory where there is one, against torch where there is not."""

import math

import pytest
import torch
from torch import nn

from dlnotes import init
from dlnotes.stability import clip_grad_norm, log_growth, lyapunov_exponent, lyapunov_spread, through_depth


def test_the_exponent_of_4_by_4_gaussians_is_known():
    assert lyapunov_exponent(4) == pytest.approx(0.5 * (math.log(2) + 1 - 0.5772156649), abs=1e-9)
    assert lyapunov_exponent(4, std=2.0) == pytest.approx(lyapunov_exponent(4) + math.log(2))


@pytest.mark.parametrize(("size", "std"), [(1, 1.0), (2, 0.7), (4, 1.0), (4, 0.5)])
def test_products_grow_as_the_theory_says(size, std):
    growth = log_growth(size, 80, 400, std=std, generator=torch.Generator().manual_seed(0))
    slope = (growth[:, -1] - growth[:, 19]) / 60  # the first steps turn the product into its direction
    error = lyapunov_spread(size, 60) / 60 / math.sqrt(400)
    assert slope.mean().item() == pytest.approx(lyapunov_exponent(size, std), abs=5 * error)


def test_the_spread_between_draws_is_that_of_independent_steps():
    growth = log_growth(1, 50, 2000, generator=torch.Generator().manual_seed(0))
    assert growth[:, -1].std().item() == pytest.approx(lyapunov_spread(1, 50), rel=0.08)


def test_the_log_of_the_norm_is_that_of_the_plain_product():
    generator = torch.Generator().manual_seed(3)
    growth = log_growth(4, 5, 2, generator=generator)
    generator.manual_seed(3)
    product = torch.eye(4, dtype=torch.float64)
    for _ in range(5):
        product = torch.randn(2, 4, 4, dtype=torch.float64, generator=generator) @ product
    torch.testing.assert_close(growth[:, -1], torch.linalg.matrix_norm(product).log())


def test_a_thousand_steps_do_not_overflow():
    assert log_growth(4, 2000, 1, generator=torch.Generator().manual_seed(0))[0, -1] > math.log(1e308)


def test_he_keeps_the_second_moment_of_relu_and_xavier_halves_it():
    torch.manual_seed(0)
    x = torch.randn(200, 256)
    for variance, factor in ((init.he_variance(256), 1.0), (init.xavier_variance(256, 256), 0.5)):
        weights = [math.sqrt(variance) * torch.randn(256, 256) for _ in range(10)]
        hidden, gradients = through_depth(x, weights, torch.relu)
        assert hidden[-1].square().mean().item() == pytest.approx(factor**10, rel=0.6)
        assert gradients[0].square().mean().item() == pytest.approx(factor**9, rel=0.6)


def test_gradients_through_depth_are_those_of_the_jacobians():
    torch.manual_seed(0)
    weights = [torch.randn(5, 5, dtype=torch.float64) for _ in range(3)]
    x = torch.randn(2, 5, dtype=torch.float64)
    hidden, gradients = through_depth(x, weights, torch.tanh)
    assert [h.shape for h in hidden] == [g.shape for g in gradients] == [(2, 5)] * 3
    assert not any(h.requires_grad for h in hidden)
    for layer in (2, 1):
        slope = 1 - hidden[layer].square()  # tanh' from its own output
        torch.testing.assert_close((gradients[layer] * slope) @ weights[layer], gradients[layer - 1])


@pytest.mark.parametrize("max_norm", [0.1, 1e6])
def test_clipping_equals_torch(max_norm):
    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    for net in nets:
        (10 * net(torch.ones(2, 5))).square().sum().backward()
    norm = clip_grad_norm(nets[0].parameters(), max_norm)
    assert norm == pytest.approx(nn.utils.clip_grad_norm_(nets[1].parameters(), max_norm).item())
    for ours, theirs in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_clipping_keeps_the_direction_and_skips_what_has_no_gradient():
    used, unused = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
    used.grad = torch.tensor([30.0, 40.0])
    assert clip_grad_norm([used, unused], 1.0) == pytest.approx(50)
    torch.testing.assert_close(used.grad, torch.tensor([0.6, 0.8]))
    assert unused.grad is None
