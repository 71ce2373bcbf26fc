"""A note to standard Markdown, with embeds, outputs and links in place; and the Python-Markdown extension.

``expand`` replaces the spans that the parser found and touches nothing else. What a span becomes is the
business of a Writer: ``HtmlWriter`` for the site, ``PlainWriter`` for Markdown that any renderer can read.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from vaultsite.embed import Snippet, TestRef
from vaultsite.links import Resolver, Target
from vaultsite.model import Cell, CodeEmbed, Link, Math, Note, Output, VaultPath
from vaultsite.svg import inline_svg
from vaultsite.syntax import BLOCK_ID

IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp", ".avif")
VIDEOS = (".mp4", ".webm", ".ogv", ".mov", ".mkv")
AUDIOS = (".mp3", ".wav", ".ogg", ".m4a", ".flac", ".3gp")
SIZE = re.compile(r"(\d+)(?:x(\d+))?")
LANGUAGE_OF_PLAIN = "python"

Outputs = tuple[Output, ...]


@dataclass(frozen=True)
class Surroundings:
    """What a note needs from elsewhere to become a page.

    *outputs* holds a tuple for each cell, in order; an empty sequence means that nothing is recorded yet.
    *base* is the vault path that links are relative to: the note's own, or that of a page that shows it.
    """

    resolver: Resolver
    base: VaultPath
    outputs: Sequence[Outputs] = ()
    math: Mapping[tuple[str, bool], str] = field(default_factory=dict)
    snippets: Mapping[str, Snippet] = field(default_factory=dict)
    tests: Mapping[str, tuple[TestRef, ...]] = field(default_factory=dict)
    summaries: Mapping[VaultPath, str] = field(default_factory=dict)
    code_url: Callable[[Snippet], str] = lambda snippet: ""  # noqa: ARG005
    test_url: Callable[[TestRef], str] = lambda test: ""  # noqa: ARG005
    figure_url: Callable[[str, str], str] = lambda mime, data: ""  # noqa: ARG005
    file_url: Callable[[VaultPath], str] = str


class Writer(Protocol):
    """What the spans of a note become. ``block`` parts stand on lines of their own, after a prefix."""

    def live(self, cell: Cell, outputs: Outputs | None) -> str: ...
    def value(self, cell: Cell, outputs: Outputs | None) -> str: ...
    def code(self, embed: CodeEmbed, snippet: Snippet) -> str: ...
    def math(self, math: Math) -> str: ...
    def link(self, link: Link, target: Target) -> str: ...
    def heading_id(self, slug: str) -> str: ...
    def block_id(self, name: str) -> str: ...


def expand(note: Note, writer: Writer, around: Surroundings) -> str:
    """Return *note*'s body as standard Markdown."""
    edits: list[tuple[int, int, str]] = [(c.start, c.end, "") for c in note.comments]
    for cell in note.cells:
        outputs = around.outputs[cell.index - 1] if around.outputs else None
        if cell.kind == "inline":
            edits.append((cell.start, cell.end, writer.value(cell, outputs)))
        else:
            edits.append((cell.start, cell.end, _block(writer.live(cell, outputs), cell.prefix)))
    for embed in note.code_embeds:
        if embed.symbol in around.snippets:
            text = writer.code(embed, around.snippets[embed.symbol])
            edits.append((embed.start, embed.end, _block(text, embed.prefix)))
    for math in note.maths:
        text = writer.math(math)
        if math.display:
            text = _block(text, math.prefix).removeprefix(math.prefix)
            line_start = note.body.rfind("\n", 0, math.start) + 1
            if note.body[line_start : math.start].strip(" \t>"):
                text = "\n\n" + text
        edits.append((math.start, math.end, text))
    edits += [(x.start, x.end, writer.link(x, around.resolver.resolve(x, note))) for x in note.links]
    edits += [(heading.end, heading.end, writer.heading_id(heading.slug)) for heading in note.headings]
    edits += [(at, at, "\\") for at in note.escapes]
    if note.blocks:
        start = 0
        for line in note.body.split("\n"):
            match = BLOCK_ID.search(line)
            if match and match[1] in note.blocks:
                edits.append((start + match.start(), start + match.end(), writer.block_id(match[1])))
            start += len(line) + 1
    return _apply(note.body, edits)


