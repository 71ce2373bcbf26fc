"""The grid detector: encoding and decoding are inverse, flips keep boxes on objects, one batch is learnt."""

import pytest
import torch

from dlnotes.data import scenes
from dlnotes.vision import detection
from dlnotes.vision import grid_detector as grid
from dlnotes.vision.average_precision import average_precisions
from dlnotes.vision.boxes import area
from dlnotes.vision.targets import pad


def test_parameters_and_shapes():
    model = grid.GridDetector(5)
    blocks = [(3, 16), (16, 32), (32, 64), *[(64, 64)] * 4]
    count = sum(9 * i * o + 2 * o for i, o in blocks) + 64 * 10 + 10
    assert sum(p.numel() for p in model.parameters()) == count == 172_314
    assert model(torch.zeros(2, 3, 96, 128)).shape == (2, 10, 12, 16)
    with pytest.raises(ValueError, match="倍数"):
        model(torch.zeros(1, 3, 100, 96))


def perfect(targets: torch.Tensor, rows: int, columns: int, num_classes: int) -> torch.Tensor:
    """Outputs of a network that has learnt *targets* by heart."""
    there, truth = grid.encode(targets, rows, columns)
    outputs = torch.zeros(len(targets), rows, columns, 5 + num_classes)
    outputs[..., 0] = torch.where(there, 20.0, -20.0)
    outputs[..., 1:3] = truth[..., 1:3].clamp(1e-4, 1 - 1e-4).logit()
    outputs[..., 3:5] = truth[..., 3:]
    kinds = torch.nn.functional.one_hot(truth[..., 0].long(), num_classes)
    outputs[..., 5:] = kinds * 20.0
    return outputs.movedim(-1, 1)


def test_decoding_undoes_encoding():
    made = scenes.make("train", 40, size=96)
    outputs = perfect(made.targets, 12, 12, 5)
    boxes, scores = grid.decode(outputs)
    there, _ = grid.encode(made.targets, 12, 12)
    wanted = [t["boxes"] for t in made.lists()]
    for i in range(40):
        got = boxes[i][there[i].flatten()]
        nearest = torch.cdist(got, wanted[i]).min(dim=1).values
        assert nearest.max() < 0.02
        assert (scores[i].amax(1) > 0.99).sum() == there[i].sum()


def test_perfect_outputs_have_almost_no_loss_and_full_precision():
    made = scenes.make("train", 40, size=96)
    outputs = perfect(made.targets, 12, 12, 5)
    assert grid.loss(outputs, made.targets) < 1e-3

    class Known(torch.nn.Module):
        def forward(self, _: torch.Tensor) -> torch.Tensor:
            return outputs

    found = grid.detect(Known(), made.images)
    # Two centres in one cell, or two like objects that overlap, cost a little.
    assert average_precisions(found, made.lists(), 5).nanmean() > 0.95


def test_of_two_centres_in_one_cell_the_smaller_stays():
    big, small = [0.0, 10, 10, 50, 50], [1.0, 25, 25, 35, 35]
    for rows in ([big, small], [small, big]):
        there, truth = grid.encode(torch.tensor([rows]), 8, 8)
        assert there.sum() == 1
        assert truth[0, 3, 3, 0] == 1


def test_padding_is_not_an_object():
    there, _ = grid.encode(torch.full((3, 4, 5), -1.0), 8, 8)
    assert not there.any()
    value = grid.loss(torch.zeros(3, 10, 8, 8), torch.full((3, 4, 5), -1.0))
    assert value.isfinite()


def test_flipping_twice_is_nothing_and_padding_stays():
    made = scenes.make("train", 6, size=64)
    turned = torch.tensor([True, False, True, True, False, True])
    images, targets = detection.flipped(made.images, made.targets, turned)
    assert torch.equal(images[1], made.images[1])
    assert torch.equal(images[0], made.images[0].flip(-1))
    assert (targets[made.targets[..., 0] < 0] == -1).all()
    torch.testing.assert_close(area(targets[..., 1:]), area(made.targets[..., 1:]))
    again, back = detection.flipped(images, targets, turned)
    assert torch.equal(again, made.images)
    torch.testing.assert_close(back, made.targets)


def test_a_batch_is_learnt_by_heart():
    made = scenes.make("train", 8, size=64, smallest=0.3, max_objects=2)
    torch.manual_seed(0)
    model = grid.GridDetector(5, width=32)
    losses = detection.fit(
        model, made.images, made.targets, grid.loss, epochs=80, lr=1e-2, batch_size=8, augment=None
    )
    assert losses[-1] < losses[0] / 10
    found = grid.detect(model, made.images)
    assert average_precisions(found, made.lists(), 5).nanmean() > 0.8
    assert all((f["scores"].diff() <= 0).all() for f in found)
    gradient = [p.grad.abs().sum() for p in model.parameters()]
    assert all(g > 0 for g in gradient)


def test_training_is_the_same_twice():
    made = scenes.make("train", 8, size=64)

    def run() -> list[float]:
        torch.manual_seed(0)
        model = grid.GridDetector(5, width=16)
        return detection.fit(model, made.images, made.targets, grid.loss, epochs=1, lr=1e-2, batch_size=4)

    assert run() == run()


def test_guesses_at_random_know_the_boxes_but_not_the_picture():
    made = scenes.make("train", 30, size=64)
    guesses = grid.random_guesses(made.targets, made.images, count=7)
    assert len(guesses) == 30
    assert guesses[0]["boxes"].shape == (7, 4)
    assert average_precisions(guesses, made.lists(), 5).nanmean() < 0.1
    assert pad([{k: g[k] for k in ("boxes", "labels")} for g in guesses]).shape == (30, 7, 5)
