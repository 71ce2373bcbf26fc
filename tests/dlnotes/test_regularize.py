"""Weight regularisation: closed forms, what torch does with weight_decay, sparsity, Adam and AdamW."""

import math

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from dlnotes.adamw import Moments, adam_step
from dlnotes.convnets.lenet import lenet_bn
from dlnotes.diagram import regularize as picture
from dlnotes.regularize import (
    Linear,
    decay_groups,
    decay_step,
    descend,
    l1_penalty,
    l2_penalty,
    lasso,
    ridge,
    soft_threshold,
)


def draw(n: int, d: int, *, noise: float = 0.1, seed: int = 0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=g, dtype=torch.float64)
    w = torch.randn(d, generator=g, dtype=torch.float64)
    return x, 3 + x @ w + noise * torch.randn(n, generator=g, dtype=torch.float64)


def objective(model: Linear, x: Tensor, y: Tensor, l2: float = 0.0, l1: float = 0.0) -> Tensor:
    return (model(x) - y).square().mean() / 2 + l2 * l2_penalty(model.w) + l1 * l1_penalty(model.w)


def test_penalties_have_the_gradients_they_say():
    w = torch.tensor([3.0, -4.0, 0.0], requires_grad=True)
    assert l2_penalty(w).item() == 12.5
    assert l1_penalty(w).item() == 7
    assert torch.equal(torch.autograd.grad(l2_penalty(w), w)[0], w)
    assert torch.autograd.grad(l1_penalty(w), w)[0].tolist() == [1, -1, 0]


def test_a_decay_step_is_a_gradient_step_on_the_penalised_loss():
    x, y = draw(8, 5)
    w = torch.randn(5, dtype=torch.float64, requires_grad=True)
    data = (x @ w - y).square().mean() / 2
    (plain,) = torch.autograd.grad(data, w, retain_graph=True)
    (penalised,) = torch.autograd.grad(data + 0.7 * l2_penalty(w), w)
    torch.testing.assert_close(decay_step(w, plain, lr=0.1, decay=0.7), w - 0.1 * penalised)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_weight_decay_equals_the_penalty_at_every_step(momentum):
    x, y = draw(12, 6)
    start = torch.randn(6, dtype=torch.float64)
    built, ours = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    one = torch.optim.SGD([built], lr=0.05, momentum=momentum, weight_decay=0.3)
    two = torch.optim.SGD([ours], lr=0.05, momentum=momentum)
    for _ in range(40):
        for w, optimizer, penalty in ((built, one, 0.0), (ours, two, 0.3)):
            optimizer.zero_grad()
            ((x @ w - y).square().mean() / 2 + penalty * l2_penalty(w)).backward()
            optimizer.step()
        torch.testing.assert_close(built, ours, rtol=1e-12, atol=1e-12)


