"""A note to the HTML of its page: what its spans become, and one Python-Markdown for all of them."""

from __future__ import annotations

import hashlib
import html
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from vaultsite.embed import Snippet
from vaultsite.expand import (
    AUDIOS,
    DEEPEST_EMBED,
    IMAGES,
    SIZE,
    VIDEOS,
    Outputs,
    Surroundings,
    address_of,
    expand,
    image_size,
    link_text,
    part_of,
)
from vaultsite.katex import inline_math
from vaultsite.links import Target
from vaultsite.model import Cell, CodeEmbed, Link, Math, Note, Output, Tag, VaultPath
from vaultsite.pictures import fill_in, size_of_data
from vaultsite.svg import inline_svg

INNER = "vault:"
"""The scheme of the addresses that Markdown links carry until the tree is built."""
LONG_SOURCE = 40
"""Lines of an embedded symbol beyond which the page shows its beginning, and the rest when asked."""
PLAIN = re.compile(r'<span class="(?:n|o|p|w)">([^<]*)</span>')
"""Names, operators, punctuation and space in code: two thirds of its elements, all in one colour."""


@dataclass(frozen=True)
class Rendered:
    """A note's HTML and the headings in it, as Python-Markdown's toc extension gives them."""

    html: str
    toc: list[dict[str, Any]]


class Renderer:
    """Renders notes with one Python-Markdown, made once; one more for each level of embeds.

    *extensions* and *configs* are Python-Markdown's own arguments.
    """

    def __init__(self, extensions: Sequence[Any], configs: Mapping[str, Any]) -> None:
        self._extensions = extensions
        self._configs = configs
        self._converters: list[tuple[Markdown, _VaultExtension]] = []

    def render(self, note: Note, around: Surroundings) -> Rendered:
        """Return the page of *note*."""
        text = self._convert(note, around, (0, len(note.body)), (note.path,))
        return Rendered(text, getattr(self._converters[0][0], "toc_tokens", []))

    def _convert(
        self, note: Note, around: Surroundings, part: tuple[int, int], trail: tuple[VaultPath, ...]
    ) -> str:
        depth = len(trail) - 1
        if depth == len(self._converters):
            extension = _VaultExtension()
            configs = dict(self._configs)
            self._converters.append(
                (Markdown(extensions=[*self._extensions, extension], extension_configs=configs), extension)
            )
        converter, extension = self._converters[depth]
        converter.reset()
        embed = self._embed_within(note, around, trail)
        writer = HtmlWriter(around, converter.htmlStash.store, embed, trail[0])
        extension.links = writer.links
        extension.expand = lambda: expand(note, writer, around, part)
        return PLAIN.sub(r"\1", str(converter.convert(note.body[slice(*part)] or " ")))

    def _embed_within(
        self, source: Note, around: Surroundings, trail: tuple[VaultPath, ...]
    ) -> Callable[[Link, Target], str | None]:
        count = 0

        def embed(link: Link, target: Target) -> str | None:
            nonlocal count
            note = around.resolver.vault.notes[target.path or source.path]
            part = part_of(note, link)
            if part is None or note.path in trail[1:] or len(trail) > DEEPEST_EMBED:
                return None
            if note.path == source.path and part[0] <= link.start < part[1]:
                return None  # it would show itself
            count += 1
            shown = prefix_ids(self._convert(note, around, part, (*trail, note.path)), f"e{count}-")
            name = html.escape(link.display or link_text(link), quote=True)
            url = html.escape(address_of(target, around), quote=True)
            return (
                f'<section class="note-embed" aria-label="{name}">{shown}'
                f'<p class="note-embed-source"><a class="wikilink" href="{url}">{name}</a></p></section>'
            )

        return embed


