"""Text to spans: links, headings, blocks, tags, math, comments and cells, by OBSIDIAN.md's rules.

One pass over the lines finds fences and block comments, one pass over each run of text finds what stands
inside it. Code, math, comments and escapes are recognised first, so nothing in them is ever taken for a link.
The text itself is never changed here: every span carries its offsets.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vaultsite.model import Cell, CodeEmbed, Comment, Heading, Link, Math, Symbol, Tag

FENCE = re.compile(
    r"(?P<prefix>(?:[ \t]*>)*[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(?P<fence>`{3,}|~{3,})(?P<info>.*)"
)
QUOTE = re.compile(r"(?:[ \t]*>)*[ \t]?")
HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
REFERENCE = re.compile(r" {0,3}\[(?!\^)[^\[\]\n]+\]:[ \t]+<?([^\s<>]+)")
NO_HEADING = re.compile(r"((?:[ \t]*>)*[ \t]*)#+[^#\s]")
LIST_MARK = re.compile(r"((?:[ \t]*>)*)([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]")
DEEP_QUOTE = re.compile(r"(?:[ \t]*>){12}[ \t]*(?=>)")
CALLOUT_NUMBER = re.compile(r"(?:[ \t]*>)+[ \t]*\[![^\]\n]+\][-+]?[ \t]+\d+(?=[.)][ \t])")
BLOCK_ID = re.compile(r"(?:^|[ \t])\^([A-Za-z0-9-]+)[ \t]*$")
OPTION = re.compile(r"""([\w-]+)(?:=("[^"]*"|'[^']*'|[^\s"']+))?""")
SPECIAL = re.compile(r"[\\`$%<\[\]!#]")
DEEPEST_BRACKET = 8
MOST_ODD_BRACKETS = 200
TAG = re.compile(r"#([\w/-]+)")
MARKDOWN_LINK = re.compile(
    r"""(!?)\[((?:[^\[\]\\\n]|\\.|\[[^\[\]\n]*\])*)\]"""
    r"""\(\s*(<[^<>\n]*>|(?:[^\s()<>]|\([^\s()<>]*\))+)(?:\s+(?:"[^"\n]*"|'[^'\n]*'))?\s*\)"""
)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#$")


@dataclass(frozen=True, slots=True)
class Parsed:
    """All spans of a note, each kind in the order of the text."""

    links: tuple[Link, ...] = ()
    headings: tuple[Heading, ...] = ()
    blocks: Mapping[str, int] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    code_embeds: tuple[CodeEmbed, ...] = ()
    maths: tuple[Math, ...] = ()
    comments: tuple[Comment, ...] = ()
    tags: tuple[Tag, ...] = ()
    codes: tuple[tuple[int, int], ...] = ()
    escapes: tuple[int, ...] = ()
    literals: tuple[tuple[int, int], ...] = ()
    unclosed: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    start: int
    number: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def parse(body: str, first_line: int = 1) -> Parsed:
    """Find every span of *body*, whose first line is line *first_line* of its file."""
    return _Parser(body, first_line).run()


def plain_text(markdown: str) -> str:
    """Return what a reader sees of one line of Markdown: link texts without brackets, no markup."""
    text = re.sub(r"!?\[\[([^\[\]|]*)\|?((?:[^\[\]]|\[[^\]]*\])*)\]\]", lambda m: m[2] or m[1], markdown)
    text = MARKDOWN_LINK.sub(lambda m: m[2], text)
    return re.sub(r"[`*$]|==|~~|\\(?=\W)", "", text).strip()


def slugify(text: str) -> str:
    """Return a heading's anchor: lower case, words joined by hyphens, letters of any script kept."""
    text = unicodedata.normalize("NFC", plain_text(text)).lower()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text)).strip("-") or "section"


def is_internal(url: str) -> bool:
    """Whether a Markdown link's address leads into the vault: no scheme, not only an anchor sign."""
    return bool(url) and SCHEME.match(url) is None


