"""Dropout: its mean and variance, equality with torch, and what is switched on when."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlnotes.cost import count_macs, count_parameters
from dlnotes.diagram.dropout import masks, thinned
from dlnotes.dropout import (
    DropConnectLinear,
    Dropout,
    disagreement,
    dropout,
    dropout_mlp,
    entropy,
    keep_mask,
    mc_predict,
)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_mean_is_kept_and_variance_is_p_over_one_minus_p_times_h_squared(p):
    h = torch.tensor([-2.0, -0.5, 0.0, 1.0, 3.0], dtype=torch.float64)
    n = 400_000
    dropped = dropout(h.expand(n, -1), p)
    variance = p / (1 - p) * h**2
    # Five standard errors of the mean: about one false alarm in a million.
    assert ((dropped.mean(0) - h).abs() <= 5 * (variance / n).sqrt()).all()
    torch.testing.assert_close(dropped.var(0), variance, rtol=0.03, atol=0)


def test_p_of_0_is_the_identity_and_p_of_1_is_all_zero():
    h = torch.randn(4, 5, requires_grad=True)
    assert dropout(h, 0.0) is h
    out = dropout(h, 1.0)
    assert torch.equal(out, torch.zeros(4, 5))
    out.sum().backward()
    assert torch.equal(h.grad, torch.zeros(4, 5))


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_a_rate_outside_0_to_1_is_an_error(p):
    for make in (lambda: dropout(torch.ones(2), p), lambda: Dropout(p), lambda: DropConnectLinear(2, 2, p)):
        with pytest.raises(ValueError, match="丢弃率"):
            make()


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_same_mask_gives_the_outputs_and_gradients_of_torch(p):
    ours = torch.randn(64, 100, dtype=torch.float64).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    upstream = torch.randn(64, 100, dtype=torch.float64)
    expected = nn.Dropout(p)(theirs)
    actual = dropout(ours, p, keep=expected != 0)  # no entry of h is 0, so a 0 was dropped
    torch.testing.assert_close(actual, expected)
    actual.backward(upstream)
    expected.backward(upstream)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_backward_drops_exactly_what_forward_dropped():
    h = torch.randn(1000, requires_grad=True)
    out = dropout(h, 0.3)
    out.sum().backward()
    assert torch.equal(h.grad == 0, out == 0)
    torch.testing.assert_close(h.grad[out != 0], torch.full(((out != 0).sum(),), 1 / 0.7))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_keep_mask_has_the_shape_of_h_and_the_right_share(dtype):
    keep = keep_mask(torch.zeros(500, 400, dtype=dtype), 0.3)
    assert (keep.dtype, keep.shape) == (torch.bool, (500, 400))
    assert keep.double().mean().item() == pytest.approx(0.7, abs=0.01)


def test_the_mask_is_made_on_the_device_of_h():
    assert keep_mask(torch.empty(3, 4, device="meta"), 0.5).device.type == "meta"


def test_only_training_drops_and_evaluation_is_deterministic():
    layer, h = Dropout(0.5), torch.randn(50, 50)
    assert layer.training
    assert not torch.equal(layer(h), layer(h))
    layer.eval()
    assert layer(h) is h
    assert list(layer.parameters()) == []


def test_module_answers_to_the_mode_of_the_whole_model():
    model = dropout_mlp(layer=Dropout)
    x = torch.rand(2, 1, 28, 28)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_mlp_has_269_322_parameters_and_268_800_multiply_adds():
    for layer in (nn.Dropout, Dropout):
        model = dropout_mlp(layer=layer)
        assert count_parameters(model) == 269_322
        assert count_macs(model, torch.zeros(2, 1, 28, 28)) == 268_800
        assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_mlp_equals_plain_layers_after_copying_weights():
    model = dropout_mlp().eval()
    w, x = model.state_dict(), torch.rand(4, 1, 28, 28)
    h = (x.flatten(1) @ w["hidden1.weight"].T + w["hidden1.bias"]).relu()
    h = (h @ w["hidden2.weight"].T + w["hidden2.bias"]).relu()
    torch.testing.assert_close(model(x), h @ w["output.weight"].T + w["output.bias"])


def test_mlp_drops_pixels_only_when_asked_and_needs_a_rate_for_each_layer():
    assert "drop0" not in dict(dropout_mlp().named_children())
    assert dropout_mlp(input_rate=0.2).drop0.p == 0.2
    with pytest.raises(ValueError, match="丢弃率"):
        dropout_mlp((0.5,), (256, 256))


def test_a_dropped_unit_is_a_dropped_column_of_the_next_layers_weight():
    layer, h = nn.Linear(6, 4).double(), torch.randn(1, 6, dtype=torch.float64)
    keep = torch.tensor([[1, 0, 1, 1, 0, 1]], dtype=torch.bool)
    expected = F.linear(h, layer.weight * keep / 0.5, layer.bias)
    torch.testing.assert_close(layer(dropout(h, 0.5, keep=keep)), expected)


def test_drop_connect_drops_single_weights_in_training_only():
    layer = DropConnectLinear(40, 30, p=0.25).double()
    x = torch.eye(40, dtype=torch.float64)
    used = (layer(x) - layer.bias).T  # (30, 40): the weight that this pass used
    dropped = used.abs() < 1e-12
    assert 0.2 < dropped.double().mean().item() < 0.3
    assert not dropped.all(dim=0).any()  # no whole column is gone
    torch.testing.assert_close(used[~dropped], layer.weight[~dropped] / 0.75)
    layer.eval()
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))


def test_geometric_mean_of_all_thinned_softmaxes_is_the_scaled_network():
    units, p = 8, 0.3
    head, h = nn.Linear(units, 3).double(), torch.rand(5, units, dtype=torch.float64)
    masks = torch.tensor(list(itertools.product([False, True], repeat=units)))
    chance = (p ** (~masks).sum(1)) * ((1 - p) ** masks.sum(1))
    logs = torch.stack([head(dropout(h, p, keep=m.expand_as(h))).log_softmax(-1) for m in masks])
    mean = (chance[:, None, None] * logs).sum(0).softmax(-1)
    torch.testing.assert_close(mean, head(h).softmax(-1))


def test_expected_loss_of_linear_regression_is_least_at_adaptive_ridge():
    n, d, p = 20, 4, 0.4
    x, y = torch.randn(n, d, dtype=torch.float64), torch.randn(n, dtype=torch.float64)
    penalty = p / (1 - p) * (x**2).sum(0).diag()
    w = torch.linalg.solve(x.T @ x + penalty, x.T @ y).requires_grad_()
    loss = torch.zeros(())
    for mask in itertools.product([False, True], repeat=d):
        keep = torch.tensor(mask)
        chance = p ** (~keep).sum().item() * (1 - p) ** keep.sum().item()
        loss = loss + chance * ((dropout(x, p, keep=keep.expand_as(x)) @ w - y) ** 2).sum()
    loss.backward()
    torch.testing.assert_close(w.grad, torch.zeros(d, dtype=torch.float64), rtol=0, atol=1e-10)
    assert loss.item() == pytest.approx((((x @ w - y) ** 2).sum() + w @ penalty @ w).item())


def test_mc_predict_samples_masks_but_leaves_batch_norm_alone():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    model.train()
    model[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    probabilities = mc_predict(model, torch.randn(5, 6), samples=7)
    assert probabilities.shape == (7, 5, 3)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(7, 5))
    assert not torch.equal(probabilities[0], probabilities[1])
    assert modes == [module.training for module in model.modules()]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("layer", [Dropout(0.5), nn.Dropout(0.5), DropConnectLinear(6, 6, 0.5)])
def test_mc_predict_knows_every_kind_of_dropout(layer):
    samples = mc_predict(nn.Sequential(nn.Linear(6, 6), layer), torch.randn(2, 6), samples=3)
    assert not torch.equal(samples[0], samples[1])


def test_mc_predict_without_dropout_or_without_samples_is_an_error():
    with pytest.raises(ValueError, match="丢弃层"):
        mc_predict(nn.Linear(2, 2), torch.zeros(1, 2), samples=3)
    with pytest.raises(ValueError, match="采样"):
        mc_predict(nn.Dropout(), torch.zeros(1, 2), samples=0)


def test_entropy_runs_from_0_to_ln_k():
    p = torch.tensor([[1.0, 0, 0, 0], [0.25] * 4])
    torch.testing.assert_close(entropy(p), torch.tensor([0.0, math.log(4)]))


def test_disagreement_is_0_for_equal_samples_and_ln_2_for_opposite_ones():
    same = torch.tensor([[[0.3, 0.7]], [[0.3, 0.7]]])
    opposite = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    torch.testing.assert_close(disagreement(same), torch.zeros(1))
    torch.testing.assert_close(disagreement(opposite), torch.tensor([math.log(2)]))


def test_gradients_reach_every_parameter_and_one_batch_can_be_overfitted(fashion):
    model = dropout_mlp(layer=Dropout)
    images, labels = fashion.train[:64]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    model.eval()
    assert (model(images).argmax(1) == labels).double().mean() > 0.97


def test_thinned_draws_only_links_between_units_that_stay():
    full, none = torch.ones(3, dtype=torch.bool), torch.zeros(3, dtype=torch.bool)
    one = torch.tensor([True, False, False])
    figure = thinned({"a": [full, full], "b": [full, one], "c": [full, none]})
    links = [len(axes.collections[0].get_segments()) for axes in figure.axes]
    assert links == [9, 3, 0]


def test_masks_draws_each_mask_under_its_name():
    figure = masks({"a": torch.ones(2, 3, dtype=torch.bool), "b": torch.zeros(2, 3, dtype=torch.bool)})
    shown = {axes.get_title(): axes.images[0].get_array().tolist() for axes in figure.axes}
    assert shown == {"a": [[1] * 3] * 2, "b": [[0] * 3] * 2}
