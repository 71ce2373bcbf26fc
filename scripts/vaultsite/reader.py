"""Disk to Vault: the only place where the core reads notes."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from vaultsite.model import Link, Note, Problem, Vault, VaultError, VaultPath
from vaultsite.syntax import parse, plain_text

FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)(?:^|\n)(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
META_LINK = re.compile(r"\[\[([^\[\]|]+)(?:\|([^\[\]]*))?\]\]")


def read_vault(root: Path) -> Vault:
    """Read every note below *root*; folders whose name starts with a dot are Obsidian's or ours, not notes.

    Raises:
        VaultError: no such folder, no note in it, or notes that cannot be read: all of them, not the first.
    """
    if not root.is_dir():
        raise VaultError(Problem(str(root), 1, "no such folder; a vault is a folder of Markdown notes"))
    notes: dict[VaultPath, Note] = {}
    files: set[VaultPath] = set()
    problems: list[Problem] = []
    for path in _walk(root, ""):
        if not path.lower().endswith(".md"):
            files.add(path)
            continue
        try:
            note = read_note(root, path)
        except VaultError as error:
            problems.extend(error.problems)
            continue
        if is_published(note):
            notes[path] = note
    problems.extend(_twins([*notes, *files]))
    if problems:
        raise VaultError(*problems)
    if not notes:
        raise VaultError(Problem(str(root), 1, "the vault is empty: no Markdown note below this folder"))
    return Vault(root, notes, frozenset(files))


def read_note(root: Path, path: VaultPath) -> Note:
    """Read one note.

    Raises:
        VaultError: it is not UTF-8, or its front matter is not YAML.
    """
    try:
        data = (root / path).read_bytes()
    except OSError as error:
        raise VaultError(Problem(path, 1, f"cannot be read: {error.strerror}")) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise VaultError(
            Problem(path, line, f"not UTF-8 (byte 0x{data[error.start]:02x}); save the note as UTF-8")
        ) from error
    return note_from_text(path, text)


def note_from_text(path: VaultPath, text: str) -> Note:
    """Build a note from its file's text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    meta, body, first_line = _split_front_matter(path, text)
    parsed = parse(body, first_line)
    top = next((h.text for h in parsed.headings if h.level == 1), "")
    name = path.rpartition("/")[2].removesuffix(".md")
    head = text[: len(text) - len(body)]
    return Note(
        path=path,
        body=body,
        meta=meta,
        title=str(meta.get("title") or top or name),
        links=parsed.links,
        headings=parsed.headings,
        blocks=parsed.blocks,
        cells=parsed.cells,
        code_embeds=parsed.code_embeds,
        maths=parsed.maths,
        comments=parsed.comments,
        tags=tuple(dict.fromkeys([*_strings(meta.get("tags")), *parsed.tags])),
        aliases=_strings(meta.get("aliases")),
        meta_links=_meta_links(meta, head),
        escapes=parsed.escapes,
    )


def is_published(note: Note) -> bool:
    """Obsidian Publish's and Digital Garden's own words for 'not this one'."""
    return note.meta.get("publish") is not False and note.meta.get("dg-publish") is not False


def _walk(root: Path, folder: str) -> Iterator[VaultPath]:
    with os.scandir(root / folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name.startswith("."):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir():
                yield from _walk(root, path)
            elif entry.is_file():
                yield VaultPath(path)


def _split_front_matter(path: VaultPath, text: str) -> tuple[Mapping[str, Any], str, int]:
    match = FRONT_MATTER.match(text)
    if match is None:
        return {}, text, 1
    try:
        meta = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        what = getattr(error, "problem", None) or "cannot be parsed"
        raise VaultError(Problem(path, line, f"front matter is not YAML: {what}")) from error
    body = text[match.end() :]
    if meta is None:
        meta = {}
    if not isinstance(meta, dict):
        raise VaultError(Problem(path, 2, "front matter must be `key: value` lines"))
    return {str(key): value for key, value in meta.items()}, body, match[0].count("\n") + 1


def _strings(value: object) -> tuple[str, ...]:
    """Obsidian takes a list, or one string with commas."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = re.split(r"[,，]", value)
    if not isinstance(value, (list, tuple)):
        value = [value]
    return tuple(s for item in value if (s := str(item).strip().lstrip("#")))


def _meta_links(meta: Mapping[str, Any], head: str) -> dict[str, tuple[Link, ...]]:
    found: dict[str, tuple[Link, ...]] = {}
    for key, value in meta.items():
        texts = value if isinstance(value, list) else [value]
        links = []
        for text in texts:
            for match in META_LINK.finditer(text) if isinstance(text, str) else ():
                at = head.find(match[0])
                line = head.count("\n", 0, max(at, 0)) + 1
                links.append(Link(match[1].strip().rstrip("\\"), match[2], line, 0, 0))
        if links:
            found[key] = tuple(links)
    return found


def _twins(paths: list[VaultPath]) -> Iterator[Problem]:
    """Files that differ only in case or in Unicode normalisation: one of them is lost on some systems."""
    seen: dict[str, VaultPath] = {}
    for path in paths:
        key = unicodedata.normalize("NFC", path).casefold()
        if key in seen:
            yield Problem(path, 1, f"differs from {seen[key]} only in case or Unicode form; rename one")
        seen.setdefault(key, path)


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the sentence of *text* that holds the span: for backlinks."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    stops = [m.end() for m in re.finditer(r"[。！？；]|[.!?](?=\s)", text[line_start:line_end])]
    first = max((line_start + s for s in stops if line_start + s <= start), default=line_start)
    last = min((line_start + s for s in stops if line_start + s >= end), default=line_end)
    return first, last


__all__ = ["is_published", "note_from_text", "plain_text", "read_note", "read_vault", "sentence_around"]