def options_of(info: str) -> dict[str, str]:
    """Parse what follows a fence's language: ``live hide="source"`` → ``{"live": "", "hide": "source"}``."""
    return {m[1]: (m[2] or "").strip("\"'") for m in OPTION.finditer(info)}


def section_span(headings: Sequence[Heading], heading: Heading, end: int) -> tuple[int, int]:
    """Return a section's bounds: to the next heading of the same or a higher level, else to *end*."""
    after = (h.start for h in headings if h.start > heading.start and h.level <= heading.level)
    return heading.start, next(after, end)


def block_span(body: str, line: int) -> tuple[int, int]:
    """Return the bounds of the block that ``^id`` on line *line* (from 0) of *body* names.

    Behind text the id names the list item or paragraph that it stands in; alone on its line, the list,
    quote, table or code before it.
    """
    lines = list(_lines(body, 0))
    last = line
    if not BLOCK_ID.sub("", lines[line].text).strip(" \t>"):
        while last > 0 and (last == line or not lines[last].text.strip()):
            last -= 1
        first = last
        if set(lines[last].text.strip()) <= {"`", "~"}:  # up to the fence that it closes
            fence = lines[last].text.strip()[:3]
            while first > 0 and not lines[first - 1].text.lstrip().startswith(fence):
                first -= 1
            return lines[max(first - 1, 0)].start, lines[last].end
        while first > 0 and lines[first - 1].text.strip():
            first -= 1
        return lines[first].start, lines[last].end
    first = line
    while not (mark := LIST_MARK.match(lines[first].text)) and first > 0:
        if not lines[first - 1].text.strip() or HEADING.fullmatch(lines[first - 1].text):
            break
        first -= 1
    indent = len(mark[2].expandtabs(4)) if mark else -1
    while last + 1 < len(lines) and (text := lines[last + 1].text).strip():
        below = LIST_MARK.match(text)
        if below and len(below[2].expandtabs(4)) <= indent:
            break
        last += 1
    return lines[first].start, lines[last].end


