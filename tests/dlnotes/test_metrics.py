import pytest
import torch

from dlnotes.metrics import Spread, accuracy, confusion_matrix, over_seeds


def test_accuracy_is_the_share_of_right_answers():
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]])
    assert accuracy(logits, torch.tensor([0, 1, 1, 0])) == 0.75


@pytest.mark.parametrize(
    ("logits", "labels"), [((3, 2), (2,)), ((3,), (3,)), ((0, 2), (0,)), ((3, 2), (3, 1))]
)
def test_accuracy_refuses_shapes_that_do_not_fit(logits, labels):
    with pytest.raises(ValueError, match="应是"):
        accuracy(torch.zeros(logits), torch.zeros(labels, dtype=torch.long))


def test_confusion_matrix_has_truth_in_rows():
    predictions, labels = torch.tensor([0, 1, 1, 2, 1]), torch.tensor([0, 0, 1, 2, 0])
    matrix = confusion_matrix(predictions, labels, num_classes=3)
    assert matrix.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 1]]
    assert matrix.dtype == torch.int64


@pytest.mark.parametrize(("predictions", "labels"), [([0, 1], [0]), ([3], [0]), ([0], [-1]), ([[0]], [[0]])])
def test_confusion_matrix_refuses_what_it_cannot_count(predictions, labels):
    with pytest.raises(ValueError, match="应"):
        confusion_matrix(torch.tensor(predictions), torch.tensor(labels), num_classes=3)


def test_spread_shows_mean_and_sample_deviation():
    assert f"{Spread.of([0.8, 0.9, 1.0]):.2f}" == "0.90 ± 0.10"


def test_one_value_has_no_spread():
    with pytest.raises(ValueError, match="至少要两个数"):
        Spread.of([1.0])


def test_one_seed_is_a_number_and_several_are_a_spread():
    assert over_seeds([0.8]) == "0.800"
    assert over_seeds((x for x in (0.8, 0.9, 1.0)), ".2f") == "0.90 ± 0.10"
    with pytest.raises(ValueError, match="至少要两个数"):
        over_seeds([])
