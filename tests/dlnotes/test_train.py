import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from dlnotes.convnets.lenet import LeNet, lenet_bn
from dlnotes.data.batch import batches, take
from dlnotes.init import init_xavier
from dlnotes.lab import set_seed
from dlnotes.train import evaluate, evaluating, fit, predict


@pytest.fixture
def toy() -> TensorDataset:
    """Three clusters in the plane, easy to separate; 100 is no multiple of the batch size."""
    labels = torch.arange(100) % 3
    generator = torch.Generator().manual_seed(0)
    return TensorDataset(F.one_hot(labels).float() + 0.1 * torch.randn(100, 3, generator=generator), labels)


def run(toy: TensorDataset, seed: int = 0, **options):
    set_seed(0)
    model = nn.Linear(3, 3)
    return model, fit(model, toy, toy, epochs=3, lr=0.5, batch_size=32, seed=seed, **options)


def test_fit_is_deterministic_for_a_seed(toy):
    (a, first), (b, second), (_, other) = run(toy), run(toy), run(toy, seed=1)
    assert first.step_loss == second.step_loss
    assert first.val_loss == second.val_loss
    assert torch.equal(a.weight, b.weight)
    assert first.step_loss != other.step_loss


def test_history_has_one_entry_per_epoch_and_per_step(toy):
    _, history = run(toy)
    assert len(history.step_loss) == 3 * 4
    for series in (history.train_loss, history.train_accuracy, history.val_loss, history.val_accuracy):
        assert len(series) == 3
    assert all(seconds > 0 for seconds in history.seconds)


def test_training_loss_weights_each_sample_equally(toy):
    _, history = run(toy)
    expected = sum(loss * n for loss, n in zip(history.step_loss[:4], [32, 32, 32, 4], strict=True)) / 100
    assert history.train_loss[0] == pytest.approx(expected, rel=1e-5)


def test_last_validation_is_the_score_of_the_trained_model(toy):
    model, history = run(toy)
    score = evaluate(model, toy)
    assert (score.loss, score.accuracy) == (history.val_loss[-1], history.val_accuracy[-1])


def test_fit_equals_the_loop_written_out(toy):
    model, _ = run(toy)
    set_seed(0)
    plain = nn.Linear(3, 3)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.5)
    order = torch.Generator().manual_seed(0)
    for _ in range(3):
        for x, y in batches(toy, 32, shuffle=True, generator=order):
            optimizer.zero_grad()
            F.cross_entropy(plain(x), y).backward()
            optimizer.step()
    assert torch.equal(model.weight, plain.weight)


def test_on_step_sees_every_update_with_its_gradient(toy):
    seen = []
    run(toy, on_step=lambda model, step: seen.append((step, model.weight.grad is not None)))
    assert seen == [(step, True) for step in range(1, 13)]


def test_other_optimizers_and_losses_fit_in(toy):
    _, history = run(
        toy,
        optimizer=partial(torch.optim.SGD, momentum=0.9),
        loss_fn=partial(F.cross_entropy, label_smoothing=0.1),
    )
    assert history.val_accuracy[-1] == 1.0


def test_a_schedule_moves_on_with_every_step(toy):
    rates = []

    def schedule(optimizer):
        made = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
        rates.append(made)
        return made

    run(toy, schedule=schedule)
    assert rates[0].last_epoch == 12
    assert rates[0].get_last_lr() == [0.5 / 13]


def test_gradients_longer_than_max_norm_are_cut_to_it(toy):
    def norms(**options):
        seen = []
        run(
            toy,
            on_step=lambda m, _: seen.append(torch.cat([p.grad.flatten() for p in m.parameters()]).norm()),
            **options,
        )
        return torch.stack(seen)

    free, cut = norms(), norms(max_norm=0.1)
    assert free.max() > 0.2
    assert cut.max() <= 0.1 + 1e-6
    torch.testing.assert_close(cut[0], free[0].clamp(max=0.1))


def test_a_batch_is_changed_for_training_but_judged_by_its_own_labels(toy):
    def lie(inputs, labels):
        return inputs, (labels + 1) % 3

    _, history = run(toy, on_batch=lie)
    assert history.train_accuracy[-1] < 0.1  # it learned the wrong labels
    assert history.val_accuracy[-1] < 0.1
    _, soft = run(toy, on_batch=lambda x, y: (x, F.one_hot(y, 3).float()))
    assert soft.val_accuracy[-1] == 1.0


def cubed_error(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return (logits - F.one_hot(labels, 3)).abs().pow(3).mean()


def test_divergence_is_recorded_not_raised(toy):
    model = nn.Linear(3, 3)
    history = fit(model, toy, toy, epochs=3, lr=1e30, batch_size=32, loss_fn=cubed_error)
    assert not math.isfinite(history.val_loss[-1])
    assert 0 <= history.val_accuracy[-1] <= 1


def test_zero_epochs_is_an_error(toy):
    with pytest.raises(ValueError, match="epochs 至少是 1"):
        fit(nn.Linear(3, 3), toy, toy, epochs=0, lr=0.1)


def test_predict_in_pieces_equals_all_at_once():
    model, images = lenet_bn(), torch.rand(10, 1, 28, 28)
    torch.testing.assert_close(predict(model, images, batch_size=3), predict(model, images))
    assert model.training  # and BatchNorm's averages did not move
    assert model.bn1.num_batches_tracked == 0


def test_evaluating_restores_each_module_even_after_an_error():
    model = lenet_bn()
    model.bn1.eval()

    def fail() -> None:
        with evaluating(model):
            assert not model.training
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert model.training
    assert not model.bn1.training


def test_lenet_learns_fashion_in_one_small_epoch(fashion):
    set_seed(0)
    model = init_xavier(LeNet(activation=nn.ReLU, pool=nn.MaxPool2d))
    history = fit(model, take(fashion.train, 10_000), fashion.val, epochs=1, lr=0.1, batch_size=64)
    assert history.val_accuracy[0] > 0.6