class HtmlWriter:
    """Spans for the site: what Markdown can say stays Markdown, the rest is HTML put aside by *stash*."""

    def __init__(self, around: Surroundings, stash: Callable[[str], str]) -> None:
        self.around = around
        self.stash = stash

    def live(self, cell: Cell, outputs: Outputs | None) -> str:
        hidden = cell.options.get("hide", "")
        parts = []
        if hidden != "source":
            source = highlight_python(cell.source)
            if "fold" in cell.options:
                label = html.escape(cell.options["fold"] or "代码")
                source = f'<details class="cell-fold"><summary>{label}</summary>{source}</details>'
            parts.append(source)
        if outputs is None:
            parts.append('<p class="cell-pending">这个单元还没有运行</p>')
        elif outputs and hidden != "output":
            label = cell.options.get("caption") or "运行结果"
            shown = "".join(
                output_html(o, f"c{cell.index}-{n}", label, self.around) for n, o in enumerate(outputs)
            )
            if caption := cell.options.get("caption"):
                shown += f'<p class="out-caption">{html.escape(caption)}</p>'
            parts.append(f'<div class="cell-output">{shown}</div>')
        kind = "live-cell" if hidden != "source" else "live-cell output-only"
        return self.stash(f'<div class="{kind}" id="cell-{cell.index}">{"".join(parts)}</div>')

    def value(self, cell: Cell, outputs: Outputs | None) -> str:
        if outputs is None:
            return self.stash('<span class="live-value pending">…</span>')
        text = "".join(o.data.get("text/plain", "") for o in outputs)
        title = html.escape(f"由代码算出：{cell.source}", quote=True)
        return self.stash(f'<span class="live-value" title="{title}">{html.escape(text)}</span>')

    def code(self, embed: CodeEmbed, snippet: Snippet) -> str:
        where = f"{snippet.path} · {embed.symbol.partition(':')[2] or '整个模块'}"
        lines = f"第 {snippet.first_line}–{snippet.last_line} 行"
        meta = [_anchor(self.around.code_url(snippet), f"源码{lines}")]
        module = posixpath.basename(snippet.path).removesuffix(".py")
        # The tests of the module itself first: others reach the symbol by way of something else.
        tests = sorted(
            self.around.tests.get(embed.symbol, ()), key=lambda t: not t.path.endswith(f"test_{module}.py")
        )
        if tests:
            links = "、".join(
                _anchor(self.around.test_url(test), test.name, f"{test.path}:{test.line}")
                for test in tests[:4]
            )
            more = f" 等 {len(tests)} 个" if len(tests) > 4 else ""
            meta.append(f"测试：{links}{more}")
        anchor = re.sub(r"[^\w-]+", "-", embed.symbol)
        return self.stash(
            f'<div class="code-embed" id="src-{anchor}">{highlight_python(snippet.source, where)}'
            f'<p class="code-embed-meta">{" · ".join(meta)}</p></div>'
        )

    def math(self, math: Math) -> str:
        rendered = self.around.math.get((math.tex, math.display), html.escape(math.tex))
        if math.display:
            return self.stash(f'<div class="math display" data-search-exclude tabindex="0">{rendered}</div>')
        return self.stash(f'<span class="math inline">{rendered}</span>')

    def link(self, link: Link, target: Target) -> str:
        if link.embed and target.path is not None and target.path not in self.around.resolver.vault.notes:
            return self._media(link, target.path)
        if target.path is None:
            detail = html.escape(f"还没有这篇笔记：{link.target}", quote=True)
            return self.stash(
                f'<span class="unresolved" title="{detail}">{html.escape(link_text(link))}</span>'
            )
        note = self.around.resolver.vault.notes.get(target.path)
        classes = ".wikilink" if link.kind == "wiki" else ".internal"
        if note is not None and note.is_draft:
            classes += " .draft"
        summary = self.around.summaries.get(target.path, "").replace('"', "”").replace("\n", " ")
        title = f' "{summary}"' if summary else ""
        return f"[{_escape(link_text(link))}]({relative(target, self.around.base)}{title}){{: {classes} }}"

    def heading_id(self, slug: str) -> str:
        return f" {{: #{slug} }}"

    def block_id(self, name: str) -> str:
        return " " + self.stash(f'<span class="block-id" id="^{name.lower()}"></span>')

    def _media(self, link: Link, path: VaultPath) -> str:
        suffix = posixpath.splitext(path)[1].lower()
        url = relative(Target("resolved", path), self.around.base)
        if suffix in IMAGES:
            alt, width, height = image_size(link)
            size = (f" width={width}" if width else "") + (f" height={height}" if height else "")
            stem, suffix = posixpath.splitext(path)
            double = VaultPath(f"{stem}@2x{suffix}")  # the same picture for screens of double density
            if double in self.around.resolver.vault.files:
                size += f' srcset="{self.around.file_url(double)} 2x"'
            return f"![{_escape(alt)}]({url}){{: loading=lazy{size} }}"
        source = html.escape(self.around.file_url(path), quote=True)
        if suffix in VIDEOS:
            return self.stash(f'<video controls preload="metadata" src="{source}"></video>')
        if suffix in AUDIOS:
            return self.stash(f'<audio controls preload="metadata" src="{source}"></audio>')
        return f"[{_escape(link_text(link))}]({url})"


