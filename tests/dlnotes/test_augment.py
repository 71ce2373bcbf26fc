"""Each transformation equals torchvision's for the same random numbers; flips come back."""

import math

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from dlnotes.vision import augment


@pytest.fixture
def photo() -> torch.Tensor:
    return torch.rand(3, 37, 53, generator=torch.Generator().manual_seed(0))


def test_flipping_twice_gives_the_picture_back():
    images = torch.rand(5, 3, 8, 9)
    once = augment.random_flip(images, p=1.0)
    assert torch.equal(once, tv.horizontal_flip(images))
    assert torch.equal(augment.random_flip(once, p=1.0), images)
    assert torch.equal(augment.random_flip(images, p=0.0), images)


def test_every_picture_of_a_batch_has_its_own_coin():
    torch.manual_seed(0)
    images = torch.rand(2_000, 1, 2, 3)
    flipped = (augment.random_flip(images) != images).flatten(1).any(1)
    assert 0.45 < flipped.double().mean() < 0.55


def test_torchvision_flips_a_whole_batch_or_none_of_it():
    images = torch.rand(8, 1, 2, 3)
    for seed in range(20):
        torch.manual_seed(seed)
        flipped = (v2.RandomHorizontalFlip()(images) != images).flatten(1).any(1)
        assert flipped.all() or not flipped.any()


def test_a_shift_is_a_crop_of_the_padded_picture():
    torch.manual_seed(0)
    images = torch.rand(50, 3, 6, 7)
    shifted = augment.random_shift(images, padding=2)
    padded = tv.pad(images, [2])
    seen = set()
    for before, after in zip(padded, shifted, strict=True):
        found = {
            (i, j) for i in range(5) for j in range(5) if torch.equal(before[:, i : i + 6, j : j + 7], after)
        }
        assert len(found) == 1
        seen |= found
    assert len(seen) > 15
    assert torch.equal(augment.random_shift(images, padding=0), images)


@pytest.mark.parametrize("size", [(37, 53), (400, 600), (300, 20), (20, 300)])
@pytest.mark.parametrize(
    ("scale", "ratio"), [((0.08, 1.0), (3 / 4, 4 / 3)), ((0.1, 1.0), (0.5, 2.0)), ((0.9, 1.0), (0.9, 1.1))]
)
def test_windows_are_those_of_torchvision_for_the_same_seed(size, scale, ratio):
    theirs = v2.RandomResizedCrop(20, scale=scale, ratio=ratio)
    for seed in range(40):
        torch.manual_seed(seed)
        expected = theirs.make_params([torch.empty(3, *size)])
        torch.manual_seed(seed)
        window = augment.crop_window(*size, scale, ratio)
        assert window == tuple(expected[k] for k in ("top", "left", "height", "width"))
        top, left, h, w = window
        assert 0 <= top <= size[0] - h
        assert 0 <= left <= size[1] - w
        assert h >= 1
        assert w >= 1


def test_area_is_uniform_and_wide_as_common_as_tall():
    torch.manual_seed(0)
    windows = torch.tensor([augment.crop_window(1000, 1000, (0.1, 0.4), (0.5, 2.0)) for _ in range(2_000)])
    h, w = windows[:, 2].double(), windows[:, 3].double()
    assert (h * w / 1e6).mean().item() == pytest.approx(0.25, abs=0.01)
    assert (w > h).double().mean().item() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("size", [(10, 10), (37, 53), (74, 20), (200, 7), (1, 1)])
def test_resizing_equals_torchvision_larger_and_smaller(photo, size):
    expected = tv.resize(photo, list(size), antialias=True)
    torch.testing.assert_close(augment.resize(photo, *size), expected, rtol=1e-4, atol=1e-5)


def test_rows_of_a_tent_are_averages():
    for size, new in ((5, 11), (11, 5), (8, 8)):
        weight = augment.tent(size, new)
        assert (weight >= 0).all()
        torch.testing.assert_close(weight.sum(1), torch.ones(new, dtype=torch.float64))
    assert torch.equal(augment.tent(8, 8), torch.eye(8, dtype=torch.float64))


def test_a_random_resized_crop_equals_torchvision_for_the_same_seed(photo):
    theirs = v2.RandomResizedCrop(20, scale=(0.1, 1.0), ratio=(0.5, 2.0))
    for seed in range(20):
        torch.manual_seed(seed)
        expected = theirs(photo)
        torch.manual_seed(seed)
        ours = augment.random_resized_crop(photo, 20, (0.1, 1.0), (0.5, 2.0))
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_colours_equal_torchvision(photo, name, factor):
    expected = getattr(tv, f"adjust_{name}")(photo, factor)
    torch.testing.assert_close(getattr(augment, name)(photo, factor), expected)


def test_a_factor_of_one_changes_nothing_and_zero_takes_everything(photo):
    for change in (augment.brightness, augment.contrast, augment.saturation):
        torch.testing.assert_close(change(photo, 1.0), photo)
    assert augment.brightness(photo, 0.0).max() == 0
    assert augment.contrast(photo, 0.0).std() < 1e-6
    black_and_white = augment.saturation(photo, 0.0)
    torch.testing.assert_close(black_and_white[0], black_and_white[2])


def test_jitter_stays_in_range_and_its_factors_average_to_one(photo):
    torch.manual_seed(0)
    dark = 0.6 * photo  # no pixel can reach 1, so nothing is cut off
    means = torch.stack([augment.brightness(dark, f) for f in torch.empty(2_000).uniform_(0.5, 1.5).tolist()])
    torch.testing.assert_close(means.mean(0), dark, rtol=0.03, atol=0)
    jittered = torch.stack([augment.color_jitter(photo, 0.5) for _ in range(50)])
    assert jittered.min() >= 0
    assert jittered.max() <= 1
    assert len({round(m, 4) for m in jittered.mean((1, 2, 3)).tolist()}) > 40


def test_jitter_applies_its_three_parts_in_the_drawn_order(photo):
    for seed in range(5):
        torch.manual_seed(seed)
        jittered = augment.color_jitter(photo, 0.5)
        torch.manual_seed(seed)
        expected = photo
        for k in torch.randperm(3).tolist():
            name = ("brightness", "contrast", "saturation")[k]
            factor = torch.empty(1).uniform_(0.5, 1.5).item()
            expected = getattr(tv, f"adjust_{name}")(expected, factor)
        torch.testing.assert_close(jittered, expected)


def test_a_white_pixel_loses_an_eighth_to_clipping():
    factors = torch.linspace(0.5, 1.5, 100_001, dtype=torch.float64)
    for x in (0.7, 0.85, 1.0):
        mean = (factors * x).clamp(max=1).mean().item()
        assert math.isclose(mean, 1.5 - 1 / (2 * x) - x / 8, abs_tol=1e-4)