class _Parser:
    def __init__(self, body: str, first_line: int) -> None:
        self.body = body
        self.lines = list(_lines(body, first_line))
        self.starts = [line.start for line in self.lines]
        self.first_line = first_line
        self.links: list[Link] = []
        self.headings: list[Heading] = []
        self.blocks: dict[str, int] = {}
        self.cells: list[Cell] = []
        self.code_embeds: list[CodeEmbed] = []
        self.maths: list[Math] = []
        self.comments: list[Comment] = []
        self.tags: list[Tag] = []
        self.codes: list[tuple[int, int]] = []
        self.escapes: list[int] = []
        self.literals: list[tuple[int, int]] = []
        self.unclosed = ""
        self.slugs: set[str] = set()

    def run(self) -> Parsed:
        run: list[_Line] = []  # lines of one paragraph: inline syntax never crosses a blank line
        i = 0
        while i < len(self.lines):
            line = self.lines[i]
            fence = FENCE.fullmatch(line.text)
            if fence and (fence["fence"][0] == "~" or "`" not in fence["info"]):
                self._inline(run)
                run = []
                i = self._fence(i, fence)
                continue
            if line.text.strip().startswith("%%") and line.text.count("%%") == 1:
                closing = self._find_line(i + 1, "%%")
                if closing is not None:
                    self._inline(run)
                    run = []
                    last = self.lines[closing]
                    self.comments.append(Comment(line.start, last.start + last.text.index("%%") + 2))
                    i = closing + 1
                    continue
            if line.text.lstrip().startswith("<!--") and "-->" not in line.text:
                closing = self._find_line(i + 1, "-->")
                if closing is not None:
                    self._inline(run)
                    run = []
                    i = closing + 1
                    continue
            if heading := HEADING.fullmatch(line.text):
                self._inline(run)
                run = []
                self._heading(line, heading)
                self._inline([line])
            elif not QUOTE.sub("", line.text, count=1).strip():
                self._inline(run)
                run = []
                self._escape(line)
            else:
                self._escape(line)
                if (reference := REFERENCE.match(line.text)) and is_internal(reference[1]):
                    start, end = (line.start + at for at in reference.span(1))
                    self.links.append(Link(reference[1], None, line.number, start, end, "reference"))
                if block := BLOCK_ID.search(line.text):
                    self.blocks.setdefault(block[1], line.number)
                run.append(line)
            i += 1
        self._inline(run)
        order = {id(cell): n for n, cell in enumerate(sorted(self.cells, key=lambda c: c.start), 1)}
        cells = sorted(
            (
                Cell(order[id(c)], c.kind, c.source, c.line, c.start, c.end, c.prefix, c.options)
                for c in self.cells
            ),
            key=lambda c: c.index,
        )
        return Parsed(
            tuple(sorted(self.links, key=lambda link: link.start)),
            tuple(self.headings),
            self.blocks,
            tuple(cells),
            tuple(self.code_embeds),
            tuple(self.maths),
            tuple(sorted(self.comments, key=lambda c: c.start)),
            tuple(self.tags),
            tuple(self.codes),
            tuple(self.escapes),
            tuple(self.literals),
            self.unclosed,
        )

    def _escape(self, line: _Line) -> None:
        """Note where Python-Markdown sees a list or a heading and Obsidian does not, or never ends."""
        if number := CALLOUT_NUMBER.match(line.text):
            self.escapes.append(line.start + number.end())
        no_heading = NO_HEADING.match(line.text)
        if no_heading and not self._tag_at(line.text, no_heading.end(1)):
            self.escapes.append(line.start + no_heading.end(1))
        if deep := DEEP_QUOTE.match(line.text):
            self.literals.append((line.start + deep.end(), line.end))

    @staticmethod
    def _tag_at(text: str, at: int) -> re.Match[str] | None:
        tag = TAG.match(text, at)
        return tag if tag and not tag[1].replace("/", "").isdigit() and tag[1].strip("/") else None

    def _find_line(self, start: int, needle: str) -> int | None:
        for i in range(start, len(self.lines)):
            if needle in self.lines[i].text:
                return i
        return None

    def _fence(self, i: int, opening: re.Match[str]) -> int:
        """Record the fence that opens at line *i*; return the index of the first line after it."""
        first = self.lines[i]
        quotes = opening["prefix"].count(">")
        mark = opening["fence"]
        indent = len(opening["prefix"].rpartition(">")[2].expandtabs(4))
        source: list[str] = []
        j = i + 1
        end = first.end
        closed = False
        while j < len(self.lines):
            text = self.lines[j].text
            if text.count(">", 0, len(text) - len(text.lstrip(" \t>"))) < quotes:
                break  # the callout ended: so did the fence
            for _ in range(quotes):
                text = text.partition(">")[2]
            end = self.lines[j].end
            bare = text.strip()
            if bare and set(bare) == {mark[0]} and len(bare) >= len(mark):
                j += 1
                closed = True
                break
            source.append(_dedent(text, indent))
            j += 1
        self.codes.append((first.start, end))
        if not closed and j == len(self.lines):
            self.unclosed = f"{opening['prefix']}{mark}"
        language, _, rest = opening["info"].strip().partition(" ")
        options = options_of(rest)
        prefix = re.sub(r"[-*+]|\d+[.)]", lambda m: " " * len(m[0]), opening["prefix"])
        code = "\n".join(source)
        if language == "python" and "live" in options:
            self.cells.append(
                Cell(0, "live", code, first.number + 1, first.start, end, opening["prefix"], options)
            )
        elif "embed" in options:
            self.code_embeds.append(
                CodeEmbed(Symbol(options["embed"]), first.number, first.start, end, prefix, options)
            )
        return j

    def _heading(self, line: _Line, match: re.Match[str]) -> None:
        text = BLOCK_ID.sub("", match[2])
        slug = base = slugify(text)
        n = 0
        while slug in self.slugs:
            n += 1
            slug = f"{base}_{n}"
        self.slugs.add(slug)
        self.headings.append(
            Heading(len(match[1]), plain_text(text), slug, line.number, line.start, line.end)
        )

    def _inline(self, run: list[_Line]) -> None:
        """Find the spans inside one paragraph, left to right."""
        if run:
            start, end = run[0].start, run[-1].end
            _Paragraph(self, self.body[start:end], start).scan()

    def line_of(self, offset: int) -> int:
        return self.first_line + bisect_right(self.starts, offset) - 1


