"""The sizes of pictures, so that no page moves when one comes."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from rendering import render
from vaultsite.pictures import fill_in, size_of_data, size_of_file


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_a_files_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(png(30, 20))
    assert size_of_file(tmp_path / "p.png") == (30, 20)
    assert size_of_data(base64.b64encode(png(7, 9)).decode()) == (7, 9)


@pytest.mark.parametrize("content", [b"", b"<svg/>", png(30, 20)[:20]])
def test_what_is_no_picture_has_no_size(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.png").write_bytes(content)
    assert size_of_file(tmp_path / "p.png") is None
    assert size_of_file(tmp_path / "missing.png") is None


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (("", ""), ("500", "300")),
        (("250", ""), ("250", "150")),
        (("", "30"), ("50", "30")),
        (("9", "9"), ("9", "9")),
    ],
)
def test_what_is_not_asked_for_follows_in_proportion(asked: tuple[str, str], shown: tuple[str, str]) -> None:
    assert fill_in(*asked, (500, 300)) == shown


def test_a_picture_on_the_page_says_its_size() -> None:
    known = {"picture_size": lambda _: (500, 300)}
    assert ' width="500" height="300">' in render("![[p.png]]", **known)
    assert ' width="250" height="150">' in render("![[p.png|250]]", **known)
    asked = render("![[p.png|100x145]]", **known)
    assert ' width="100" height="145" style="aspect-ratio: 100 / 145">' in asked
