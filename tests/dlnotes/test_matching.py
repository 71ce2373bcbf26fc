"""Assignment: one picture by hand, the batch like single pictures, padding takes no part."""

import torch

from dlnotes.data import scenes
from dlnotes.vision import anchors
from dlnotes.vision.boxes import iou
from dlnotes.vision.matching import assign, match

GRID = torch.cat([anchors.grid(k, k, s, [1, 2, 0.5], 64, 64) for k, s in ((8, (0.2, 0.27)), (4, (0.4, 0.5)))])


def by_hand(grid: torch.Tensor, boxes: torch.Tensor, threshold: float) -> list[int]:
    """The book's two steps, one element at a time."""
    table = iou(boxes, grid)
    owner = [int(c.argmax()) if c.max() >= threshold else -1 for c in table.T]
    for _ in range(len(boxes)):
        row, column = divmod(int(table.argmax()), len(grid))
        if table[row, column] > 0:
            owner[column] = row
        table[row], table[:, column] = -1, -1
    return owner


def test_a_batch_is_matched_like_its_pictures_one_by_one():
    made = scenes.make("train", 30, size=64)
    got = match(GRID, made.targets)
    for one, sheet in zip(got, made.lists(), strict=True):
        assert one.tolist() == by_hand(GRID, sheet["boxes"], 0.5)


def test_every_object_has_an_anchor():
    made = scenes.make("train", 60, size=64)
    got = match(GRID, made.targets)
    for one, rows in zip(got, made.targets, strict=True):
        assert set(range(int((rows[:, 0] >= 0).sum()))) == set(one.unique().tolist()) - {-1}


def test_more_padding_changes_nothing():
    made = scenes.make("train", 12, size=64)
    more = torch.cat([made.targets, torch.full((12, 3, 5), -1.0)], dim=1)
    for a, b in zip(assign(GRID, made.targets), assign(GRID, more), strict=True):
        assert torch.equal(a, b)


def test_a_picture_without_objects_is_all_background():
    for targets in (torch.full((2, 3, 5), -1.0), torch.zeros(2, 0, 5)):
        labels, offsets = assign(GRID, targets)
        assert labels.shape == (2, len(GRID))
        assert not labels.any()
        assert not offsets.any()


def test_padding_in_one_picture_does_not_disturb_another():
    box = torch.tensor([[0.0, 8, 8, 24, 24]])
    empty = torch.full((1, 1, 5), -1.0)
    labels, _ = assign(GRID, torch.cat([empty, box[None], empty]))
    assert labels[0].sum() == labels[2].sum() == 0
    assert (labels[1] == 1).sum() >= 1


def test_offsets_lead_back_to_the_box_that_is_owned():
    made = scenes.make("train", 20, size=64)
    owner, (labels, offsets) = match(GRID, made.targets), assign(GRID, made.targets)
    found = anchors.decode(offsets, GRID)
    for n, a in (owner >= 0).nonzero().tolist():
        row = made.targets[n, owner[n, a]]
        torch.testing.assert_close(found[n, a], row[1:], atol=1e-2, rtol=0)
        assert labels[n, a] == row[0] + 1
    assert not offsets[owner < 0].any()


def test_two_objects_that_want_the_same_anchor_get_two():
    rows = torch.tensor([[[0.0, 10, 10, 22, 22], [1.0, 10, 10, 22, 23]]])
    assert set(match(GRID, rows, threshold=0.99)[0].unique().tolist()) == {-1, 0, 1}
