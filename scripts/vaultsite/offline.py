"""A built site as one file to take along: it opens from a disk, where a folder shows no page by itself."""

from __future__ import annotations

import html
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

LEFT_OUT = {"404.html", "sitemap.xml", "sitemap.xml.gz", "feed.xml"}
"""What only a served site needs."""
CARDS = "assets/cards/"
DATA = ("assets/search.json", "assets/graph.json")
"""What scripts fetch; from a disk they can only load scripts."""
REDIRECT = b'<meta http-equiv="refresh"'
DOOR = b"""<!doctype html>
<meta charset="utf-8">
<title>index</title>
<meta http-equiv="refresh" content="0; url=pages/index.html">
<a href="pages/index.html">pages/index.html</a>
"""
"""What one opens: the pages lie in a folder beside it."""
ATTRIBUTES = re.compile(r"""(\s(?:href|src|poster|data|action)\s*=\s*)("[^"]*"|'[^']*')""")
SCHEME = re.compile(r"^(?:[a-zA-Z][\w+.-]*:|//|#|$)")
DAY = (1980, 1, 1, 0, 0, 0)
"""The day that every file of a zip has, so that equal sites make equal zips."""


def pack(site: Path, target: Path) -> int:
    """Write the built *site* to the zip *target*, links leading to files; return how many pages it holds.

    Raises:
        OSError: *target* cannot be written. What was there before stays.
    """
    part = target.with_name(f"{target.name}.part")
    pages = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            files: Iterable[tuple[str, bytes]] = chain([("index.html", DOOR)], _files(site))
            for name, data in files:
                archive.writestr(zipfile.ZipInfo(f"{target.stem}/{name}", DAY), data, zipfile.ZIP_DEFLATED)
                pages += name.endswith(".html")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return pages


def _files(site: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        if not path.is_file() or name in LEFT_OUT or name.startswith(CARDS):
            continue
        data = path.read_bytes()
        if path.suffix == ".html":
            if REDIRECT not in data:  # an old address: nobody asks for it on a disk
                yield f"pages/{name}", for_disk(data.decode("utf-8")).encode()
        else:
            yield f"pages/{name}", data
        if name in DATA:
            yield f"pages/{name}.js", _as_script(name, json.loads(data)).encode()


def _as_script(name: str, value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"(window.dlnotesData??={{}})[{json.dumps(name)}]={text}\n"


def for_disk(page: str) -> str:
    """Return the page with every address of a folder leading to the page in it."""
    parts = []
    done = 0
    for start, tag in _tags(page):
        parts += [page[done:start], ATTRIBUTES.sub(_attribute, tag)]
        done = start + len(tag)
    return "".join([*parts, page[done:]])


def _attribute(match: re.Match[str]) -> str:
    quote = match[2][0]
    address = html.unescape(match[2][1:-1])
    if SCHEME.match(address):
        return match[0]
    scheme, host, path, query, fragment = urlsplit(address)
    if path.endswith("/") or path.rpartition("/")[2] in {".", ".."}:
        path = f"{path.rstrip('/')}/index.html"
    if query.startswith("v="):  # a version: the files of a zip belong together
        query = ""
    return f"{match[1]}{quote}{html.escape(urlunsplit((scheme, host, path, query, fragment)))}{quote}"


def _tags(page: str) -> Iterator[tuple[int, str]]:
    """Yield each start tag with its place; what scripts and comments hold is none."""
    finder = _Finder()
    finder.feed(page)
    finder.close()
    starts = [0]
    for line in page.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for (row, column), tag in finder.tags:
        yield starts[row - 1] + column, tag


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.tags: list[tuple[tuple[int, int], str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append((self.getpos(), self.get_starttag_text() or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
