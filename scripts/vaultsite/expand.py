"""A note to standard Markdown, with embeds, outputs and links in place.

``expand`` replaces the spans that the parser found and touches nothing else. What a span becomes is the
business of a Writer: ``HtmlWriter`` for the site, ``PlainWriter`` for Markdown that any renderer can read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from vaultsite.embed import Snippet, TestRef
from vaultsite.links import Resolver, Target, find_heading
from vaultsite.model import Cell, CodeEmbed, Link, Math, Note, Output, Tag, VaultPath
from vaultsite.syntax import BLOCK_ID, block_span, section_span

IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp", ".avif")
VIDEOS = (".mp4", ".webm", ".ogv", ".mov", ".mkv")
AUDIOS = (".mp3", ".wav", ".ogg", ".m4a", ".flac", ".3gp")
SIZE = re.compile(r"(\d+)(?:x(\d+))?")
CLOSING = re.compile(r"[。，、；：？！）」』》”’,.;:?)]{1,3}")
"""What may not begin a line, though browsers break a line between a formula and it."""
PREFIX = re.compile(r"(?:[ \t]*>)*[ \t]*")
LANGUAGE_OF_PLAIN = "python"
DEEPEST_EMBED = 5

Outputs = tuple[Output, ...]


@dataclass(frozen=True)
class Surroundings:
    """What a note needs from elsewhere to become a page.

    *url* gives the address of a note or an attachment, seen from the page that is written. *outputs* gives a
    tuple for each of a note's cells, in order, None for one that did not run; an empty sequence means that
    nothing is recorded. *shown_in* gives for each embedded symbol the notes that show it, *added* for the
    sections of a note those that are listed at their end.
    """

    resolver: Resolver
    url: Callable[[VaultPath], str]
    outputs: Callable[[Note], Sequence[Outputs | None]] = lambda note: ()  # noqa: ARG005
    math: Mapping[tuple[str, bool], str] = field(default_factory=dict)
    snippets: Mapping[str, Snippet] = field(default_factory=dict)
    tests: Mapping[str, tuple[TestRef, ...]] = field(default_factory=dict)
    summaries: Mapping[VaultPath, str] = field(default_factory=dict)
    code_url: Callable[[Snippet], str] = lambda snippet: ""  # noqa: ARG005
    test_url: Callable[[TestRef], str] = lambda test: ""  # noqa: ARG005
    repository_url: Callable[[Snippet], str] = lambda snippet: ""  # noqa: ARG005
    shown_in: Mapping[str, tuple[VaultPath, ...]] = field(default_factory=dict)
    added: Mapping[VaultPath, Mapping[str, tuple[VaultPath, ...]]] = field(default_factory=dict)
    figure_url: Callable[[str, str], str] = lambda mime, data: ""  # noqa: ARG005
    tag_url: Callable[[str], str] = lambda tag: ""  # noqa: ARG005
    picture_size: Callable[[VaultPath], tuple[int, int] | None] = lambda path: None  # noqa: ARG005


class Writer(Protocol):
    """What the spans of a note become. ``block`` parts stand on lines of their own, after a prefix."""

    def live(self, cell: Cell, outputs: Outputs | None) -> str: ...
    def value(self, cell: Cell, outputs: Outputs | None) -> str: ...
    def code(self, embed: CodeEmbed, snippet: Snippet) -> str: ...
    def math(self, math: Math, mark: str) -> str: ...
    def tag(self, tag: Tag) -> str: ...
    def link(self, link: Link, target: Target) -> str: ...
    def tail(self, link: Link, target: Target) -> str: ...
    def transclusion(self, link: Link, target: Target) -> str | None: ...
    def literal(self, text: str) -> str: ...
    def heading_id(self, slug: str) -> str: ...
    def block_id(self, name: str) -> str: ...


def expand(note: Note, writer: Writer, around: Surroundings, part: tuple[int, int] | None = None) -> str:
    """Return *note*'s body, or the *part* of it between two offsets, as standard Markdown."""
    edits: list[tuple[int, int, str]] = [(c.start, c.end, "") for c in note.comments]
    start, end = part or (0, len(note.body))
    recorded = around.outputs(note) if note.cells else ()
    for cell in note.cells:
        if not start <= cell.start < end:
            continue
        outputs = recorded[cell.index - 1] if recorded else None
        if cell.kind == "inline":
            edits.append((cell.start, cell.end, writer.value(cell, outputs)))
        else:
            edits.append((cell.start, cell.end, _block(writer.live(cell, outputs), cell.prefix)))
    for embed in note.code_embeds:
        if embed.symbol in around.snippets and start <= embed.start < end:
            text = writer.code(embed, around.snippets[embed.symbol])
            edits.append((embed.start, embed.end, _block(text, embed.prefix)))
    for math in note.maths:
        closing = None if math.display else CLOSING.match(note.body, math.end)
        mark = closing[0] if closing else ""
        text = writer.math(math, mark)
        if math.display:
            text = _inset(text, math.prefix, note.body, math.start, math.end)
        edits.append((math.start, math.end + len(mark), text))
    for link, target in zip(note.links, around.resolver.targets(note), strict=True):
        if start <= link.start < end:
            edits.append(_link(note, link, target, writer, around))
    edits += [(tag.start, tag.end, writer.tag(tag)) for tag in note.tag_spans]
    edits += _listed(note, writer, around)
    edits += [(heading.end, heading.end, writer.heading_id(heading.slug)) for heading in note.headings]
    edits += [(at, at, "\\") for at in note.escapes]
    edits += [(first, last, writer.literal(note.body[first:last])) for first, last in note.literals]
    if note.unclosed:
        edits.append((len(note.body), len(note.body), f"\n{note.unclosed}"))
    for first, last in note.codes:
        quotes = PREFIX.match(note.body, first)
        if quotes and ">" in quotes[0]:  # Python-Markdown wants a quoted fence between empty lines
            edits += [(first, first, f"{quotes[0]}\n"), (last, last, f"\n{quotes[0]}")]
    if note.blocks:
        at = 0
        for line in note.body.split("\n"):
            match = BLOCK_ID.search(line)
            if match and match[1] in note.blocks:
                edits.append((at + match.start(), at + match.end(), writer.block_id(match[1])))
            at += len(line) + 1
    return _apply(note.body, edits, start, end)


