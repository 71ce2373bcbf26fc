"""The digits: what the file holds, and what happens without it."""

import io

import pytest
import torch

from dlnotes.data import digits
from dlnotes.data.cache import DatasetNotFoundError


def test_digits_have_their_number_size_and_classes():
    images, labels = digits.load().tensors
    assert images.shape == (1_797, 1, 8, 8)
    assert (images.min(), images.max()) == (0, 1)
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))
    assert images.dtype == torch.float32


@pytest.mark.parametrize("served", ["whole", "broken", "nothing"])
def test_without_the_package_the_file_is_downloaded_and_checked(monkeypatch, tmp_path, served):
    whole = digits.find().read_bytes()
    monkeypatch.setattr(digits, "find_spec", lambda _: None)

    def serve(url: str, timeout: float) -> io.BytesIO:
        if served == "nothing":
            raise OSError("no route to host")
        return io.BytesIO(whole if served == "whole" else whole[:-1])

    monkeypatch.setattr(digits.urllib.request, "urlopen", serve)
    if served == "whole":
        assert digits.find(tmp_path).parent == tmp_path / "digits"
        assert digits.find(tmp_path).read_bytes() == whole
    else:
        with pytest.raises(DatasetNotFoundError, match=r"scikit-learn==1\.9\.1"):
            digits.find(tmp_path)
