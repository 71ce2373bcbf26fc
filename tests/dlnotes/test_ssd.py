"""TinySSD: the book's counts, the losses by hand, one batch learnt, perfect outputs found."""

import pytest
import torch
from torch import nn

from dlnotes.data import scenes
from dlnotes.vision import detection, ssd
from dlnotes.vision.average_precision import average_precisions
from dlnotes.vision.matching import assign

from .learning import assert_every_parameter_has_a_gradient

SMALL = ((0.2, 0.272), (0.37, 0.447), (0.54, 0.619), (0.71, 0.79))


def small() -> ssd.TinySSD:
    torch.manual_seed(0)
    return ssd.TinySSD(5, (8, 16, 32), 32, SMALL)


def test_counts_and_shapes_are_the_books():
    model = ssd.TinySSD(1)
    assert sum(p.numel() for p in model.parameters()) == 1_010_376
    out = model(torch.zeros(2, 3, 256, 256))
    assert out.logits.shape == (2, 5444, 2)
    assert out.offsets.flatten(1).shape == (2, 21776)
    assert out.anchors.shape == (5444, 4)


def test_any_picture_size_and_number_of_classes():
    out = small()(torch.zeros(1, 3, 64, 96))
    assert out.logits.shape == (1, 4 * (8 * 12 + 4 * 6 + 2 * 3 + 1), 6)
    centers = (out.anchors[:, :2] + out.anchors[:, 2:]) / 2
    assert centers.amin(0).min() > 0
    assert centers.amax(0).tolist() == pytest.approx([92, 60])
    two = ssd.TinySSD(3, (4, 4, 4), 8, SMALL[:2])(torch.zeros(1, 3, 64, 64))
    assert two.logits.shape == (1, 4 * (64 + 1), 4)
    with pytest.raises(ValueError, match="两层"):
        ssd.TinySSD(1, sizes=SMALL[:1])


def test_a_prediction_belongs_to_the_anchor_at_its_place():
    """A head that copies one channel says at each anchor what the map says at its pixel."""
    model = small()
    for stage in range(len(SMALL)):
        nn.init.zeros_(model.boxes[stage].weight)
        bias = torch.arange(16.0) + 100 * stage
        model.boxes[stage].bias = nn.Parameter(bias)
    offsets = model(torch.rand(1, 3, 64, 64)).offsets[0]
    counts = [4 * k * k for k in (8, 4, 2, 1)]
    for stage, part in enumerate(offsets.split(counts)):
        assert torch.equal(part, (torch.arange(16.0) + 100 * stage).view(4, 4).repeat(counts[stage] // 4, 1))


def test_hard_negatives_are_the_worst_three_for_each_positive():
    torch.manual_seed(1)
    logits, labels = torch.randn(3, 50, 4), torch.zeros(3, 50, dtype=torch.long)
    labels[0, [4, 9]], labels[1, 7] = torch.tensor([1, 3]), 2
    each = nn.functional.cross_entropy(logits.movedim(-1, 1), labels, reduction="none")
    expected = 0.0
    for n, positives in enumerate((2, 1, 0)):
        worst = each[n][labels[n] == 0].sort(descending=True).values[: 3 * max(1, positives)]
        expected += (each[n][labels[n] > 0].sum() + worst.sum()).item()
    assert ssd.hard_negatives(logits, labels).item() == pytest.approx(expected, rel=1e-5)
    assert ssd.everything(logits, labels).item() == pytest.approx(each.sum().item(), rel=1e-5)


def test_focal_without_focus_is_cross_entropy_and_with_it_smaller():
    torch.manual_seed(1)
    logits, labels = torch.randn(3, 50, 4), torch.randint(0, 4, (3, 50))
    whole = ssd.everything(logits, labels)
    torch.testing.assert_close(ssd.focal(logits, labels, gamma=0), whole)
    assert ssd.focal(logits, labels) < whole


def perfect(targets: torch.Tensor) -> ssd.Output:
    anchors = small()(torch.zeros(1, 3, 64, 64)).anchors
    labels, offsets = assign(anchors, targets)
    return ssd.Output(nn.functional.one_hot(labels, 6) * 20.0, offsets, anchors)


def test_perfect_outputs_have_no_loss_and_full_precision():
    made = scenes.make("train", 40, size=64, smallest=0.25, max_objects=2)
    outputs = perfect(made.targets)
    for classify in (ssd.everything, ssd.hard_negatives, ssd.focal):
        assert ssd.loss(outputs, made.targets, classify) < 1e-3
    found = detection.detect(small(), made.images, lambda _: ssd.decode(outputs))
    assert average_precisions(found, made.lists(), 5).nanmean() > 0.97


def test_pictures_without_objects_have_a_finite_loss():
    out = small()(torch.rand(2, 3, 64, 64))
    for classify in (ssd.everything, ssd.hard_negatives, ssd.focal):
        assert ssd.loss(out, torch.full((2, 3, 5), -1.0), classify).isfinite()


def test_learns_one_batch_by_heart():
    made = scenes.make("train", 8, size=64, smallest=0.3, largest=0.6, max_objects=2)
    model = small()
    ssd.loss(model(made.images), made.targets).backward()
    assert_every_parameter_has_a_gradient(model)
    losses = detection.fit(model, made.images, made.targets, ssd.loss, epochs=120, lr=1e-2, batch_size=8)
    assert losses[-1] < 0.15 * losses[0]
    model.train()  # eight pictures are too few for the running statistics
    with torch.no_grad():
        boxes, scores = ssd.decode(model(made.images))
    found = detection.detect(small(), made.images, lambda _: (boxes, scores))
    assert average_precisions(found, made.lists(), 5).nanmean() > 0.8
