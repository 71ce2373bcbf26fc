"""The picture that a link to a note shows where it is shared: 1200 by 630 pixels, PNG.

A card has one ink on one paper and is drawn in grey; its palette gives the colours. That makes a small file
and a fast one. Chinese is set by Chinese rules: no line begins with a full stop, no word of Latin is cut.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = (1200, 630)
MARGIN = 84
PAPER, ACCENT = 223, 255  # of 256 shades: ink is 0, paper 223; those above are no mixtures
INK, QUIET = 0, 78
INK_RGB, PAPER_RGB, ACCENT_RGB = (31, 35, 40), (254, 254, 252), (15, 95, 134)
NO_START = "，。、；：？！）》」』】”’％,.;:?!)]}%·—…～"
NO_END = "（《「『【“‘([{"
FONTS = (
    "NotoSansCJK-Bold.ttc",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "SourceHanSansSC-Bold.otf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Medium.ttc",
    "msyhbd.ttc",
    "msyh.ttc",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
)
"""Fonts that have Chinese, the better first."""
FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "C:/Windows/Fonts",
)


@dataclass(frozen=True)
class Card:
    """What a card says."""

    title: str
    summary: str = ""
    facts: str = ""
    site: str = ""

    def key(self, font: Path) -> str:
        """The hash of all that enters the picture."""
        made_of = [astuple(self), font.name, Path(__file__).read_text(encoding="utf-8")]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def find_font(folders: Iterable[str] = FOLDERS) -> Path | None:
    """Return a font that has Chinese: the system's, else the one in the wheel ``mplfonts``."""
    found: dict[str, Path] = {}
    for folder in map(Path, folders):
        for path in folder.expanduser().rglob("*.[to]t[cf]") if folder.expanduser().is_dir() else ():
            found.setdefault(path.name, path)
    for name in FONTS:
        if name in found:
            return found[name]
    spec = find_spec("mplfonts")
    for root in map(Path, (spec and spec.submodule_search_locations) or ()):
        if (path := root / "fonts" / "NotoSansCJKsc-Regular.otf").is_file():
            return path
    return None


def draw(card: Card, font: Path) -> bytes:
    """Return the picture as PNG.

    Raises:
        OSError: *font* cannot be read.
    """
    image = Image.new("L", SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 20, SIZE[1]), fill=ACCENT)
    width = SIZE[0] - 2 * MARGIN
    _network(image, MARGIN, 62)
    pen.text((MARGIN + 66, 62), card.site, font=_font(font, 32), fill=QUIET)
    for size in (84, 72, 60, 52):
        title = list(_lines(card.title, _font(font, size), width))
        if len(title) <= 2:
            break
    y = 158.0
    for line in title[:3]:
        pen.text((MARGIN, y), line, font=_font(font, size), fill=INK, stroke_width=1, stroke_fill=INK)
        y += size * 1.28
    y += 20
    summary = list(_lines(card.summary, _font(font, 36), width))
    room = max(1, int((SIZE[1] - 118 - y) // 52))
    if len(summary) > room:
        summary = [*summary[: room - 1], f"{summary[room - 1][:-1]}…"]
    for line in summary:
        pen.text((MARGIN, y), line, font=_font(font, 36), fill=QUIET)
        y += 52
    pen.text((MARGIN, SIZE[1] - 96), card.facts, font=_font(font, 30), fill=QUIET)
    image.putpalette(_palette())
    out = io.BytesIO()
    image.save(out, "PNG", optimize=False, compress_level=6)
    return out.getvalue()


def _network(image: Image.Image, x: int, y: int, side: int = 44) -> None:
    """The site's mark: two inputs, a hidden layer, one output. Drawn large and made small, for its edges."""
    large = side * 4
    mask = Image.new("L", (large, large), 0)
    pen = ImageDraw.Draw(mask)
    scale = large / 24
    layers: list[list[tuple[float, float]]] = [
        [(4.2, 8.6), (4.2, 15.4)],
        [(12, 4.4), (12, 12), (12, 19.6)],
        [(19.6, 12)],
    ]
    for one, other in pairwise(layers):
        for a in one:
            for b in other:
                pen.line([v * scale for v in (*a, *b)], fill=200, width=int(1.1 * scale))
    for px, py in (point for layer in layers for point in layer):
        pen.ellipse([(v * scale) for v in (px - 2, py - 2, px + 2, py + 2)], fill=255)
    small = mask.resize((side, side), Image.Resampling.LANCZOS)
    image.paste(INK, (x, y), small)


def _lines(text: str, font: ImageFont.FreeTypeFont, width: float) -> Iterator[str]:
    """Break *text* into lines of at most *width* pixels."""
    line = ""
    for word in re.findall(r"[A-Za-z0-9_.+\-/'’]+\s?|.", text):
        too_wide = line and font.getlength(line + word.rstrip()) > width
        if too_wide and not word.startswith(tuple(NO_START)):
            carried = ""
            while line and line[-1] in NO_END:
                line, carried = line[:-1], line[-1] + carried
            yield line.rstrip()
            line = carried + word.lstrip()
        else:
            line += word
    if line.strip():
        yield line.rstrip()


@lru_cache(maxsize=32)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """In a collection of faces, the simplified Chinese one."""
    if path.suffix == ".ttc":
        for index in range(12):
            try:
                face = ImageFont.truetype(path, size, index=index)
            except OSError:
                break
            if str(face.getname()[0]).endswith(" SC"):
                return face
    return ImageFont.truetype(path, size)


def _palette() -> list[int]:
    colors: list[int] = []
    for shade in range(256):
        part = min(shade / PAPER, 1)
        mixed = [round(a + (b - a) * part) for a, b in zip(INK_RGB, PAPER_RGB, strict=True)]
        colors += mixed if shade <= PAPER else ACCENT_RGB
    return colors
