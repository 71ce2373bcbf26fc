"""Linear regression: the data, the closed forms, SGD by hand and by torch, and what rounding does to them."""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from dlnotes.cost import count_macs, count_parameters
from dlnotes.diagram import linear as diagram
from dlnotes.leastsquares import (
    gradient_descent,
    least_squares,
    normal_equations,
    standardize,
    unstandardize,
    with_ones,
)
from dlnotes.linear import (
    LinearRegression,
    predict,
    sgd,
    squared_loss,
    synthetic,
    train_scratch,
    train_torch,
)

W, B, SIGMA = [2.0, -3.4], 4.2, 0.01
OPTIONS = {"epochs": 3, "lr": 0.03, "batch_size": 10}


@pytest.fixture(scope="module")
def data() -> TensorDataset:
    return synthetic(W, B, 1000, noise=SIGMA, seed=0)


@pytest.fixture(scope="module")
def solution(data):
    features, y = data.tensors
    return least_squares(with_ones(features), y)


def test_synthetic_data_is_the_model_plus_gaussian_noise(data):
    features, y = data.tensors
    assert (features.shape, y.shape) == ((1000, 2), (1000, 1))
    noise = y - predict(features, features.new_tensor(W)[:, None], features.new_tensor([B]))
    assert noise.std().item() == pytest.approx(SIGMA, rel=0.1)
    assert abs(noise.mean().item()) < 4 * SIGMA / math.sqrt(1000)


def test_synthetic_data_depends_on_its_seed_alone(data):
    torch.manual_seed(99)
    again, other = (synthetic(W, B, 1000, noise=SIGMA, seed=seed) for seed in (0, 1))
    assert torch.equal(again.tensors[1], data.tensors[1])
    assert not torch.equal(other.tensors[1], data.tensors[1])


def test_squared_loss_is_half_the_mean_squared_error():
    prediction, y = torch.randn(7, 1), torch.randn(7, 1)
    ours = squared_loss(prediction, y)
    assert ours.shape == (7, 1)
    torch.testing.assert_close(2 * ours.mean(), nn.functional.mse_loss(prediction, y))


def test_squared_loss_refuses_to_broadcast():
    with pytest.raises(ValueError, match=r"\(7, 1\).*\(7,\)"):
        squared_loss(torch.zeros(7, 1), torch.zeros(7))


def test_sgd_changes_parameters_in_place_and_clears_their_gradients():
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    kept = p
    (p**2).sum().backward()
    sgd([p], lr=0.25)
    assert kept.tolist() == [0.5, 1.0]
    assert kept.is_leaf
    assert kept.requires_grad
    assert kept.grad is None


def test_the_model_has_one_parameter_per_feature_and_a_bias():
    assert count_parameters(LinearRegression(2)) == 3
    assert count_macs(LinearRegression(2), torch.zeros(1, 2)) == 2
    assert not LinearRegression(2)(torch.randn(5, 2)).any()


def test_closed_forms_agree_and_leave_residuals_orthogonal_to_the_features(data, solution):
    features, y = data.tensors
    a = with_ones(features)
    torch.testing.assert_close(normal_equations(a, y), solution, rtol=1e-10, atol=1e-12)
    assert (a.T @ (a @ solution - y)).abs().max() < 1e-10
    assert (solution.flatten() - features.new_tensor([*W, B])).abs().max() < 1e-3


def test_scratch_and_torch_take_the_same_steps_when_the_learning_rate_makes_up_for_the_half(data):
    ours = train_scratch(data, **OPTIONS)
    model = LinearRegression(2).double()
    theirs = train_torch(model, data, **{**OPTIONS, "lr": 0.015})
    torch.testing.assert_close(ours.path, theirs.path, rtol=0, atol=1e-12)
    assert [2 * loss for loss in ours.epoch_loss] == pytest.approx(theirs.epoch_loss, rel=1e-9)
    torch.testing.assert_close(model(data.tensors[0]), predict(data.tensors[0], ours.w, ours.b))


@pytest.mark.parametrize("batch_size", [10, 32, 1000])
def test_a_run_records_every_step_from_the_origin(data, batch_size):
    run = train_scratch(data, epochs=2, lr=0.01, batch_size=batch_size)
    assert run.path.shape == (1 + 2 * math.ceil(1000 / batch_size), 3)
    assert not run.path[0].any()
    assert torch.equal(run.path[-1], torch.cat([run.w.flatten(), run.b]))
    assert len(run.epoch_loss) == 2