class HtmlWriter:
    """Spans for the site: what Markdown can say stays Markdown, the rest is HTML put aside by *stash*.

    *links* collects the addresses of Markdown links: their words are Markdown, so they wait for the tree.
    """

    def __init__(
        self,
        around: Surroundings,
        stash: Callable[[str], str],
        embed: Callable[[Link, Target], str | None] = lambda link, target: None,  # noqa: ARG005
        path: VaultPath | None = None,
    ) -> None:
        self.around = around
        self.path = path
        self.stash = stash
        self.embed = embed
        self.links: list[tuple[Link, Target, dict[str, str]]] = []

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
        source = highlight_python(snippet.source, where)
        count = snippet.last_line - snippet.first_line + 1
        kind = "code-embed"
        if count > LONG_SOURCE:
            kind = "code-embed long"
            source += f'<details class="code-more"><summary>全部 {count} 行</summary></details>'
        anchor = re.sub(r"[^\w-]+", "-", embed.symbol)
        meta = " · ".join(self._about(embed, snippet))
        return self.stash(
            f'<div class="{kind}" id="src-{anchor}">{source}<p class="code-embed-meta">{meta}</p></div>'
        )

    def _about(self, embed: CodeEmbed, snippet: Snippet) -> Iterator[str]:
        """Where a symbol is defined, what tests it, which other notes show it."""
        yield _anchor(self.around.code_url(snippet), f"源码第 {snippet.first_line}–{snippet.last_line} 行")
        if url := self.around.repository_url(snippet):
            yield _anchor(url, "仓库")
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
            yield f"测试：{links}{more}"
        notes = self.around.resolver.vault.notes
        others = [path for path in self.around.shown_in.get(embed.symbol, ()) if path != self.path]
        if others:
            shown = "、".join(_anchor(self.around.url(path), notes[path].title) for path in others[:4])
            more = f" 等 {len(others)} 篇" if len(others) > 4 else ""
            yield f"也见于：{shown}{more}"

    def math(self, math: Math, mark: str) -> str:
        rendered = self.around.math.get((math.tex, math.display), html.escape(math.tex))
        if math.display:
            return self.stash(f'<div class="math display" data-search-exclude>{rendered}</div>')
        return self.stash(inline_math(math.tex, rendered, mark))

    def tag(self, tag: Tag) -> str:
        return self.stash(_anchor(self.around.tag_url(tag.name), f"#{tag.name}", "", "tag"))

    def link(self, link: Link, target: Target) -> str:
        if target.path is None:
            what = html.escape(_why_not(link, target), quote=True)
            return self.stash(
                f'<span class="unresolved" title="{what}">{html.escape(link_text(link))}</span>'
            )
        if link.embed and target.path not in self.around.resolver.vault.notes:
            return self.stash(self._media(link, target, target.path))
        attributes = " ".join(
            f'{key}="{html.escape(value, quote=True)}"'
            for key, value in self._attributes(link, target).items()
        )
        return self.stash(f"<a {attributes}>{html.escape(link_text(link), quote=False)}</a>")

    def tail(self, link: Link, target: Target) -> str:
        attributes = {} if target.path is None else self._attributes(link, target)
        self.links.append((link, target, attributes))
        inner = f"{INNER}{len(self.links) - 1}"
        return inner if link.kind == "reference" else f"]({inner})"

    def transclusion(self, link: Link, target: Target) -> str | None:
        shown = self.embed(link, target)
        return None if shown is None else self.stash(shown)

    def literal(self, text: str) -> str:
        return self.stash(html.escape(text).replace("\n", "<br>\n"))

    def heading_id(self, slug: str) -> str:
        return f" {{: #{slug} }}"

    def block_id(self, name: str) -> str:
        return " " + self.stash(f'<span class="block-id" id="^{name.lower()}"></span>')

    def _attributes(self, link: Link, target: Target) -> dict[str, str]:
        assert target.path is not None
        note = self.around.resolver.vault.notes.get(target.path)
        classes = ["wikilink" if link.kind == "wiki" else "internal"]
        if note is None:
            classes = ["attachment"]
        elif note.is_draft:
            classes.append("draft")
        attributes = {"class": " ".join(classes), "href": address_of(target, self.around)}
        if summary := self.around.summaries.get(target.path, ""):
            attributes["title"] = summary
        return attributes

    def _media(self, link: Link, target: Target, path: VaultPath) -> str:
        suffix = posixpath.splitext(path)[1].lower()
        url = html.escape(address_of(target, self.around), quote=True)
        alt, width, height = image_size(link)
        asked = f' style="aspect-ratio: {width} / {height}"' if width and height else ""
        if suffix in IMAGES:
            width, height = fill_in(width, height, self.around.picture_size(path))
        alt = html.escape(alt if link.display else posixpath.basename(path), quote=True)
        size = (f' width="{width}"' if width else "") + (f' height="{height}"' if height else "")
        if suffix in IMAGES:
            stem, suffix = posixpath.splitext(path)
            double = VaultPath(f"{stem}@2x{suffix}")  # the same picture for screens of double density
            if double in self.around.resolver.vault.files:
                size += f' srcset="{html.escape(self.around.url(double), quote=True)} 2x"'
            return f'<img alt="{alt}" src="{url}" loading="lazy"{size}{asked}>'
        if suffix in VIDEOS:
            return f'<video controls preload="metadata" src="{url}"{size}></video>'
        if suffix in AUDIOS:
            return f'<audio controls preload="metadata" src="{url}"></audio>'
        if suffix == ".pdf":
            return (
                f'<object class="pdf" type="application/pdf" data="{url}" aria-label="{alt}"{size}>'
                f'<a href="{url}">{alt}</a></object>'
            )
        return f'<a class="attachment" href="{url}">{html.escape(link_text(link))}</a>'