class _Paragraph:
    """The scan of one paragraph. Every search for a closing mark is remembered: the scan stays linear."""

    def __init__(self, parser: _Parser, text: str, offset: int) -> None:
        self.parser = parser
        self.text = text
        self.offset = offset
        self.ticks = _Runs(text, "`")
        self.found: dict[str, tuple[int, int]] = {}
        self.open_brackets: list[int] = []
        self.too_deep: list[int] = []

    def scan(self) -> None:
        self._scan(0, len(self.text))
        odd = [*self.open_brackets, *self.too_deep]
        # Python-Markdown looks for the end of each bracket anew: quadratic.
        if len(odd) > MOST_ODD_BRACKETS:
            self.parser.literals.append((self.offset + min(odd), self.offset + max(odd) + 1))
        elif len(odd) > 20:
            self.parser.escapes += [self.offset + at for at in odd]

    def _scan(self, i: int, end: int) -> None:
        text, parser = self.text, self.parser
        while (special := SPECIAL.search(text, i, end)) is not None:
            i = special.start()
            char = text[i]
            if char == "\\":
                i += 2
            elif char == "`":
                i = self._code_span(i)
            elif char == "$":
                i = self._math(i)
            elif text.startswith("%%", i):
                closing = self._find("%%", i + 2)
                if closing >= 0:
                    parser.comments.append(Comment(self.offset + i, self.offset + closing + 2))
                i = i + 2 if closing < 0 else closing + 2
            elif text.startswith("<!--", i):
                closing = self._find("-->", i + 4)
                i = len(text) if closing < 0 else closing + 3
            elif text.startswith(("[[", "![["), i):
                i = self._wikilink(i)
            elif char in "![" and (link := MARKDOWN_LINK.match(text, i)):
                i = self._markdown_link(i, link)
            elif char == "#" and (i == 0 or text[i - 1].isspace()) and (tag := parser._tag_at(text, i)):
                start, name = self.offset + i, tag[1].rstrip("/")
                parser.tags.append(Tag(name.lstrip("/"), self._line_of(i), start, start + 1 + len(name)))
                i = tag.end()
            else:
                self._bracket(char, i)
                i += 1

    def _bracket(self, char: str, i: int) -> None:
        if char == "[":
            deep = len(self.open_brackets) >= DEEPEST_BRACKET
            (self.too_deep if deep else self.open_brackets).append(i)
        elif char == "]" and self.open_brackets:
            self.open_brackets.pop()

    def _find(self, needle: str, at: int) -> int:
        asked, found = self.found.get(needle, (len(self.text) + 1, -1))
        if asked <= at and (found < 0 or at <= found):
            return found
        found = self.text.find(needle, at)
        self.found[needle] = (at, found)
        return found

    def _line_of(self, i: int) -> int:
        return self.parser.line_of(self.offset + i)

    def _code_span(self, i: int) -> int:
        length = self.ticks.length(i)
        closing = self.ticks.next(i, length)
        if closing is None:
            return i + length
        end = closing + length
        self.parser.codes.append((self.offset + i, self.offset + end))
        inner = self.text[i + length : closing]
        if length == 1 and inner.startswith("= ") and "\n" not in inner:
            start = self.offset + i
            self.parser.cells.append(
                Cell(0, "inline", inner[2:].strip(), self._line_of(i), start, self.offset + end)
            )
        return end

    def _math(self, i: int) -> int:
        text, line, offset = self.text, self._line_of(i), self.offset
        if text.startswith("$$", i):
            closing = self._find("$$", i + 2)
            if closing < 0:
                return i + 2
            head = text[text.rfind("\n", 0, i) + 1 : i]
            prefix = head if not head.strip(" \t>") else ""
            tex = "\n".join(
                _strip_prefix(part, prefix) if n else part
                for n, part in enumerate(text[i + 2 : closing].split("\n"))
            )
            self.parser.maths.append(Math(tex.strip(), True, line, offset + i, offset + closing + 2, prefix))
            return closing + 2
        closing = i
        while True:
            closing = self._find("$", closing + 1)
            if closing < 0:
                return i + 1
            if text[closing - 1] != "\\":
                break
        inner = text[i + 1 : closing]
        after = text[closing + 1 : closing + 2]
        if not inner or inner[0].isspace() or inner[-1].isspace() or after.isdigit():
            return i + 1
        self.parser.maths.append(Math(inner, False, line, offset + i, offset + closing + 1))
        return closing + 1

    def _wikilink(self, i: int) -> int:
        text = self.text
        embed = text[i] == "!"
        opening = i + embed
        closing = self._find("]]", opening + 2)
        line_end = self._find("\n", opening)
        if closing < 0 or 0 <= line_end < closing:
            self._bracket("[", opening)
            self._bracket("[", opening + 1)
            return opening + 2
        inner_opening = text.rfind("[[", opening, closing)
        if inner_opening > opening:
            opening, embed = inner_opening, text[inner_opening - 1] == "!"
        unclosed = text.count("[", opening + 2, closing) - text.count("]", opening + 2, closing)
        while unclosed > 0 and text.startswith("]", closing + 2):
            closing += 1  # `[[n|a [b]]]`: the first bracket belongs to the text
            unclosed -= 1
        inner = text[opening + 2 : closing]
        target, pipe, display = inner[:1] + inner[1:].partition("|")[0], *inner[1:].partition("|")[1:]
        if pipe and target.endswith("\\"):
            target = target[:-1]
        if target.strip():
            start, end = self.offset + opening - embed, self.offset + closing + 2
            shown = display if pipe and display else None
            self.parser.links.append(
                Link(target.strip(), shown, self._line_of(opening), start, end, "wiki", embed)
            )
        return closing + 2

    def _markdown_link(self, i: int, link: re.Match[str]) -> int:
        url = link[3].strip("<>")
        embed = bool(link[1])
        if is_internal(url):
            start, end = self.offset + i, self.offset + link.end()
            self.parser.links.append(Link(url, link[2], self._line_of(i), start, end, "markdown", embed))
        if not embed:
            self._scan(link.start(2), link.end(2))
        return link.end()