def test_sgd_ends_within_a_thousandth_of_the_closed_form_at_the_floor_of_the_loss(data, solution):
    run = train_scratch(data, **OPTIONS)
    assert (run.path[-1] - solution.flatten()).abs().max() < 1e-3
    assert run.epoch_loss[-1] == pytest.approx(SIGMA**2 / 2, rel=0.1)


def test_a_batch_that_is_not_full_is_averaged_over_what_it_has():
    data = synthetic(W, B, 3, noise=SIGMA, seed=0)
    run = train_scratch(data, epochs=1, lr=0.1, batch_size=64)
    features, y = data.tensors
    torch.testing.assert_close(run.path[1], 0.1 * (with_ones(features).T @ y).flatten() / 3)


def test_full_batch_descent_is_sgd_with_one_batch(data):
    features, y = data.tensors
    run = train_scratch(data, epochs=5, lr=0.3, batch_size=1000)
    torch.testing.assert_close(gradient_descent(with_ones(features), y, lr=0.3, steps=5), run.path)


def test_descent_contracts_each_eigenvector_by_its_own_factor(data):
    features, y = data.tensors
    a = with_ones(features * torch.tensor([1.0, 5.0]))
    values, vectors = torch.linalg.eigh(a.T @ a / len(a))
    path = gradient_descent(a, y, lr=0.05, steps=7)
    errors = (path - least_squares(a, y).T) @ vectors
    torch.testing.assert_close(errors[7], errors[0] * (1 - 0.05 * values) ** 7)


def test_standardising_changes_the_parameters_but_not_the_predictions(data, solution):
    features, y = data.tensors
    moved = features * torch.tensor([3.0, 10.0]) + torch.tensor([7.0, 2000.0])
    scaled, mean, std = standardize(moved)
    assert scaled.mean(dim=0).abs().max() < 1e-10
    torch.testing.assert_close(scaled.std(dim=0), torch.ones(2, dtype=torch.float64))
    theta = normal_equations(with_ones(scaled), y)
    back = unstandardize(theta, mean, std)
    assert back.shape == (3, 1)
    torch.testing.assert_close(with_ones(moved) @ back, with_ones(scaled) @ theta)
    torch.testing.assert_close(with_ones(moved) @ back, with_ones(features) @ solution)


def test_in_single_precision_the_normal_equations_lose_what_qr_keeps(data, solution):
    features, y = data.tensors
    a = with_ones(features * torch.tensor([1.0, 10.0]) + torch.tensor([0.0, 2000.0]))
    best = a @ least_squares(a, y)  # a shift and a scale span the same plane
    torch.testing.assert_close(best, with_ones(features) @ solution, rtol=0, atol=1e-6)

    def error(theta):
        return (a @ theta.double() - best).square().mean().sqrt().item()

    assert error(normal_equations(a.float(), y.float())) > SIGMA
    assert error(least_squares(a.float(), y.float(), driver="gels")) < SIGMA / 5
    moved = a[:, :2].float()
    scaled, mean, std = standardize(moved)
    theta = unstandardize(normal_equations(with_ones(scaled), y.float()), mean, std)
    assert error(theta) < SIGMA / 5


def test_linearly_dependent_columns_have_no_normal_equations():
    with pytest.raises(torch.linalg.LinAlgError):
        normal_equations(torch.ones(4, 2), torch.ones(4, 1))


def test_figures_show_the_sums_they_speak_of():
    matrix = torch.arange(1, 7).view(2, 3)
    shown = {text.get_text() for text in diagram.sum_axes(matrix).axes[0].texts}
    assert {"5", "7", "9", "6", "15", "21"} <= shown
    figure = diagram.broadcast(torch.tensor([[10], [20]]), torch.tensor([[1, 2]]))
    assert {"11", "12", "21", "22"} <= {text.get_text() for text in figure.axes[0].texts}


def test_contours_start_and_end_where_they_say():
    path = torch.tensor([[0.0, 0.0], [1.0, 0.5], [2.0, 1.0]], dtype=torch.float64)
    axes = diagram.contours(lambda p: (p - path[-1]).square().sum(-1), {"路径": path}, optimum=path[-1]).axes[
        0
    ]
    assert [line.get_xydata().tolist() for line in axes.lines][1:] == [[[0, 0]], [[2, 1]]]
    with pytest.raises(ValueError, match="1 到 4"):
        diagram.contours(lambda p: p.sum(-1), {}, optimum=path[-1])
