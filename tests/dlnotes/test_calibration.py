"""Calibration: bins, their sums, and the two summaries."""

import pytest
import torch

from dlnotes.calibration import reliability


def rows(*confidences: float) -> torch.Tensor:
    return torch.tensor([[c, 1 - c] for c in confidences], dtype=torch.float64)


def test_a_model_that_is_as_good_as_it_says_has_no_error():
    found = reliability(rows(*[0.75] * 4), torch.tensor([0, 0, 0, 1]))
    assert found.counts.tolist() == [4]
    assert found.error == pytest.approx(0)
    assert found.excess == pytest.approx(0)


def test_error_weighs_bins_by_their_samples_and_excess_keeps_the_sign():
    # 0.95 said, 0.5 right (too sure, 2 samples); 0.55 said, all right (too shy, 1 sample).
    found = reliability(rows(0.95, 0.95, 0.55), torch.tensor([0, 1, 0]))
    assert found.counts.tolist() == [1, 2]
    assert found.confidence.tolist() == pytest.approx([0.55, 0.95])
    assert found.accuracy.tolist() == [1, 0.5]
    assert found.error == pytest.approx((0.45 * 1 + 0.45 * 2) / 3)
    assert found.excess == pytest.approx((-0.45 * 1 + 0.45 * 2) / 3)


def test_certainty_falls_in_the_last_bin():
    assert reliability(rows(1.0, 0.99), torch.tensor([0, 0])).counts.tolist() == [2]


def test_excess_is_mean_confidence_minus_accuracy():
    torch.manual_seed(0)
    probabilities, labels = torch.randn(500, 6).softmax(1), torch.randint(0, 6, (500,))
    values, guesses = probabilities.double().max(1)
    expected = (values.mean() - (guesses == labels).double().mean()).item()
    found = reliability(probabilities, labels)
    assert found.excess == pytest.approx(expected)
    assert found.error >= abs(found.excess)
    assert found.counts.sum() == 500


@pytest.mark.parametrize(
    ("shape", "labels"), [((3,), 3), ((3, 2), 2), ((0, 2), 0)], ids=["one axis", "too few labels", "empty"]
)
def test_shapes_that_do_not_fit_are_an_error(shape, labels):
    with pytest.raises(ValueError, match="得到"):
        reliability(torch.zeros(shape), torch.zeros(labels, dtype=torch.long))
