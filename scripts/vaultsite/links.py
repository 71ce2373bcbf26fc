"""Target to note: how Obsidian resolves ``[[…]]``, rule by rule (the numbers are those of the rules).

Every link is resolved once, to a Target whose verdict says how; nothing here raises, for a site's link
check wants all verdicts and a page wants to show an unresolved link as such.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import unquote

from vaultsite.model import Heading, Link, Note, Problem, Vault, VaultPath

Verdict = Literal["resolved", "alias", "ambiguous", "unresolved", "dead heading", "dead block"]

HEADING_NOISE = re.compile(r"""[!"#$%&()*+,.:;<=>?@^`{|}~/\[\]\\\s]+""")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link leads. *anchor* is the id of the heading or block; *detail* explains a bad verdict."""

    verdict: Verdict
    path: VaultPath | None = None
    anchor: str = ""
    detail: str = ""

    @property
    def is_dead(self) -> bool:
        return self.verdict not in ("resolved", "alias")


class Resolver:
    """Resolves the links of one vault."""

    def __init__(self, vault: Vault, before: Resolver | None = None) -> None:
        """Make the tables; what *before* resolved in notes that are the same now is taken over."""
        self.vault = vault
        self._by_name: dict[str, list[VaultPath]] = {}
        self._by_path: dict[str, VaultPath] = {}
        self._by_alias: dict[str, list[VaultPath]] = {}
        self._targets: dict[VaultPath, tuple[Target, ...]] = {}
        for path in sorted(vault.paths):
            self._by_path[_key(path)] = path
            self._by_name.setdefault(_key(path.rpartition("/")[2]), []).append(path)
        for note in vault.notes.values():
            names = [*note.aliases]
            if permalink := note.meta.get("permalink"):
                names.append(str(permalink).strip("/"))
            for name in names:
                self._by_alias.setdefault(_key(name), []).append(note.path)
        if before is not None and before.signature == self.signature:
            same = (p for p, note in vault.notes.items() if note.digest == before.vault.notes[p].digest)
            self._targets = {path: before._targets[path] for path in same if path in before._targets}

    @cached_property
    def signature(self) -> int:
        """What links can lead to: equal for two vaults whose links resolve alike in one process."""
        notes = tuple(
            (path, note.aliases, str(note.meta.get("permalink")), note.headings, tuple(note.blocks))
            for path, note in self.vault.notes.items()
        )
        return hash((notes, self.vault.files))

    def resolve(self, link: Link, source: Note) -> Target:
        """Return where *link*, standing in *source*, leads."""
        target = link.target
        if link.kind != "wiki":
            target = unquote(target)
        path, hash_, sub = target.partition("#")
        found = self._path(path.strip(), source)
        if found.path is None or not hash_ or found.is_dead:
            return found
        return self._subpath(link, found, sub)

    def targets(self, note: Note) -> tuple[Target, ...]:
        """Return where each link of the note's text leads; resolved once."""
        known = self._targets.get(note.path)
        if known is None:
            known = self._targets[note.path] = tuple(self.resolve(link, note) for link in note.links)
        return known

    def all_targets(self, note: Note) -> Iterator[Target]:
        """Yield where the links of a note's text and of its front matter lead."""
        yield from self.targets(note)
        for links in note.meta_links.values():
            for link in links:
                yield self.resolve(link, note)

    def target_note(self, link: Link, source: Note) -> Note | None:
        """Return the note that *link* leads to, if it leads to one."""
        path = self.resolve(link, source).path
        return None if path is None else self.vault.notes.get(path)

    def _path(self, target: str, source: Note) -> Target:
        if not target:  # rule 0
            return Target("resolved", source.path)
        target = target.replace("\\", "/")
        names = _literal_and_md(target)
        if target.startswith(("./", "../")):  # rule 3
            for name in names:
                joined = _join(source.folder, name)
                if joined is not None and (path := self._by_path.get(_key(joined))):
                    return Target("resolved", path)
            target = re.sub(r"^(?:\.{1,2}/)+", "", target)
            names = _literal_and_md(target)
        base = target.rpartition("/")[2]
        candidates = [p for name in _literal_and_md(base) for p in self._by_name.get(_key(name), [])]
        if "/" not in target and len(candidates) == 1:  # rule 2
            return Target("resolved", candidates[0])
        for name in names:  # rule 4
            if path := self._by_path.get(_key(name.lstrip("/"))):
                return Target("resolved", path)
        if not target.startswith("/"):  # rule 5
            suffixes = ["/" + _key(name) for name in names]
            ending = [p for p in candidates if ("/" + _key(p)).endswith(tuple(suffixes))]
            own = f"{source.folder}/" if source.folder else ""
            ending.sort(key=lambda p: (not p.startswith(own), len(p), p))
            if len(ending) > 1 and _rank(ending[0], own) == _rank(ending[1], own):
                tied = ", ".join(p for p in ending if _rank(p, own) == _rank(ending[0], own))
                return Target("ambiguous", None, "", f"could be any of {tied}; write more of the path")
            if ending:
                return Target("resolved", ending[0])
        by_alias = self._by_alias.get(_key(target.strip("/")), [])  # rule 6
        if len(by_alias) == 1:
            return Target("alias", by_alias[0])
        if by_alias:
            return Target("ambiguous", None, "", f"is an alias of {', '.join(sorted(by_alias))}")
        return Target("unresolved")

    def _subpath(self, link: Link, found: Target, sub: str) -> Target:
        assert found.path is not None
        note = self.vault.notes.get(found.path)
        if note is None:  # `file.pdf#page=3` is the viewer's business
            return Target(found.verdict, found.path, sub)
        if sub.startswith("^"):
            wanted = sub[1:].strip().lower()
            if wanted in {block.lower() for block in note.blocks}:
                return Target(found.verdict, found.path, f"^{wanted}")
            return Target("dead block", found.path, "", f"{note.path} has no block ^{wanted}")
        heading = find_heading(note, sub.split("#"))
        if heading is None and link.kind != "wiki":  # Markdown links often name the anchor itself
            heading = next((h for h in note.headings if h.slug == sub), None)
        if heading is not None:
            return Target(found.verdict, found.path, heading.slug)
        return Target("dead heading", found.path, "", f"{note.path} has no heading “{sub}”")

    def advice(self, link: Link, target: Target) -> str:
        """Return what to say of a dead link: the names that come near. Slow: only for messages."""
        name, _, sub = (unquote(link.target) if link.kind != "wiki" else link.target).partition("#")
        if target.verdict == "unresolved":
            base = name.rpartition("/")[2].removesuffix(".md")
            near = difflib.get_close_matches(base, self._names, 3, 0.5)
            return (
                f"did you mean {' or '.join(f'[[{n}]]' for n in near)}?" if near else "no note has that name"
            )
        if target.verdict == "dead heading" and target.path is not None:
            headings = [heading.text for heading in self.vault.notes[target.path].headings]
            near = difflib.get_close_matches(sub, headings, 3, 0.4)
            return target.detail + (f"; it has {', '.join(near)}" if near else "")
        return target.detail

    @cached_property
    def _names(self) -> list[str]:
        return sorted({note.name for note in self.vault.notes.values()})


