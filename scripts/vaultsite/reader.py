"""Disk to Vault: the only place where the core reads notes."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from vaultsite.cache import Cache
from vaultsite.model import Link, Note, Problem, Vault, VaultError, VaultPath
from vaultsite.syntax import Parsed, parse, plain_text
from vaultsite.terms import terms

FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)(?:^|\n)(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
STOP = re.compile(r"[。！？；]|[.!?](?=\s)")
INLINE_VALUE = re.compile(r"`= [^`\n]*(?:`|$)")
MARKS = re.compile(
    r"^(?:[ \t]*>)*[ \t]*(?:\[![^\]]*\][-+]?[ \t]*|#{1,6}[ \t]+|(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[.\][ \t]+)?)?"
)
HERE = Path(__file__).parent
PARSER = hashlib.sha256(
    b"".join((HERE / f"{m}.py").read_bytes() for m in ("model", "reader", "syntax", "terms"))
).hexdigest()
MEMORY: dict[str, Note] = {}
"""Notes parsed in this process: while serving, only what was edited is parsed."""

REACH = 110
"""How many characters a quoted sentence shows on each side of its link."""

COMMENT = re.compile(r"%%.*?%%")
CELL_RULE = re.compile(r"\s*\|\s*")
META_LINK = re.compile(r"\[\[([^\[\]|]+)(?:\|([^\[\]]*))?\]\]")


def read_vault(root: Path, cache: Cache | None = None, *, lenient: bool = False) -> Vault:
    """Read every note below *root*; folders whose name starts with a dot are Obsidian's or ours, not notes.

    What was parsed before is taken from *cache*. With *lenient* front matter that is not YAML is
    not heeded, and the vault's problems say so.

    Raises:
        VaultError: no such folder, no note in it, or notes that cannot be read: all of them, not the first.
    """
    if not root.is_dir():
        raise VaultError(Problem(str(root), 1, "no such folder; a vault is a folder of Markdown notes"))
    notes: dict[VaultPath, Note] = {}
    files: set[VaultPath] = set()
    problems: list[Problem] = []
    borne: list[Problem] = []
    parsed = _Parsed(cache)
    templates = _template_folders(root)
    for path in _walk(root, ""):
        if not path.lower().endswith(".md"):
            files.add(path)
            continue
        if path.startswith(templates):
            continue
        try:
            text = _text(root, path)
            try:
                note = parsed.note(path, text)
            except VaultError as error:
                if not lenient:
                    raise
                borne.extend(replace(problem, fatal=False) for problem in error.problems)
                note = parsed.note(path, FRONT_MATTER.sub(_blank, text, count=1))
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
    return Vault(root, notes, frozenset(files), tuple(borne))


def read_note(root: Path, path: VaultPath) -> Note:
    """Read one note.

    Raises:
        VaultError: it is not UTF-8, or its front matter is not YAML.
    """
    return note_from_text(path, _text(root, path))


def note_from_text(path: VaultPath, text: str) -> Note:
    """Build a note from its file's text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    meta, body, first_line = _split_front_matter(path, text)
    parsed = parse(body, first_line)
    top = next((h.text for h in parsed.headings if h.level == 1), "")
    name = path.rpartition("/")[2].removesuffix(".md")
    head = text[: len(text) - len(body)]
    hidden = [*parsed.codes, *((comment.start, comment.end) for comment in parsed.comments)]
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
        codes=parsed.codes,
        tag_spans=parsed.tags,
        tags=_each_once([*_strings(meta.get("tags")), *(tag.name for tag in parsed.tags)]),
        aliases=_strings(meta.get("aliases")),
        meta_links=_meta_links(meta, head),
        escapes=parsed.escapes,
        literals=parsed.literals,
        unclosed=parsed.unclosed,
        terms=tuple(terms(body, parsed.headings, hidden)),
        sentences=tuple(_sentences(body, parsed)),
        first_line=first_line,
        digest=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
    )


class _Parsed:
    """Notes by the hash of all that they come from: their path, their text and the parser."""

    def __init__(self, cache: Cache | None) -> None:
        self.cache = cache
        self.known = cache.all_of("note") if cache else {}

    def note(self, path: VaultPath, text: str) -> Note:
        if self.cache is None:
            return note_from_text(path, text)
        given = "\0".join([PARSER, path, text]).encode("utf-8", "surrogatepass")
        key = hashlib.sha256(given).hexdigest()
        if (note := MEMORY.get(key)) is None:
            if kept := self.known.get(key):
                note = pickle.loads(kept)
            else:
                note = note_from_text(path, text)
                self.cache.put("note", key, pickle.dumps(note, pickle.HIGHEST_PROTOCOL))
            MEMORY[key] = note
        self.cache.keep("note", [key])
        return note