class _Runs:
    """The runs of one character in a text, by length, so that closing a code span is a look-up."""

    def __init__(self, text: str, char: str) -> None:
        self.lengths: dict[int, int] = {}
        self.by_length: dict[int, list[int]] = {}
        for run in re.finditer(re.escape(char) + "+", text):
            self.lengths[run.start()] = len(run[0])
            self.by_length.setdefault(len(run[0]), []).append(run.start())

    def length(self, at: int) -> int:
        return self.lengths.get(at, 1)

    def next(self, at: int, length: int) -> int | None:
        starts = self.by_length.get(length, [])
        n = bisect_right(starts, at)
        return starts[n] if n < len(starts) else None


def _lines(body: str, first: int) -> Iterator[_Line]:
    start = 0
    for number, text in enumerate(body.split("\n"), first):
        yield _Line(text, start, number)
        start += len(text) + 1


def _dedent(text: str, columns: int) -> str:
    """Drop up to *columns* columns of leading blanks."""
    while columns > 0 and text[:1] in (" ", "\t"):
        columns -= 1 if text[0] == " " else 4
        text = text[1:]
    return text


def _strip_prefix(text: str, prefix: str) -> str:
    for _ in range(prefix.count(">")):
        text = text.partition(">")[2] if text.lstrip().startswith(">") else text
    return text.strip()