class PlainWriter:
    """Spans for any Markdown renderer: fences, pictures and text, no HTML."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around

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

    def math(self, math: Math) -> str:
        return f"$$\n{math.tex}\n$$" if math.display else f"${math.tex}$"

    def link(self, link: Link, target: Target) -> str:
        if target.path is None:
            return link_text(link)
        url = relative(target, self.around.base)
        if link.embed and target.path.lower().endswith(IMAGES):
            return f"![{_escape(image_size(link)[0])}]({url})"
        return f"[{_escape(link_text(link))}]({url})"

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


class VaultExtension(Extension):  # type: ignore[misc]
    """Python-Markdown's side: before a page is rendered, set ``expand`` to what writes its Markdown."""

    expand: Callable[[Callable[[str], str]], str] | None = None

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        # After normalize_whitespace (30), which drops the marks that stashed HTML needs; before fences (25).
        md.preprocessors.register(_ExpandPreprocessor(md, self), "vault", 29)


class _ExpandPreprocessor(Preprocessor):  # type: ignore[misc]
    def __init__(self, md: Markdown, extension: VaultExtension) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        expand_page, self.extension.expand = self.extension.expand, None
        if expand_page is None:
            return lines
        text = expand_page(self.md.htmlStash.store).expandtabs(self.md.tab_length)
        return [line if line.strip() else "" for line in f"{text}\n\n".split("\n")]


def highlight_python(source: str, filename: str = "") -> str:
    """Return *source* as a highlighted block, titled when *filename* is given."""
    formatter = HtmlFormatter(cssclass="highlight", wrapcode=True, filename=html.escape(filename))
    return str(highlight(source, PythonLexer(stripnl=False), formatter)).strip()


def output_html(output: Output, prefix: str, label: str, around: Surroundings) -> str:
    """Return one output as HTML, in the richest form that it has; *prefix* keeps ids on a page apart."""
    if output.kind != "display":
        return f'<pre class="out-{output.kind}" tabindex="0">{html.escape(output.data["text/plain"])}</pre>'
    data = output.data
    if "image/svg+xml" in data:
        figure = inline_svg(data["image/svg+xml"], prefix, label)
        return f'<div class="out-figure" data-search-exclude tabindex="0">{figure}</div>'
    if "text/html" in data:
        # pandas sends a style sheet with every table; it would style the whole page
        table = re.sub(r"<style\b.*?</style>\s*", "", data["text/html"], flags=re.DOTALL)
        return f'<div class="out-html" tabindex="0">{table}</div>'
    for mime in ("image/webp", "image/png", "image/jpeg"):
        if mime in data:
            url = html.escape(around.figure_url(mime, data[mime]), quote=True)
            alt = html.escape(label, quote=True)
            return f'<div class="out-figure"><img src="{url}" alt="{alt}" loading="lazy"></div>'
    return f'<pre class="out-text" tabindex="0">{html.escape(data.get("text/plain", ""))}</pre>'


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


def relative(target: Target, base: VaultPath) -> str:
    """Return the percent-encoded path from the folder of *base* to *target*, with its anchor."""
    assert target.path is not None
    path = posixpath.relpath(target.path, posixpath.dirname(base) or ".")
    return quote(path) + (f"#{target.anchor}" if target.anchor else "")


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


def _apply(text: str, edits: list[tuple[int, int, str]]) -> str:
    pieces = []
    at = 0
    for start, end, replacement in sorted(edits, key=lambda e: (e[0], e[1])):
        if start < at:
            continue  # inside a span that is already replaced: a link's text, a comment
        pieces += [text[at:start], replacement]
        at = end
    pieces.append(text[at:])
    return "".join(pieces)


def _escape(text: str) -> str:
    """Escape what would end or break a Markdown link's text, also inside a table."""
    return re.sub(r"([\[\]|\\*_`])", r"\\\1", text)


def _anchor(url: str, text: str, title: str = "") -> str:
    text = html.escape(text)
    if not url:
        return text
    hint = f' title="{html.escape(title, quote=True)}"' if title else ""
    return f'<a href="{html.escape(url, quote=True)}"{hint}>{text}</a>'


def _fence(text: str, language: str) -> str:
    ticks = max((len(run) for run in re.findall(r"`{3,}", text)), default=2) + 1
    mark = "`" * max(3, ticks)
    return f"{mark}{language}\n{text.rstrip()}\n{mark}"