def part_of(note: Note, link: Link) -> tuple[int, int] | None:
    """Return the bounds of what an embed shows of *note*: a section, a block, all of it; nothing if dead."""
    sub = link.target.partition("#")[2]
    if not sub:
        return 0, len(note.body)
    if not sub.startswith("^"):
        heading = find_heading(note, sub.split("#"))
        return None if heading is None else section_span(note.headings, heading, len(note.body))
    wanted = sub[1:].strip().lower()
    line = next((line for name, line in note.blocks.items() if name.lower() == wanted), None)
    return None if line is None else block_span(note.body, line - note.first_line)


def link_text(link: Link) -> str:
    """Return what a link shows: its own words, else Obsidian's default (`n > h`)."""
    if link.display:
        return link.display
    path, _, sub = link.target.partition("#")
    parts = [path.removesuffix(".md")] if path else []
    parts += [part.lstrip("^") for part in sub.split("#") if part]
    return " > ".join(parts)


def image_size(link: Link) -> tuple[str, str, str]:
    """Return alt text, width and height of `![[p.png|alt|100x145]]` or `![alt|100](p.png)`."""
    name = link.target.rpartition("/")[2]
    *words, last = (link.display or "").split("|")
    if match := SIZE.fullmatch(last.strip()):
        return "|".join(words) or name, match[1], match[2] or ""
    return link.display or name, "", ""


def is_note_embed(link: Link, target: Target, resolver: Resolver) -> bool:
    """Whether `![[…]]` shows another note, not a picture, film or sound."""
    return link.embed and target.path is not None and target.path in resolver.vault.notes


