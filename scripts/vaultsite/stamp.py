"""Whether a site still is what its inputs give: told from files' sizes and times, without reading any.

Only the standard library is imported: a build that has nothing to do is over before MkDocs would be loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SKIPPED = {
    "__pycache__",
    "node_modules",
    ".git",
    ".trash",
    "workspace.json",
    "workspace-mobile.json",
    ".addresses.json",
}
"""Not looked at below a folder: nothing of a site comes from them, or the build itself writes them."""


def stamp_of(places: Iterable[Path], *words: str) -> str:
    """Return a hash of the names, sizes and times of all files at and below *places*, and of *words*."""
    digest = hashlib.sha256(json.dumps(words).encode("utf-8", "surrogatepass"))
    for place in places:
        for line in _files(str(place)):
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def recall(file: Path, inputs: str, made: list[Path]) -> list[str] | None:
    """Return what was said of the last build if *inputs* and what it *made* are still the same."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        said = kept["said"]
        if kept["inputs"] == inputs and kept["made"] == stamp_of(made):
            return [str(line) for line in said]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def remember(file: Path, inputs: str, made: list[Path], said: list[str]) -> None:
    """Keep what a finished build was made from, and the lines that were said of it."""
    kept = {"inputs": inputs, "made": stamp_of(made), "said": said}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def _files(place: str) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(place), key=lambda e: e.name)
    except NotADirectoryError:
        stat = os.stat(place)  # noqa: PTH116
        yield f"{place}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}\n"
        return
    except FileNotFoundError:
        yield f"{place}\0missing\n"
        return
    for entry in entries:
        if entry.name in SKIPPED:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        else:
            stat = entry.stat(follow_symlinks=False)
            yield f"{entry.path}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}\n"
