"""The values that every part of the core speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NewType

VaultPath = NewType("VaultPath", str)
"""A file's path from the vault's root, with forward slashes: ``Inbox/study/05 线性代数.md``."""

Symbol = NewType("Symbol", str)
"""A name in the package that notes embed: ``dlnotes.convnets.lenet:LeNet`` or ``…:LeNet.forward``."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong with the vault, at a place that an editor can open."""

    path: str
    line: int
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class VaultError(Exception):
    """The vault cannot be read or built; ``problems`` says where and why."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Heading:
    """``## text`` at *line* of the file; *slug* is its anchor, unique in the note."""

    level: int
    text: str
    slug: str
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Term:
    """A term that a note defines. *sign* is its abbreviation, or its symbol as a formula with dollars;
    *anchor* is the slug of the heading that it stands under."""

    name: str
    english: str
    sign: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link into the vault; *start* and *end* are offsets into the note's body.

    A ``reference`` is the address in ``[label]: address``; its span is the address alone.
    """

    target: str
    display: str | None
    line: int
    start: int
    end: int
    kind: Literal["wiki", "markdown", "reference"] = "wiki"
    embed: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """Code that runs: a fence with ``live``, or an inline value `` `= expr` ``.

    *index* counts the note's cells from 1 in the order in which they run; *line* is the first line of the
    code itself; *prefix* is what stands before the fence on its line (``> `` in a callout).
    """

    index: int
    kind: Literal["live", "inline"]
    source: str
    line: int
    start: int
    end: int
    prefix: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CodeEmbed:
    """A fence ```` ```python embed="dlnotes.train:fit" ````: a symbol whose source the page shows."""

    symbol: Symbol
    line: int
    start: int
    end: int
    prefix: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Math:
    """``$tex$`` or ``$$tex$$``."""

    tex: str
    display: bool
    line: int
    start: int
    end: int
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Tag:
    """``#tag`` in the text; *name* without its sign, as written."""

    name: str
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Comment:
    """``%%…%%``: never reaches the page."""

    start: int
    end: int


@dataclass(frozen=True)
class Note:
    """One Markdown file of the vault. Offsets in its parts are into *body*, lines are lines of the file."""

    path: VaultPath
    body: str
    meta: Mapping[str, Any]
    title: str
    links: tuple[Link, ...] = ()
    headings: tuple[Heading, ...] = ()
    blocks: Mapping[str, int] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    code_embeds: tuple[CodeEmbed, ...] = ()
    maths: tuple[Math, ...] = ()
    comments: tuple[Comment, ...] = ()
    codes: tuple[tuple[int, int], ...] = ()
    """The bounds of every fence and code span, live or not."""
    tag_spans: tuple[Tag, ...] = ()
    tags: tuple[str, ...] = ()
    """The front matter's tags, then the text's, each once: `#CNN` and `#cnn` are one."""
    aliases: tuple[str, ...] = ()
    meta_links: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)
    escapes: tuple[int, ...] = ()
    """Where standard Markdown needs a backslash that Obsidian does not: `> [!note] 1. a title, no list`."""
    literals: tuple[tuple[int, int], ...] = ()
    """The bounds of text so full of loose brackets that it is shown as it stands."""
    unclosed: str = ""
    """What closes a fence that the note leaves open."""
    terms: tuple[Term, ...] = ()
    sentences: tuple[str, ...] = ()
    """For each link of the text the plain sentence that it stands in."""
    first_line: int = 1
    """The line of the file that the body begins on."""
    digest: str = ""
    """The hash of the file's text."""

    @property
    def name(self) -> str:
        """The file's name without folder and ``.md``."""
        return self.path.rpartition("/")[2].removesuffix(".md")

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def is_draft(self) -> bool:
        return self.meta.get("status") == "draft"


@dataclass(frozen=True)
class Vault:
    """A folder of notes, read once. *files* are the attachments: everything that is not a note."""

    root: Path
    notes: Mapping[VaultPath, Note]
    files: frozenset[VaultPath] = frozenset()
    problems: tuple[Problem, ...] = ()
    """What could not be read, where that was to be borne."""

    @cached_property
    def paths(self) -> frozenset[VaultPath]:
        return frozenset(self.notes) | self.files


@dataclass(frozen=True, slots=True)
class Output:
    """One thing that a cell printed or displayed. *data* maps MIME type to text; binary kinds hold base64."""

    kind: Literal["stdout", "stderr", "display"]
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CellRun:
    """What a cell gave: its outputs (a value's text for an inline cell) and its time in seconds.

    *missed* is the assertion about a measurement that did not hold on this machine, where a run forgives it.
    """

    outputs: tuple[Output, ...]
    seconds: float
    missed: Problem | None = None


@dataclass(frozen=True, slots=True)
class NoteRun:
    """What a note's process gave. *environment* says where it ran: device, python, torch, profile, seed."""

    cells: tuple[CellRun, ...]
    seconds: float
    peak_mib: int
    environment: Mapping[str, str]