def test_descend_equals_torch_batch_by_batch():
    x, y = draw(20, 30)
    start = torch.randn(30, dtype=torch.float64)
    ours, norms = descend(
        x,
        y,
        start,
        lr=0.02,
        decay=0.5,
        epochs=6,
        batch_size=8,
        generator=torch.Generator().manual_seed(7),
    )
    net = nn.Linear(30, 1).double()
    with torch.no_grad():
        net.weight.copy_(start)
        net.bias.zero_()
    optimizer = torch.optim.SGD(decay_groups(net, 0.5), lr=0.02)
    order = torch.Generator().manual_seed(7)
    for _ in range(6):
        for batch in torch.randperm(20, generator=order).split(8):
            optimizer.zero_grad()
            ((net(x[batch]).squeeze(1) - y[batch]).square().mean() / 2).backward()
            optimizer.step()
    torch.testing.assert_close(ours.w, net.weight.detach()[0], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(ours.b, net.bias.detach()[0], rtol=1e-10, atol=1e-12)
    assert len(norms) == 7
    assert norms[0] == start.norm().item()
    assert norms[-1] == ours.w.norm().item()


@pytest.mark.parametrize(("n", "d"), [(30, 5), (5, 30), (10, 10)])
def test_ridge_is_the_closed_form_and_a_stationary_point(n, d):
    x, y = draw(n, d)
    model = ridge(x, y, 0.4)
    centred, target = x - x.mean(0), y - y.mean()
    expected = torch.linalg.inv(centred.T @ centred + n * 0.4 * torch.eye(d)) @ centred.T @ target
    torch.testing.assert_close(model.w, expected)
    w, b = model.w.clone().requires_grad_(), model.b.clone().requires_grad_()
    gradients = torch.autograd.grad(objective(Linear(w, b), x, y, l2=0.4), (w, b))
    assert max(g.abs().max().item() for g in gradients) < 1e-12


def test_without_a_penalty_ridge_is_the_shortest_interpolation():
    x, y = draw(5, 30)
    shortest = ridge(x, y, 0.0)
    assert shortest.mse(x, y) < 1e-20
    torch.testing.assert_close(ridge(x, y, 1e-9).w, shortest.w, rtol=1e-6, atol=1e-8)
    centred = x - x.mean(0)
    null = torch.linalg.svd(centred).Vh[-1]  # one of the directions that the data do not see
    assert (centred @ null).abs().max() < 1e-10
    longer = Linear(shortest.w + null, shortest.b - x.mean(0) @ null)
    assert longer.mse(x, y) < 1e-20
    assert longer.w.norm() > shortest.w.norm()


def test_full_batch_descent_converges_to_ridge():
    x, y = draw(20, 50)
    model, _ = descend(
        x, y, torch.randn(50, dtype=torch.float64), lr=0.2, decay=1.0, epochs=1000, batch_size=20
    )
    torch.testing.assert_close(model.w, ridge(x, y, 1.0).w, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(model.b, ridge(x, y, 1.0).b, rtol=1e-8, atol=1e-10)


def test_a_stronger_penalty_gives_shorter_weights():
    x, y = draw(20, 50)
    norms = [ridge(x, y, decay).w.norm().item() for decay in (0, 0.01, 0.1, 1, 10, 100)]
    assert norms == sorted(norms, reverse=True)
    with pytest.raises(ValueError, match="负"):
        ridge(x, y, -1.0)


def test_soft_threshold_moves_towards_zero_and_stops_there():
    w = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 2.0])
    assert soft_threshold(w, 1.0).tolist() == [-2, 0, 0, 0, 0, 1]
    z = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    for point in (-2.3, 0.4, 1.7):  # the proximal map minimises ½(z − point)² + |z|
        best = z[((z - point).square() / 2 + z.abs()).argmin()]
        assert soft_threshold(torch.tensor([point]), 1.0).item() == pytest.approx(best.item(), abs=1e-3)


def test_lasso_meets_its_optimality_conditions_and_is_sparse():
    x, y = draw(60, 20)
    model = lasso(x, y, 0.5)
    pull = x.T @ (y - model(x)) / len(x)
    alive = model.w != 0
    assert 0 < alive.sum() < 20
    torch.testing.assert_close(pull[alive], 0.5 * model.w[alive].sign(), rtol=1e-8, atol=1e-8)
    assert (pull[~alive].abs() <= 0.5 + 1e-8).all()
    assert (ridge(x, y, 0.5).w != 0).all()


def test_lasso_of_orthogonal_features_is_one_soft_threshold():
    basis = torch.linalg.qr(draw(40, 6)[0] - draw(40, 6)[0].mean(0)).Q * math.sqrt(40)
    y = draw(40, 6, seed=1)[1]
    expected = soft_threshold(basis.T @ (y - y.mean()) / 40, 0.3)
    torch.testing.assert_close(lasso(basis, y, 0.3).w, expected, rtol=1e-8, atol=1e-10)


def test_a_large_l1_penalty_leaves_nothing():
    x, y = draw(30, 8)
    most = ((x - x.mean(0)).T @ (y - y.mean()) / 30).abs().max().item()
    assert (lasso(x, y, most * 1.001).w == 0).all()
    assert (lasso(x, y, most * 0.9).w != 0).any()


def test_groups_hold_each_parameter_once_and_decay_no_vector():
    net = lenet_bn()
    frozen = next(net.parameters())
    frozen.requires_grad_(requires_grad=False)
    decayed, kept = decay_groups(net, 0.01)
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.01, 0.0)
    names = {id(p): name for name, p in net.named_parameters()}
    assert all(names[id(p)].endswith("weight") and p.ndim in (2, 4) for p in decayed["params"])
    assert all(p.ndim == 1 for p in kept["params"])
    together = [id(p) for group in (decayed, kept) for p in group["params"]]
    assert len(together) == len(set(together)) == len(names) - 1
    assert id(frozen) not in together


