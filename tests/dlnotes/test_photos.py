"""The photographs: what each holds, and what happens where one is missing or broken."""

import pytest
import torch

from dlnotes.data import locate
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.data.photos import FOLDERS, PHOTOS, find, load

GRAY = {"brick", "camera", "grass", "gravel"}


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_has_the_size_that_is_said_and_values_from_zero_to_one(name):
    photo = load(name)
    assert photo.shape == (3, *PHOTOS[name].size)
    assert photo.dtype == torch.float32
    assert photo.min() >= 0
    assert 0.5 < photo.max() <= 1
    assert photo.std() > 0.05
    assert torch.equal(photo[0], photo[2]) == (name in GRAY)


def test_pixels_are_those_of_the_file():
    from PIL import Image

    with Image.open(find("cat")) as image:
        red, green, blue = image.convert("RGB").getpixel((17, 5))
    assert (load("cat")[:, 5, 17] * 255).round().tolist() == [red, green, blue]


@pytest.mark.parametrize(
    ("name", "size"), [("cat", (96, 144)), ("astronaut", (96, 96)), ("china", (96, 144))]
)
def test_the_short_side_is_as_asked_and_the_shape_is_kept(name, size):
    small = load(name, short_side=96)
    assert small.shape == (3, *size)
    torch.testing.assert_close(small.mean((1, 2)), load(name).mean((1, 2)), rtol=0, atol=0.01)


def test_every_photo_is_credited():
    assert PHOTOS["china"].credit == "颐和园：Daniel Büchele（Flickr），CC BY 2.0"
    for photo in PHOTOS.values():
        assert photo.author
        assert photo.licence in {"公有领域", "CC0", "CC BY 2.0"}


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'dog'.*astronaut、brick"):
        load("dog")


@pytest.mark.parametrize(("name", "package"), [("cat", "scikit-image"), ("china", "scikit-learn")])
def test_a_missing_photo_says_how_to_get_it(tmp_path, offline, name, package):
    with pytest.raises(DatasetNotFoundError) as caught:
        load(name, root=tmp_path)
    message = str(caught.value)
    assert f"pip install --no-deps {package}==" in message
    assert str(tmp_path / "photos") in message


@pytest.mark.parametrize("name", ["rocket", "flower"])
def test_without_the_package_a_photo_is_downloaded(tmp_path, monkeypatch, network, name):
    whole, photo = find(name).read_bytes(), PHOTOS[name]
    monkeypatch.setattr(locate, "find_spec", lambda _: None)
    asked = network({FOLDERS[photo.package][1] + photo.file: whole})
    assert find(name, tmp_path) == tmp_path / "photos" / photo.file
    assert len(asked) == 1