def ingredients(note: Note, around: Surroundings, outputs_digest: Callable[[Note], str]) -> str:
    """Return a hash of all that enters the HTML of *note*, embedded notes included.

    Not in it, for they are the same for every note: the engine, its settings and KaTeX.
    """
    return _hash(_ingredients(note, around, outputs_digest, (note.path,)))


def _ingredients(
    note: Note, around: Surroundings, outputs_digest: Callable[[Note], str], trail: tuple[VaultPath, ...]
) -> list[Any]:
    vault = around.resolver.vault
    parts: list[Any] = [note.digest, outputs_digest(note) if note.cells else ""]
    for link, target in zip(note.links, around.resolver.targets(note), strict=True):
        if target.path is None:
            continue  # the words of an unresolved link are the note's own
        other = vault.notes.get(target.path)
        parts.append(address_of(target, around))
        if other is not None:
            parts += [around.summaries.get(target.path, ""), other.is_draft]
            if link.embed and other.path not in trail[1:] and len(trail) <= DEEPEST_EMBED:
                parts.append(part_of(other, link))
                parts.append(_ingredients(other, around, outputs_digest, (*trail, other.path)))
        elif link.embed:
            stem, suffix = posixpath.splitext(target.path)
            parts += [f"{stem}@2x{suffix}" in vault.files, around.picture_size(target.path)]
    for embed in note.code_embeds:
        if found := around.snippets.get(embed.symbol):
            tests = [(test.name, around.test_url(test)) for test in around.tests.get(embed.symbol, ())]
            shown_in = [(around.url(p), vault.notes[p].title) for p in around.shown_in.get(embed.symbol, ())]
            urls = [around.code_url(found), around.repository_url(found)]
            parts.append([found.source, found.first_line, urls, tests, shown_in])
    parts += [around.tag_url(tag.name) for tag in note.tag_spans]
    for slug, paths in around.added.get(note.path, {}).items():
        parts.append(slug)
        for path in paths:
            parts += [around.url(path), vault.notes[path].title, around.summaries.get(path, "")]
    return parts


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()


def prefix_ids(text: str, prefix: str) -> str:
    """Return HTML with *prefix* before every id and every reference to one: for a part of another page."""

    def within(tag: re.Match[str]) -> str:
        named = re.sub(r'(\s(?:id|for|aria-labelledby|aria-describedby|name)=")', rf"\1{prefix}", tag[0])
        return re.sub(r'((?:\shref="|url\()#)', rf"\1{prefix}", named)

    return re.sub(r"<[a-zA-Z][^<>]*>", within, text)


