"""Unlinked mentions: where a note's text names another note without linking to it.

A name is a title, a title without its number (`05 线性代数`), a file name or an alias. Chinese has no spaces,
so names are looked for as they stand; the longest name wins; Latin names must stand as words. Code, math,
links, tags and comments are no text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vaultsite.model import Note, Vault, VaultPath
from vaultsite.reader import excerpt

NUMBER = re.compile(r"\d+(?:[.\-]\d+)*[.、]?\s+")
STOPS = "。！？；\n"
START = 4
MOST = 20
"""How many mentions of one note a page offers, and how many sentences are taken from one note."""


@dataclass(frozen=True, slots=True)
class Mention:
    """*source* names a note in *sentence* and does not link to it."""

    source: VaultPath
    line: int
    name: str
    sentence: str


@dataclass(frozen=True)
class Names:
    """Every name of a vault that belongs to one note alone.

    *lengths* maps what names begin with, four characters at most, to how long those names are.
    """

    owners: Mapping[str, VaultPath]
    lengths: Mapping[str, tuple[int, ...]]
    digest: str


def names_of(vault: Vault) -> Names:
    """Collect the names; one that two notes share names neither."""
    owners: dict[str, set[VaultPath]] = {}
    for path, note in vault.notes.items():
        for name in {note.title, note.name, *note.aliases}:
            for form in {name, NUMBER.sub("", name, count=1)}:
                if _is_telling(form):
                    owners.setdefault(_lower(form), set()).add(path)
    alone = {name: next(iter(paths)) for name, paths in owners.items() if len(paths) == 1}
    lengths: dict[str, set[int]] = {}
    for name in alone:
        lengths.setdefault(name[:START], set()).add(len(name))
    digest = hashlib.sha256(repr(sorted(alone.items())).encode("utf-8", "surrogatepass")).hexdigest()
    longest_first = {start: tuple(sorted(found, reverse=True)) for start, found in lengths.items()}
    return Names(alone, longest_first, digest)


def mentions_in(note: Note, names: Names) -> list[tuple[VaultPath, Mention]]:
    """Return what *note* names, each note once, at the first place; links are for the caller to leave out."""
    text = _lower(_prose(note))
    found: list[tuple[int, int, VaultPath]] = []
    for width in range(2, START + 1):
        starts = {text[i : i + width] for i in range(len(text))} & names.lengths.keys()
        for start in starts:
            at = text.find(start)
            while at >= 0:
                for length in names.lengths[start]:
                    end = at + length
                    if (path := names.owners.get(text[at:end])) and _stands_alone(text, at, end):
                        found.append((at, end, path))
                        break
                at = text.find(start, at + 1)
    mentions: dict[VaultPath, Mention] = {}
    end = 0
    for first, last, path in sorted(found, key=lambda f: (f[0], -f[1])):
        if first < end:
            continue  # inside a longer name
        end = last
        if path != note.path and path not in mentions:
            line = note.first_line + note.body.count("\n", 0, first)
            mentions[path] = Mention(
                note.path, line, note.body[first:last], _sentence(note.body, first, last)
            )
    return list(mentions.items())


def _prose(note: Note) -> str:
    """The body with everything that is not text blotted out, each character in its place."""
    spans = sorted(
        [
            *note.codes,
            *((s.start, s.end) for s in note.links),
            *((s.start, s.end) for s in note.maths),
            *((s.start, s.end) for s in note.comments),
            *((s.start, s.end) for s in note.tag_spans),
            *((h.start, h.end) for h in note.headings),
        ]
    )
    pieces = []
    at = 0
    for start, end in spans:
        if end > at:
            pieces += [note.body[at : max(start, at)], "\0" * (end - max(start, at))]
            at = end
    pieces.append(note.body[at:])
    return "".join(pieces)


def _lower(text: str) -> str:
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text  # `İ` becomes two characters


def _is_telling(name: str) -> bool:
    """Too short a name is found everywhere: two Chinese characters or three letters at least."""
    wide = sum(char > "\u2e7f" for char in name)
    return (wide >= 2 or len(name) >= 3) and not name.replace(".", "").isdigit() and "\n" not in name


def _stands_alone(text: str, start: int, end: int) -> bool:
    def joins(a: str, b: str) -> bool:
        return a.isascii() and b.isascii() and (a.isalnum() or a == "_") and (b.isalnum() or b == "_")

    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before and joins(before, text[start])) and not (after and joins(text[end - 1], after))


def _sentence(body: str, start: int, end: int) -> str:
    first = max((body.rfind(stop, 0, start) for stop in STOPS), default=-1) + 1
    ends: Iterator[int] = (at for stop in STOPS if (at := body.find(stop, end)) >= 0)
    last = min(min(ends, default=len(body)) + 1, len(body))
    return excerpt(body, (first, last - body[last - 1 : last].count("\n")), (start, end))
