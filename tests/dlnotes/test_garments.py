"""Garments on photographs: balanced, repeatable, and nothing shared between training and testing."""

import pytest
import torch
from torch import Generator

from dlnotes.data import garments
from dlnotes.data.garments import TEST_PHOTOS, TRAIN_PHOTOS, make, on_photos


def test_every_prefix_of_whole_rounds_is_balanced(fashion):
    data = make(fashion, train=3, val=1, test=2, size=32)
    images, labels = data.train.tensors
    assert images.shape == (30, 3, 32, 32)
    assert labels.tolist() == [*range(10)] * 3
    assert len(data.val) == 10
    assert len(data.test) == 20
    assert 0 <= images.min() < images.max() <= 1


def test_the_same_seed_makes_the_same_pictures_and_another_seed_others(fashion):
    sizes = {"train": 1, "val": 1, "test": 1, "size": 32}
    first, again, other = (make(fashion, **sizes, seed=s).test.tensors[0] for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_and_testing_share_no_photograph():
    assert not {*TRAIN_PHOTOS} & {*TEST_PHOTOS}


def test_each_part_takes_its_garments_from_its_own_split(fashion, monkeypatch):
    seen = []
    monkeypatch.setattr(garments, "on_photos", lambda items, *_: seen.append(items) or items)
    make(fashion, train=2, val=2, test=2)
    for items, split in zip(seen, (fashion.train, fashion.val, fashion.test), strict=True):
        pool = {image.numpy().tobytes() for image in split.tensors[0]}
        assert all(image.numpy().tobytes() in pool for image in items)


def test_without_a_garment_the_photograph_shows_unchanged():
    photo = torch.rand(3, 40, 50)
    (picture,) = on_photos(torch.zeros(1, 1, 28, 28), [photo], 40, Generator().manual_seed(0))
    assert any(torch.equal(picture, photo[:, :, x : x + 40]) for x in range(11))


def test_a_garment_covers_the_photograph_and_has_one_colour():
    (picture,) = on_photos(torch.ones(1, 1, 28, 28), [torch.zeros(3, 64, 64)], 64, Generator().manual_seed(0))
    covered = picture.amax(0) > 0
    share = covered.float().mean().item()
    assert 0.6**2 - 0.02 < share < 0.9**2 + 0.02
    inside = picture[:, covered]
    torch.testing.assert_close(inside, inside[:, :1].expand_as(inside))
    assert inside.min() >= 0.4


def test_a_choice_of_kinds_is_numbered_anew(fashion):
    data = make(fashion, train=2, val=1, test=1, kinds=(1, 9), size=32)
    assert data.train.tensors[1].tolist() == [0, 1, 0, 1]
    every = make(fashion, train=2, val=1, test=1, kinds=(9, 1), size=32)
    assert every.train.tensors[1].tolist() == [0, 1, 0, 1]
    assert not torch.equal(data.train.tensors[0], every.train.tensors[0])


def test_too_many_garments_are_refused(fashion):
    with pytest.raises(ValueError, match="第 0 类只有 1000 张，要 1001 张"):
        make(fashion, train=1, val=1, test=1001)
