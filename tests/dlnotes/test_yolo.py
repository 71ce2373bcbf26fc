"""YOLO: the paper's counts, the loss by hand, perfect outputs found."""

from functools import partial

import pytest
import torch

from dlnotes.data import scenes
from dlnotes.vision import detection, yolo
from dlnotes.vision.average_precision import average_precisions

from .learning import assert_every_parameter_has_a_gradient


def small() -> yolo.TinyYOLO:
    torch.manual_seed(0)
    return yolo.TinyYOLO(5, (8, 16, 32), 32)


def test_the_papers_output_is_seven_by_seven_by_thirty():
    model = yolo.TinyYOLO(20, (2, 2, 2), 4)
    out = model(torch.zeros(1, 3, 56, 56))
    assert out.shape == (1, 7, 7, 30)
    boxes, scores = yolo.decode(out, 20)
    assert boxes.shape == (1, 98, 4)
    assert scores.shape == (1, 98, 20)


def test_every_number_is_a_share():
    out = small()(torch.rand(2, 3, 64, 96))
    assert out.shape == (2, 8, 12, 15)
    assert out.min() > 0
    assert out.max() < 1
    torch.testing.assert_close(out[..., 10:].sum(-1), torch.ones(2, 8, 12))


def test_the_loss_by_hand():
    """One object, 16 × 32 at (8, 8)–(24, 40) of a 64 × 64 picture: centre (16, 24) begins cell (3, 2)."""
    out = torch.zeros(1, 8, 8, 15)
    out[0, 3, 2, 0:5] = torch.tensor([0.0, 0, 0.25, 0.5, 0.8])  # the first box is right
    out[0, 3, 2, 5:10] = torch.tensor([0.0, 0, 1, 1, 0.6])  # the second is not: not responsible
    out[0, 0, 0, 4] = 0.4  # nothing is there
    out[0, 3, 2, 10:] = torch.tensor([0.5, 0.5, 0, 0, 0])
    targets = torch.tensor([[[1.0, 8, 8, 24, 40], [-1, -1, -1, -1, -1]]])
    sure, quiet, kind = (0.8 - 1) ** 2, 0.5 * (0.6**2 + 0.4**2), 0.25 + 0.25
    assert yolo.loss(out, targets, 5).item() == pytest.approx(sure + quiet + kind, rel=1e-4)
    out[0, 3, 2, 0] = 0.1  # a tenth of a cell to the right
    overlap = 15.2 / 16.8
    where = 5 * 0.1**2
    expected = where + (0.8 - overlap) ** 2 + quiet + kind
    assert yolo.loss(out, targets, 5).item() == pytest.approx(expected, rel=1e-4)


def test_perfect_outputs_are_found():
    made = scenes.make("train", 40, size=64, max_objects=2)
    there, truth = yolo.on_grid(made.targets, 8, 8)
    out = torch.zeros(40, 8, 8, 15)
    out[..., :2] = truth[..., 1:3]
    out[..., 2:4] = truth[..., 3:].exp() * 24 / 64
    out[..., 4] = there.float()
    out[..., 10:] = torch.nn.functional.one_hot(truth[..., 0].long(), 5)
    found = detection.detect(small(), made.images, lambda _: yolo.decode(out, 5))
    assert average_precisions(found, made.lists(), 5).nanmean() > 0.97
    assert yolo.loss(out, made.targets, 5) < 1e-3


def test_pictures_without_objects_have_a_finite_loss():
    out = small()(torch.rand(2, 3, 64, 64))
    assert yolo.loss(out, torch.full((2, 3, 5), -1.0), 5).isfinite()


def test_learns_one_batch_by_heart():
    made = scenes.make("train", 8, size=64, smallest=0.3, largest=0.6, max_objects=2)
    model, loss = small(), partial(yolo.loss, num_classes=5)
    loss(model(made.images), made.targets).backward()
    assert_every_parameter_has_a_gradient(model)
    losses = detection.fit(model, made.images, made.targets, loss, epochs=120, lr=1e-2, batch_size=8)
    assert losses[-1] < 0.15 * losses[0]