def is_published(note: Note) -> bool:
    """Obsidian Publish's and Digital Garden's own words for 'not this one'."""
    return note.meta.get("publish") is not False and note.meta.get("dg-publish") is not False


def _text(root: Path, path: VaultPath) -> str:
    try:
        data = (root / path).read_bytes()
    except OSError as error:
        raise VaultError(Problem(path, 1, f"cannot be read: {error.strerror}")) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise VaultError(
            Problem(path, line, f"not UTF-8 (byte 0x{data[error.start]:02x}); save the note as UTF-8")
        ) from error


def _blank(front_matter: re.Match[str]) -> str:
    """As many empty lines: what stands below keeps its place."""
    return "\n" * front_matter[0].count("\n")


def _template_folders(root: Path) -> tuple[str, ...]:
    """The folders that Obsidian, or its Templater, take templates from: forms, not notes."""
    found = []
    for file, key in (
        ("templates.json", "folder"),
        ("plugins/templater-obsidian/data.json", "templates_folder"),
    ):
        try:
            settings = json.loads((root / ".obsidian" / file).read_text(encoding="utf-8"))
            folder = str(settings.get(key) or "").strip("/")
        except (OSError, ValueError, AttributeError):
            continue
        if folder:
            found.append(f"{folder}/")
    return tuple(found)


def _walk(root: Path, folder: str) -> Iterator[VaultPath]:
    with os.scandir(root / folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name.startswith("."):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir():
                if not (
                    entry.is_symlink() and f"{root.resolve()}/".startswith(f"{os.path.realpath(entry.path)}/")
                ):
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


def _each_once(tags: list[str]) -> tuple[str, ...]:
    """Tags differ by more than case; the first spelling counts."""
    found: dict[str, str] = {}
    for tag in tags:
        found.setdefault(tag.casefold(), tag)
    return tuple(found.values())


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


def _sentences(body: str, parsed: Parsed) -> Iterator[str]:
    """Yield for each link the sentence that it stands in, at most about 250 characters of it."""
    line = (0, -1)
    stops: list[int] = []
    for link in parsed.links:
        if not line[0] <= link.start <= line[1]:
            start = body.rfind("\n", 0, link.start) + 1
            end = body.find("\n", link.end)
            line = (start, len(body) if end < 0 else end)
            stops = [line[0], *(line[0] + m.end() for m in STOP.finditer(body[line[0] : line[1]])), line[1]]
        first = stops[bisect_right(stops, link.start) - 1]
        last = stops[min(bisect_left(stops, link.end), len(stops) - 1)]
        yield excerpt(body, (first, last), (link.start, link.end))


def excerpt(body: str, sentence: tuple[int, int], span: tuple[int, int]) -> str:
    """Return a sentence of *body* as a reader hears it, cut where it goes on too long around *span*.

    A link or a comment that the cut would go through is left out.
    """
    first, last = max(sentence[0], span[0] - REACH), min(sentence[1], span[1] + REACH)
    text = body[first:last]
    closing, opening = text.find("]]"), text.rfind("[[")
    if opening >= 0 and "]]" not in text[opening:]:
        text = text[:opening]
    if closing >= 0 and "[[" not in text[:closing]:
        text = text[closing + 2 :]
    shown = readable(COMMENT.sub("", text))
    before = "…" if first > sentence[0] else ""
    after = "…" if last < sentence[1] else ""
    return f"{before}{shown.lstrip('、，；：,') if before else shown}{after}"


def readable(markdown: str) -> str:
    """One sentence of Markdown as a reader hears it: no list mark, no quote sign, no table rule.

    For an inline value, which only its own page knows, stands an ellipsis.
    """
    text = MARKS.sub("", INLINE_VALUE.sub("…", markdown))
    text = plain_text(text)
    return CELL_RULE.sub(" · ", text.strip("| ")) if "|" in text else text


__all__ = ["excerpt", "is_published", "note_from_text", "plain_text", "read_note", "read_vault", "readable"]