def all_links(note: Note, resolver: Resolver) -> Iterator[tuple[Link, Target]]:
    """Yield the links of a note's front matter, then those of its text, and where each leads."""
    for links in note.meta_links.values():
        yield from ((link, resolver.resolve(link, note)) for link in links)
    yield from zip(note.links, resolver.targets(note), strict=True)


def problem_of(link: Link, note: Note, target: Target, advice: str, *, fatal: bool = True) -> Problem | None:
    """Return what the link check says of a resolved link: nothing when it lives."""
    if not target.is_dead:
        return None
    shown = f"[[{link.target}]]" if link.kind == "wiki" else f"({link.target})"
    return Problem(note.path, link.line, f"{target.verdict} link {shown}: {advice}", fatal)


def find_heading(note: Note, path: list[str]) -> Heading | None:
    """Return the heading that ``#A#B`` names: A, then the first deeper heading below it that matches B."""
    current: Heading | None = None
    start = 0
    for part in path:
        wanted = _heading_key(part)
        for n, heading in enumerate(note.headings[start:], start):
            if current is not None and heading.level <= current.level:
                return None
            if _heading_key(heading.text) == wanted:
                current, start = heading, n + 1
                break
        else:
            return None
    return current


def _rank(path: VaultPath, own: str) -> tuple[bool, int]:
    return (not path.startswith(own), len(path))


def _literal_and_md(name: str) -> list[str]:
    """A dot may be part of a note's name (`1.2 感知机`), so both readings are tried."""
    last = name.rpartition("/")[2]
    return [name, f"{name}.md"] if "." in last else [f"{name}.md"]


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _heading_key(text: str) -> str:
    return HEADING_NOISE.sub(" ", unicodedata.normalize("NFC", text)).strip().lower()


def _join(folder: str, relative: str) -> str | None:
    parts = folder.split("/") if folder else []
    for part in relative.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)