@pytest.mark.parametrize(
    ("make", "options"), [(torch.optim.Adam, {"l2": 0.1}), (torch.optim.AdamW, {"decay": 0.1})]
)
def test_each_place_of_lambda_is_an_optimizer_of_torch(make, options):
    torch.manual_seed(0)
    start, gradients = torch.randn(7).double(), torch.randn(30, 7).double()
    theirs, ours = nn.Parameter(start.clone()), start
    optimizer = make([theirs], lr=0.01, weight_decay=0.1)
    moments = Moments(torch.zeros_like(start), torch.zeros_like(start))
    for gradient in gradients:
        theirs.grad = gradient.clone()
        optimizer.step()
        ours, moments = adam_step(ours, gradient, moments, lr=0.01, **options)
        torch.testing.assert_close(theirs.detach(), ours, rtol=1e-10, atol=1e-12)
    assert moments.steps == 30
    assert torch.equal(
        start, torch.manual_seed(0) and torch.randn(7).double()
    )  # nothing was changed in place


def test_adam_divides_the_l2_penalty_by_the_size_of_gradients_and_adamw_does_not():
    sizes = torch.tensor([0.01, 1.0, 100.0]).double()
    left = {}
    for name, options in {"l2": {"l2": 0.1}, "decay": {"decay": 0.1}}.items():
        torch.manual_seed(0)
        w = torch.ones(3, 200).double()
        moments = Moments(torch.zeros_like(w), torch.zeros_like(w))
        for _ in range(500):
            gradient = sizes[:, None] * torch.randn(3, 200).double()
            w, moments = adam_step(w, gradient, moments, lr=0.003, **options)
        left[name] = w.mean(1)
    assert left["l2"].tolist() == sorted(left["l2"].tolist())
    assert left["l2"][0] < 0.3
    assert left["l2"][2] > 0.9
    torch.testing.assert_close(
        left["decay"], torch.full((3,), (1 - 0.0003) ** 500).double(), atol=0.03, rtol=0
    )


def test_without_gradients_adam_forgets_how_large_its_l2_is():
    ends = {}
    for l2 in (0.1, 0.001):
        w = torch.tensor([1.0, -2.0]).double()
        moments = Moments(torch.zeros_like(w), torch.zeros_like(w))
        for _ in range(50):
            w, moments = adam_step(w, torch.zeros_like(w), moments, lr=0.001, l2=l2)
        ends[l2] = w
    torch.testing.assert_close(ends[0.1], ends[0.001], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ends[0.1], torch.tensor([0.95, -1.95]).double(), rtol=0, atol=2e-3)


def test_the_thick_contour_passes_through_the_solution():
    x, y = draw(40, 2)
    figure = picture.contact(x, y, l2=0.5, l1=0.5)
    for axes, fit, order in zip(figure.axes, (ridge, lasso), (2, 1), strict=True):
        solution = fit(x, y, 0.5).w
        ball = torch.tensor(axes.patches[0].get_xy())
        on = torch.linalg.vector_norm(ball, ord=order, dim=1)
        torch.testing.assert_close(on, solution.norm(p=order).expand_as(on))
        dot = axes.lines[1].get_xydata()[0]
        assert dot.tolist() == pytest.approx(solution.tolist())


def test_pictures_of_weights_leave_out_zeros():
    w = torch.tensor([0.0, 1.0, 0.0, -2.0])
    figure = picture.weights({"甲": w, "乙": torch.ones(4)})
    assert [len(axes.collections[0].get_segments()) for axes in figure.axes] == [2, 4]


def test_curves_are_cut_to_the_neighbourhood_of_the_data():
    x, y = torch.tensor([0.0, 1.0]), torch.tensor([-1.0, 1.0])
    figure = picture.curves(x, y, torch.linspace(0, 1, 5), {"λ": torch.full((5,), 100.0)})
    assert isinstance(figure, Figure)
    assert figure.axes[0].get_ylim() == (-2, 2)
    assert plt.get_fignums() == []
