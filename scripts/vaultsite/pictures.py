"""How large a picture is: a page that knows does not move when the picture comes."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import BinaryIO

from PIL import Image

Size = tuple[int, int]


def size_of_file(path: Path) -> Size | None:
    """Return width and height in pixels; None for what is no picture of pixels, or cannot be read."""
    try:
        with path.open("rb") as file:
            return _size(file)
    except OSError:
        return None


def size_of_data(data: str) -> Size | None:
    """Return width and height of a picture in base64, as records hold it."""
    return _size(io.BytesIO(base64.b64decode(data)))


def fill_in(width: str, height: str, size: Size | None) -> tuple[str, str]:
    """Return the width and height to show a picture of *size* at: what is asked for, the rest in proportion.

    >>> fill_in("250", "", (500, 300))
    ('250', '150')
    """
    if size is None or (width and height):
        return width, height
    across, down = size
    if width:
        return width, str(round(int(width) * down / across))
    if height:
        return str(round(int(height) * across / down)), height
    return str(across), str(down)


def _size(file: BinaryIO) -> Size | None:
    try:
        with Image.open(file) as image:
            return image.size
    except (OSError, Image.DecompressionBombError):
        return None
