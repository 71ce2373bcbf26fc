"""A note to what search looks through: title, other names, summary, and the plain text under each heading.

Everything is read off the spans of the source, never off HTML. The form is that of ``assets/search.json``,
which ``scripts/theme/assets/javascripts/search-worker.js`` reads; blanks between Chinese and Latin letters
are left out of summaries and texts, and put back where a sentence is shown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from vaultsite.embed import Snippet
from vaultsite.expand import Outputs, Surroundings, expand, image_size, link_text
from vaultsite.links import Target
from vaultsite.model import Cell, CodeEmbed, Link, Math, Note, Output, Tag
from vaultsite.syntax import MARKDOWN_LINK

LONGEST_OUTPUT = 2000
"""Characters of one cell's output that are searchable: a table's worth, not a training log's."""

HEADING_MARK = "\x1e"
VERBATIM = "\x1c"
"""Stands on both sides of code and TeX, which are not Markdown."""

_HAN = r"\u3400-\u9fff"
_VERBATIM = re.compile(
    rf"{VERBATIM}([^{VERBATIM}]*){VERBATIM}"
    r"|^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t>]*\2[`~]*[ \t]*$|\Z)"
    r"|`([^`\n]+)`",
    re.MULTILINE | re.DOTALL,
)
_QUOTE = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)
_LINE_START = re.compile(
    r"^[ \t>]*(?:#{1,6}[ \t]+|\[![^\]\n]*\][-+]?|\[\^[^\]\n]+\]:"
    r"|(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?)",
    re.MULTILINE,
)
_RULE = re.compile(r"^[ \t>|:=*_-]+$", re.MULTILINE)
_MARKUP = re.compile(r"\*+|`+|==|~~|\[\^[^\]\n]*\]|</?[A-Za-z][^<>\n]*>|\{:[^{}\n]*\}|\\(?=[^\w\s])")
_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BLANKS = re.compile(r"[ \t\u00a0\u3000|]+")
_LINES = re.compile(r" ?\n[ \n]*")
_JOINED = re.compile(rf" (?=[A-Za-z0-9])(?<=[{_HAN}] )| (?=[{_HAN}])(?<=[A-Za-z0-9] )")
_ELEMENT = re.compile(r"<style\b.*?(?:</style>|\Z)|<[^<>]*>", re.DOTALL)


class SearchWriter:
    """Spans as plain text; code and TeX between marks, so that they are not taken for Markdown."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around

    def live(self, cell: Cell, outputs: Outputs | None) -> str:
        hidden = cell.options.get("hide", "")
        parts = [cell.options.get("caption", ""), cell.options.get("fold", "")]
        if hidden != "source":
            parts.append(cell.source)
        if hidden != "output":
            parts += [_output_text(output) for output in outputs or ()]
        return _verbatim("\n".join(filter(None, parts)))

    def value(self, cell: Cell, outputs: Outputs | None) -> str:  # noqa: ARG002
        return _verbatim("".join(o.data.get("text/plain", "") for o in outputs or ()))

    def code(self, embed: CodeEmbed, snippet: Snippet) -> str:  # noqa: ARG002
        return _verbatim(snippet.source)

    def math(self, math: Math, mark: str) -> str:
        return _verbatim(math.tex) + mark

    def link(self, link: Link, target: Target) -> str:
        if link.embed and target.path is not None and target.path not in self.around.resolver.vault.notes:
            return image_size(link)[0] if link.display else ""
        return link_text(link)

    def tail(self, link: Link, target: Target) -> str:  # noqa: ARG002
        return "" if link.kind == "reference" else "](.)"

    def transclusion(self, link: Link, target: Target) -> str | None:  # noqa: ARG002
        return ""  # found in the note that it stands in

    def tag(self, tag: Tag) -> str:
        return _verbatim(f"#{tag.name}")

    def literal(self, text: str) -> str:  # noqa: ARG002
        return ""

    def heading_id(self, slug: str) -> str:  # noqa: ARG002
        return HEADING_MARK

    def block_id(self, name: str) -> str:  # noqa: ARG002
        return ""


def search_entry(
    note: Note, around: Surroundings, *, url: str, summary: str = "", is_home: bool = False
) -> dict[str, Any]:
    """Return what is searched of *note*, ready for JSON; keys whose value is empty are left out.

    ``parts`` holds ``[slug, heading, text]`` for each heading; the text before the first, or under one that
    repeats the title, has neither slug nor heading. *url* is the page's, below the site's root.
    """
    entry = {
        "title": note.title,
        "url": url,
        "aliases": list(note.aliases),
        "tags": list(note.tags),
        "summary": joined(summary),
        "draft": note.is_draft,
        "home": is_home,
        "parts": _parts(note, expand(note, SearchWriter(around), around)),
    }
    return {key: value for key, value in entry.items() if value}


def search_index(entries: Iterable[str]) -> str:
    """Return the text of ``assets/search.json`` from its entries, JSON already."""
    return '{"version":1,"notes":[' + ",".join(entries) + "]}"


def plain(markdown: str) -> str:
    """Return the words of *markdown*, a line for each of its lines that has any, without markup."""
    pieces = []
    at = 0
    for found in _VERBATIM.finditer(markdown):
        pieces += [_prose(markdown[at : found.start()]), _code(found)]
        at = found.end()
    pieces.append(_prose(markdown[at:]))
    return joined(_LINES.sub("\n", _BLANKS.sub(" ", "".join(pieces))).strip())


def joined(text: str) -> str:
    """Leave out the blanks between Chinese and Latin letters: some write them, some do not."""
    return _JOINED.sub("", text)


def _parts(note: Note, expanded: str) -> list[list[str]]:
    chunks = expanded.split(HEADING_MARK)
    if len(chunks) != len(note.headings) + 1:  # the note's own text holds the mark
        return [["", "", plain(expanded.replace(HEADING_MARK, " "))]]
    found = []
    slug = heading = ""
    for chunk, following in zip(chunks, [*note.headings, None], strict=True):
        text = plain(chunk.rpartition("\n")[0] if following else chunk)
        if text or heading:
            found.append([slug, heading, text])
        if following:
            is_title = following.level == 1 and following.text == note.title
            slug, heading = ("", "") if is_title else (following.slug, following.text)
    return found


def _verbatim(text: str) -> str:
    return f"{VERBATIM}{text.replace(VERBATIM, ' ')}{VERBATIM}"


def _code(found: re.Match[str]) -> str:
    text = found[1] or found[3] or found[4] or ""
    if found[2] or "\n" in text:
        return "\n" + _QUOTE.sub("", text) + "\n"
    return text


def _prose(text: str) -> str:
    if "<!--" in text:
        text = _HTML_COMMENT.sub("", text)
    if "](" in text:
        text = MARKDOWN_LINK.sub(lambda m: m[2], text)
    return _MARKUP.sub("", _RULE.sub("", _LINE_START.sub("", _QUOTE.sub("", text))))


def _output_text(output: Output) -> str:
    """Return what of an output can be read: printed text or a table's words, nothing of a picture."""
    data = output.data
    if any(mime.startswith("image/") for mime in data):
        return ""
    if "text/html" in data:
        return html.unescape(_ELEMENT.sub(" ", data["text/html"]))[:LONGEST_OUTPUT]
    return data.get("text/plain", "")[:LONGEST_OUTPUT]