class PlainWriter:
    """Spans for any Markdown renderer: fences, pictures and text, no HTML."""

    def __init__(self, around: Surroundings, trail: tuple[VaultPath, ...] = ()) -> None:
        self.around = around
        self.trail = trail

    def live(self, cell: Cell, outputs: Outputs | None) -> str:
        parts = []
        if cell.options.get("hide") != "source":
            parts.append(_fence(cell.source, LANGUAGE_OF_PLAIN))
        if cell.options.get("hide") != "output":
            parts.extend(self._output(o) for o in outputs or ())
        if caption := cell.options.get("caption"):
            parts.append(f"*{caption}*")
        return "\n\n".join(parts)

    def value(self, cell: Cell, outputs: Outputs | None) -> str:
        return "".join(o.data.get("text/plain", "") for o in outputs or ()) or f"`{cell.source}`"

    def code(self, embed: CodeEmbed, snippet: Snippet) -> str:  # noqa: ARG002
        return _fence(f"# {snippet.path}:{snippet.first_line}\n{snippet.source}", LANGUAGE_OF_PLAIN)

    def math(self, math: Math, mark: str) -> str:
        return f"$$\n{math.tex}\n$$" if math.display else f"${math.tex}${mark}"

    def tag(self, tag: Tag) -> str:
        return f"\\#{tag.name}"

    def link(self, link: Link, target: Target) -> str:
        if target.path is None:
            return link_text(link)
        url = address_of(target, self.around)
        if link.embed and target.path.lower().endswith(IMAGES):
            return f"![{_escape(image_size(link)[0])}]({url})"
        return f"[{_escape(link_text(link))}]({url})"

    def tail(self, link: Link, target: Target) -> str:
        url = link.target if target.path is None else address_of(target, self.around)
        return url if link.kind == "reference" else f"]({url})"

    def transclusion(self, link: Link, target: Target) -> str | None:
        note = self.around.resolver.vault.notes[target.path] if target.path else None
        part = part_of(note, link) if note else None
        if note is None or part is None or note.path in self.trail or len(self.trail) > DEEPEST_EMBED:
            return None
        inner = self.inside(note.path)
        return expand(note, inner, self.around, part).strip("\n")

    def inside(self, path: VaultPath) -> PlainWriter:
        """Return the writer of a note that is embedded."""
        return PlainWriter(self.around, (*self.trail, path))

    def literal(self, text: str) -> str:
        return text

    def heading_id(self, slug: str) -> str:  # noqa: ARG002
        return ""

    def block_id(self, name: str) -> str:  # noqa: ARG002
        return ""

    def _output(self, output: Output) -> str:
        for mime, data in output.data.items():
            if mime.startswith("image/") and (url := self.around.figure_url(mime, data)):
                return f"![图]({url})"
        for mime in ("text/markdown", "text/html"):
            if mime in output.data:
                return output.data[mime]
        return _fence(output.data.get("text/plain", ""), "text")


def address_of(target: Target, around: Surroundings) -> str:
    """Return the address of *target* with its anchor."""
    assert target.path is not None
    anchor = quote(target.anchor, safe="=&,")
    return around.url(target.path) + (f"#{anchor}" if anchor else "")


def relative(path: VaultPath, base: VaultPath) -> str:
    """Return the percent-encoded path from the folder of *base* to *path*, both in the vault."""
    return quote(posixpath.relpath(path, posixpath.dirname(base) or "."))


