"""The digits: what the file holds, and what happens without it."""

import pytest
import torch

from dlnotes.data import digits, locate
from dlnotes.data.cache import DatasetNotFoundError


def test_digits_have_their_number_size_and_classes():
    images, labels = digits.load().tensors
    assert images.shape == (1_797, 1, 8, 8)
    assert (images.min(), images.max()) == (0, 1)
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))
    assert images.dtype == torch.float32


def test_without_the_package_the_file_is_downloaded(monkeypatch, tmp_path, network):
    whole = digits.find().read_bytes()
    monkeypatch.setattr(locate, "find_spec", lambda _: None)
    network({digits.URL: whole})
    assert digits.find(tmp_path) == tmp_path / "digits" / digits.FILE
    assert digits.find(tmp_path).read_bytes() == whole


def test_a_missing_file_says_how_to_get_it(tmp_path, offline):
    with pytest.raises(DatasetNotFoundError, match=r"scikit-learn==1\.9\.1"):
        digits.find(tmp_path)
