"""The course as a map: every section a line, every note a stop, every prerequisite a track between them.

The picture that the navigation note asks for is drawn from the vault's own links, and carries their hash, so
that a map that no longer shows the vault is found out without drawing it again.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vaultsite.graph import Graph, NavItem, learning_path
from vaultsite.model import Vault, VaultPath

WIDTH = 250
ROW = 52
LABEL = 15
RADIUS = 9
MARGIN = 15
COLOURS = ("#3b7dd8", "#0d9488", "#b7791f", "#c2410c", "#9d4edd", "#64748b", "#be3455", "#4d7c0f")
KEY = "Vault-Links"
"""The PNG text chunk that holds the hash of what the map shows."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A note on the map: *mark* is its number in the course; *x*, *y* are pixels from the top left."""

    path: VaultPath
    mark: str
    x: float
    y: float
    line: int


@dataclass(frozen=True, slots=True)
class CourseMap:
    """Where everything stands. *tracks* run from a note's prerequisite to the note."""

    labels: tuple[str, ...]
    stops: tuple[Stop, ...]
    tracks: tuple[tuple[Stop, Stop], ...]
    height: int

    @property
    def digest(self) -> str:
        """Hash of what the map shows: equal when a new drawing would show the same."""
        shown = [
            self.labels,
            [(s.path, s.mark, s.line) for s in self.stops],
            [(a.path, b.path) for a, b in self.tracks],
            [WIDTH, ROW, RADIUS, *COLOURS],
        ]
        text = json.dumps(shown, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def course_map(vault: Vault, graph: Graph) -> CourseMap:
    """Lay out the sections of the navigation, one below the other."""
    sections = [item for item in graph.nav if item.path is None and item.title != "其他笔记"]
    stops: dict[VaultPath, Stop] = {}
    for line, section in enumerate(sections):
        pages = list(section.pages())
        step = (WIDTH - 2 * MARGIN) / max(len(pages) - 1, 6)
        y = line * ROW + LABEL + RADIUS + 8
        for n, page in enumerate(pages):
            assert page.path is not None
            stops[page.path] = Stop(page.path, _mark(vault, page), MARGIN + n * step, y, line)
    tracks = tuple(
        (stops[before], stop)
        for path, stop in stops.items()
        for before in _nearest(path, graph)
        if before in stops
    )
    labels = tuple(re.sub(r"^\W+", "", section.title) for section in sections)
    return CourseMap(labels, tuple(stops.values()), tracks, len(sections) * ROW + 2)


def draw_png(chart: CourseMap, scale: int = 1) -> bytes:
    """Draw the map as a PNG, 250 pixels wide times *scale*, its hash inside; needs Pillow and a CJK font."""
    from PIL import Image, ImageDraw, ImageFont
    from PIL.PngImagePlugin import PngInfo

    fine = 4 * scale  # drawn larger, then shrunk: smooth edges
    image = Image.new("RGBA", (WIDTH * fine, chart.height * fine), (0, 0, 0, 0))
    font_file = _cjk_font()
    label_font = ImageFont.truetype(font_file, 11 * fine)
    mark_font = ImageFont.truetype(font_file, 9 * fine)
    for before, after in chart.tracks:
        layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
        draw = ImageDraw.Draw(layer)
        colour = COLOURS[after.line % len(COLOURS)]
        points = [(x * fine, y * fine) for x, y in _curve(before, after)]
        draw.line(
            points, fill=f"{colour}{'ff' if before.line == after.line else '66'}", width=int(1.6 * fine)
        )
        image.alpha_composite(layer)
    draw = ImageDraw.Draw(image)
    for n, label in enumerate(chart.labels):
        colour = COLOURS[n % len(COLOURS)]
        corner = ((MARGIN - RADIUS) * fine, n * ROW * fine)
        draw.rectangle(
            draw.textbbox(corner, label, font=label_font), fill=(0, 0, 0, 0)
        )  # no track through words
        draw.text(corner, label, fill=colour, font=label_font)
    for stop in chart.stops:
        box = [(c + d * RADIUS) * fine for d in (-1, 1) for c in (stop.x, stop.y)]
        draw.ellipse(box, fill=COLOURS[stop.line % len(COLOURS)])
        draw.text((stop.x * fine, stop.y * fine), stop.mark, fill="white", font=mark_font, anchor="mm")
    size = (WIDTH * scale, chart.height * scale)
    info = PngInfo()
    info.add_text(KEY, chart.digest)
    target = io.BytesIO()
    small = image.resize(size, Image.Resampling.LANCZOS)
    small.quantize(128, method=Image.Quantize.FASTOCTREE).save(target, "PNG", optimize=True, pnginfo=info)
    return target.getvalue()


def digest_in(png: bytes) -> str:
    """Return the hash that a map's PNG carries, or an empty string: it is no map, or damaged."""
    return next((text for key, text in _text_chunks(png) if key == KEY), "")


def _nearest(path: VaultPath, graph: Graph) -> Iterator[VaultPath]:
    """Yield the prerequisites that no other prerequisite leads to: what a map needs to show."""
    direct = graph.relations.get(path, {}).get("prerequisites", ())
    for before in direct:
        others = (other for other in direct if other != before)
        if not any(before in learning_path(other, graph) for other in others):
            yield before


def _text_chunks(png: bytes) -> Iterator[tuple[str, str]]:
    at = 8
    while at + 8 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data = png[at + 8 : at + 8 + length]
        stored = png[at + 8 + length : at + 12 + length]
        if kind == b"tEXt" and stored == struct.pack(">I", zlib.crc32(kind + data)):
            key, _, text = data.partition(b"\0")
            yield key.decode("latin-1"), text.decode("latin-1")
        at += length + 12


def _curve(before: Stop, after: Stop, steps: int = 24) -> Iterator[tuple[float, float]]:
    """A cubic from one stop to the other: straight to the neighbour, an arc below those between."""
    if before.line == after.line:
        far = abs(after.x - before.x)
        drop = min(far / 4, ROW - LABEL - RADIUS) if far > 3 * RADIUS + 15 else 0.0
        controls = [(before.x, before.y + drop), (after.x, after.y + drop)]
    else:
        middle = (before.y + after.y) / 2
        controls = [(before.x, middle), (after.x, middle)]
    (ax, ay), (bx, by) = controls
    for i in range(steps + 1):
        t = i / steps
        u = 1 - t
        yield (
            u**3 * before.x + 3 * u * u * t * ax + 3 * u * t * t * bx + t**3 * after.x,
            u**3 * before.y + 3 * u * u * t * ay + 3 * u * t * t * by + t**3 * after.y,
        )


def _mark(vault: Vault, page: NavItem) -> str:
    assert page.path is not None
    name = vault.notes[page.path].name
    number = re.match(r"\d+", name)
    return number[0] if number else name[:1]


def _cjk_font() -> str:
    """The font file that the wheel ``mplfonts`` carries; its code is never imported."""
    spec = find_spec("mplfonts")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the course map needs a Chinese font: pip install -r requirements.txt")
    return str(Path(spec.origin).parent / "fonts" / "NotoSansCJKsc-Regular.otf")
