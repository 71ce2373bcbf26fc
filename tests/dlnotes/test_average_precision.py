"""Average precision, worked by hand and by a second, slow way."""

import math

import pytest
import torch

from dlnotes.vision.average_precision import Ranking, average_precisions, claim, rank

UNIT = [0.0, 0.0, 10.0, 10.0]


def at(x: float) -> list[float]:
    return [x, 0.0, x + 10.0, 10.0]


def found(boxes, labels, scores):
    return {
        "boxes": torch.tensor(boxes).view(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.long),
        "scores": torch.tensor(scores, dtype=torch.float32),
    }


def truth(boxes, labels):
    return {"boxes": torch.tensor(boxes).view(-1, 4), "labels": torch.tensor(labels, dtype=torch.long)}


def test_a_perfect_detector_has_one_and_a_silent_one_has_zero():
    real = [truth([at(0), at(50)], [0, 1]), truth([at(20)], [1])]
    perfect = [found([at(0), at(50)], [0, 1], [0.9, 0.8]), found([at(20)], [1], [0.7])]
    silent = [found([], [], []), found([], [], [])]
    assert average_precisions(perfect, real, 2).tolist() == [1.0, 1.0]
    assert average_precisions(silent, real, 2).tolist() == [0.0, 0.0]


def test_by_hand_right_wrong_right():
    """Two objects; ranks: hit, miss, hit. Precision 1, 1/2, 2/3; AP = (1 + 2/3) / 2."""
    real = [truth([at(0), at(50)], [0, 0])]
    guess = [found([at(50), at(100), at(0)], [0, 0, 0], [0.6, 0.8, 0.9])]
    ranking = rank(guess, real, 0)
    assert ranking.hits.tolist() == [True, False, True]
    assert ranking.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert ranking.recall.tolist() == pytest.approx([1 / 2, 1 / 2, 1])
    assert ranking.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_by_hand_the_envelope_lifts_an_early_miss():
    """Ranks: miss, hit, hit, of 3 objects. Precision 0, 1/2, 2/3; to the right of each hit 2/3 is best."""
    ranking = Ranking(torch.tensor([0.9, 0.8, 0.7]), torch.tensor([False, True, True]), 3)
    assert ranking.average_precision == pytest.approx(2 * (2 / 3) / 3)


def test_a_second_box_on_the_same_object_is_wrong():
    real = [truth([at(0)], [0])]
    twice = [found([at(0), at(1)], [0, 0], [0.9, 0.8])]
    assert rank(twice, real, 0).hits.tolist() == [True, False]
    # It costs nothing when it comes after every object was found, and it does when it comes before.
    assert average_precisions(twice, real, 1).item() == 1
    more = [truth([at(0), at(50)], [0, 0])]
    late = [found([at(0), at(1), at(50)], [0, 0, 0], [0.9, 0.8, 0.7])]
    assert average_precisions(late, more, 1).item() == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize(("shift", "overlap"), [(0, 1.0), (2.5, 0.6), (5, 1 / 3)])
def test_the_threshold_decides(shift, overlap):
    boxes, real = torch.tensor([at(shift)]), torch.tensor([UNIT])
    assert claim(boxes, real, overlap - 0.01).tolist() == [True]
    assert claim(boxes, real, overlap + 0.01).tolist() == [False]


def test_the_wrong_class_and_the_wrong_picture_are_wrong():
    real = [truth([at(0)], [0]), truth([], [])]
    assert average_precisions([found([at(0)], [1], [0.9]), found([], [], [])], real, 2)[0] == 0
    assert average_precisions([found([], [], []), found([at(0)], [0], [0.9])], real, 2)[0] == 0


def test_a_class_that_never_occurs_has_no_average_precision():
    values = average_precisions([found([at(0)], [0], [0.9])], [truth([at(0)], [0])], 3)
    assert values[0] == 1
    assert values[1:].isnan().all()
    assert values.nanmean() == 1


def test_only_the_order_of_the_scores_counts():
    generator = torch.Generator().manual_seed(0)
    real = [truth([at(30.0 * k) for k in range(4)], [0] * 4)]
    boxes = [at(30.0 * (k % 5) + (k % 3) * 2) for k in range(12)]
    scores = torch.rand(12, generator=generator).tolist()
    one = average_precisions([found(boxes, [0] * 12, scores)], real, 1)
    squashed = average_precisions([found(boxes, [0] * 12, [math.tanh(s) / 7 for s in scores])], real, 1)
    assert one.item() == squashed.item()


def test_the_area_is_that_of_a_slow_integration():
    """The same curve, integrated over a fine grid of recalls with max precision to the right."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        hits = torch.rand(30, generator=generator) < 0.4
        truths = int(hits.sum()) + 3
        ranking = Ranking(torch.linspace(1, 0, 30), hits, truths)
        pairs = list(zip(ranking.recall.tolist(), ranking.precision.tolist(), strict=True))
        grid = [(i + 0.5) / (truths * 100) for i in range(truths * 100)]
        slow = sum(max((p for r, p in pairs if r >= g), default=0.0) for g in grid) / len(grid)
        assert ranking.average_precision == pytest.approx(slow, abs=1e-6)


def test_lists_of_different_lengths_are_an_error():
    with pytest.raises(ValueError, match="一样多"):
        rank([found([], [], [])], [], 0)