class _VaultExtension(Extension):  # type: ignore[misc]
    """Python-Markdown's side: ``expand`` writes the page's Markdown, ``links`` are its inner addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.expand: Callable[[], str] = str
        self.links: list[tuple[Link, Target, dict[str, str]]] = []

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        # After normalize_whitespace (30), which drops the marks that stashed HTML needs; before fences (25).
        md.preprocessors.register(_ExpandPreprocessor(md, self), "vault", 29)
        md.treeprocessors.register(_LinkTreeprocessor(md, self), "vault", 5)
        md.treeprocessors.register(_TableTreeprocessor(md), "tables", 4)


class _ExpandPreprocessor(Preprocessor):  # type: ignore[misc]
    def __init__(self, md: Markdown, extension: _VaultExtension) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:  # noqa: ARG002
        text = self.extension.expand().expandtabs(self.md.tab_length)
        return [line if line.strip() else "" for line in f"{text}\n\n".split("\n")]


class _LinkTreeprocessor(Treeprocessor):  # type: ignore[misc]
    def __init__(self, md: Markdown, extension: _VaultExtension) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, root: Element) -> None:
        for element in root.iter("*"):
            url = element.get("href" if element.tag == "a" else "src") or ""
            if url.startswith(INNER):
                link, target, attributes = self.extension.links[int(url.removeprefix(INNER))]
                if target.path is None:  # never a dead address
                    element.tag = "span"
                    element.attrib.clear()
                    attributes = {"class": "unresolved", "title": _why_not(link, target)}
                elif element.tag == "img":
                    attributes = {"src": attributes["href"]}
                for key, value in attributes.items():
                    element.set(key, value)
            if element.tag == "img":
                alt, _, size = element.get("alt", "").rpartition("|")
                if match := SIZE.fullmatch(size.strip()):
                    element.set("alt", alt)
                    element.set("width", match[1])
                    if match[2]:
                        element.set("height", match[2])


class _TableTreeprocessor(Treeprocessor):  # type: ignore[misc]
    """Give every table a frame to scroll in: it may be wider than a phone."""

    def run(self, root: Element) -> None:
        for parent in list(root.iter("*")):
            for place, table in enumerate(parent):
                if table.tag == "table":
                    frame = Element("div", {"class": "md-typeset__scrollwrap"})
                    frame.append(table)
                    frame.tail, table.tail = table.tail, None
                    parent[place] = frame


def highlight_python(source: str, filename: str = "") -> str:
    """Return *source* as a highlighted block, titled when *filename* is given."""
    formatter = HtmlFormatter(cssclass="highlight", wrapcode=True, filename=html.escape(filename))
    return str(highlight(source, PythonLexer(stripnl=False), formatter)).strip()


def output_html(output: Output, prefix: str, label: str, around: Surroundings) -> str:
    """Return one output as HTML, in the richest form that it has; *prefix* keeps ids on a page apart."""
    if output.kind != "display":
        return f'<pre class="out-{output.kind}">{html.escape(output.data["text/plain"])}</pre>'
    data = output.data
    if "image/svg+xml" in data:
        figure = inline_svg(data["image/svg+xml"], prefix, label, around.figure_url)
        return f'<div class="out-figure" data-search-exclude>{figure}</div>'
    if "text/html" in data:
        # pandas sends a style sheet with every table; it would style the whole page
        table = re.sub(r"<style\b.*?</style>\s*", "", data["text/html"], flags=re.DOTALL)
        table = table.replace("<th></th>", "<td></td>")  # a heading of nothing
        return f'<div class="out-html">{table}</div>'
    for mime in ("image/webp", "image/png", "image/jpeg"):
        if mime in data:
            url = html.escape(around.figure_url(mime, data[mime]), quote=True)
            alt = html.escape(label, quote=True)
            width, height = fill_in("", "", size_of_data(data[mime]))
            size = f' width="{width}" height="{height}"' if width else ""
            return f'<div class="out-figure"><img src="{url}" alt="{alt}" loading="lazy"{size}></div>'
    return f'<pre class="out-text">{html.escape(data.get("text/plain", ""))}</pre>'


def _why_not(link: Link, target: Target) -> str:
    if target.verdict == "ambiguous":
        return f"不止一篇笔记叫这个名字：{link.target}"
    return f"还没有这篇笔记：{link.target}"


def _anchor(url: str, text: str, title: str = "", kind: str = "") -> str:
    text = html.escape(text)
    classes = f' class="{kind}"' if kind else ""
    if not url:
        return f"<span{classes}>{text}</span>" if kind else text
    hint = f' title="{html.escape(title, quote=True)}"' if title else ""
    return f'<a{classes} href="{html.escape(url, quote=True)}"{hint}>{text}</a>'