def _link(
    note: Note, link: Link, target: Target, writer: Writer, around: Surroundings
) -> tuple[int, int, str]:
    """The edit that turns a link into Markdown; the words of `[a **b**](c.md)` stay as they are."""
    if link.kind == "reference":
        return link.start, link.end, writer.tail(link, target)
    if link.kind == "markdown" and not link.embed:
        return link.start + 1 + len(link.display or ""), link.end, writer.tail(link, target)
    if not is_note_embed(link, target, around.resolver):
        return link.start, link.end, writer.link(link, target)
    line_start = note.body.rfind("\n", 0, link.start) + 1
    before = note.body[line_start : link.start]
    shown = None if before.lstrip().startswith("|") else writer.transclusion(link, target)
    if shown is None:
        return link.start, link.end, writer.link(link, target)
    quotes = PREFIX.match(before)
    prefix = quotes[0] if quotes else ""
    if before[len(prefix) :].strip() not in ("-", "*", "+"):  # all of a list's item may be an embed
        shown = _inset(shown, prefix, note.body, link.start, link.end)
    return link.start, link.end, shown


def _listed(note: Note, writer: Writer, around: Surroundings) -> Iterator[tuple[int, int, str]]:
    """Yield the edits that list the notes that asked for it, each at the end of a section's own text."""
    sections = around.added.get(note.path)
    if not sections:
        return
    ends = [heading.start for heading in note.headings[1:]] + [len(note.body)]
    for heading, end in zip(note.headings, ends, strict=True):
        if paths := sections.get(heading.slug):
            own = note.body[heading.start : end].rstrip()
            at = heading.start + len(own)
            is_list = re.match(r"\s*(?:[-*+]|\d+[.)]) ", own.rpartition("\n")[2])
            items = "\n".join(_item(path, at, writer, around) for path in paths)
            yield at, at, ("\n" if is_list else "\n\n") + items


def _item(path: VaultPath, at: int, writer: Writer, around: Surroundings) -> str:
    link = Link(path, around.resolver.vault.notes[path].title, 0, at, at)
    summary = around.summaries.get(path, "")
    return f"- {writer.link(link, Target('resolved', path))}" + (f"：{_escape(summary)}" if summary else "")


def _block(text: str, prefix: str) -> str:
    """Put *prefix* (`> `) before every line after the first, with an empty line around.

    The prefix of the first line is already in the text: a fence's span starts at the line's start, so it is
    added there too.
    """
    rest = re.sub(r"[-*+]|\d+[.)]", lambda m: " " * len(m[0]), prefix)
    empty = rest.rstrip()
    lines = text.split("\n")
    body = [prefix + lines[0], *(rest + line if line else empty for line in lines[1:])]
    return "\n".join([empty, *body, empty]) if not prefix.strip(" \t>") else "\n".join([*body, empty])


def _inset(text: str, prefix: str, body: str, start: int, end: int) -> str:
    """Put *text* between empty lines, in the place of what stands inside a line with this *prefix*."""
    empty = prefix.rstrip()
    words_before = body[body.rfind("\n", 0, start) + 1 : start].strip(" \t>")
    line_end = body.find("\n", end)
    words_after = body[end : len(body) if line_end < 0 else line_end].strip()
    lines = [prefix + line if line else empty for line in text.split("\n")]
    before = ["", empty] if words_before else [""]
    after = [empty, prefix] if words_after else [empty]
    return "\n".join([*before, *lines, *after])


def _apply(text: str, edits: list[tuple[int, int, str]], start: int, end: int) -> str:
    pieces = []
    at = start
    for first, last, replacement in sorted(edits, key=lambda e: (e[0], e[1])):
        if first < at or first > end or (first == end and last > end):
            continue  # inside a span that is already replaced: a link's text, a comment
        pieces += [text[at:first], replacement]
        at = last
    pieces.append(text[at:end])
    return "".join(pieces)


def _escape(text: str) -> str:
    """Escape what would end or break a Markdown link's text, also inside a table."""
    return re.sub(r"([\[\]|\\*_`])", r"\\\1", text)


def _fence(text: str, language: str) -> str:
    ticks = max((len(run) for run in re.findall(r"`{3,}", text)), default=2) + 1
    mark = "`" * max(3, ticks)
    return f"{mark}{language}\n{text.rstrip()}\n{mark}"
