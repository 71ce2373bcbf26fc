"""Every read decodes and transforms anew, in this process and in workers alike."""

import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from dlnotes.data import photos
from dlnotes.vision.loading import Reads


def test_reads_decode_the_files_in_turn():
    reads = Reads([photos.find("cat"), photos.find("rocket")], 5, v2.Identity())
    assert len(reads) == len(list(reads)) == 5
    expected = (photos.load("cat") * 255).round().to(torch.uint8)
    assert torch.equal(reads[2], expected)
    assert reads[3].shape == (3, 427, 640)


def test_every_read_is_transformed_anew_and_workers_draw_differently():
    transform = v2.Compose([v2.RandomCrop(64), v2.ToDtype(torch.float32, scale=True)])
    reads = Reads([photos.find("cat")], 8, transform)
    torch.manual_seed(0)
    pictures = torch.cat(list(DataLoader(reads, batch_size=2, num_workers=2)))
    assert pictures.shape == (8, 3, 64, 64)
    assert len({round(p.sum().item(), 2) for p in pictures}) == 8


def test_no_files_are_refused():
    with pytest.raises(ValueError, match="一个文件也没有"):
        Reads([], 3, v2.Identity())
