"""A note as a Jupyter notebook: its prose, the sources that it embeds, its cells with their recorded outputs.

The notebook runs from top to bottom on a fresh kernel: it imports the package, as the note does, so embedded
sources are shown as Markdown and not run. A notebook is a plain dictionary in the form of nbformat 4.5.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaultsite.expand import IMAGES, Outputs, PlainWriter, Surroundings, expand, image_size
from vaultsite.katex import inline_math
from vaultsite.links import Target
from vaultsite.model import Cell, Link, Math, Note, Output, VaultPath

ATTACHED = 200_000
"""Bytes of a picture beyond which the notebook links to it."""

CELL_MARK = re.compile(r"^[ \t>]*\x02(\d+)\x03[ \t]*$", re.MULTILINE)
CALLOUT = re.compile(r"^((?:[ \t]*>)+[ \t]*)\[!([\w-]+)\][+-]?[ \t]*(.*)$")
FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})")
CALLOUTS = {
    "abstract": "摘要", "bug": "缺陷", "danger": "危险", "example": "例子", "failure": "失败", "info": "信息",
    "note": "说明", "question": "问题", "quote": "引用", "success": "完成", "tip": "提示", "todo": "待办",
    "warning": "注意",
}  # fmt: skip

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """Where a notebook comes from, as far as it is known.

    *package* must be there to run it, *setup* runs first; *page* is the note's address on the site,
    *repository* the address that the package can be installed from.
    """

    package: str = ""
    setup: str = ""
    page: str = ""
    repository: str = ""


@dataclass
class Shown:
    """Pieces of finished HTML for a page that shows a notebook: each has a word that stands for it."""

    pieces: list[str] = field(default_factory=list)

    def keep(self, text: str) -> str:
        self.pieces.append(text)
        return f"xdln{len(self.pieces) - 1}piece"

    def put_back(self, page: str) -> str:
        """Return *page* with the pieces in place of their words."""
        return re.sub(r"xdln(\d+)piece", lambda m: self.pieces[int(m[1])], page)


def to_notebook(
    note: Note,
    around: Surroundings,
    origin: Origin,
    *,
    output_html: Callable[[Output, str], str] | None = None,
    shown: Shown | None = None,
) -> Notebook:
    """Return *note* as a notebook.

    For the page that shows a notebook, *shown* keeps formulas and outputs as the HTML that *output_html*
    makes of an output with a prefix for its ids; the notebook then holds words in their place.
    """
    writer = _NotebookWriter(around, shown, has_site=bool(origin.page) or shown is not None)
    text = expand(note, writer, around)
    recorded = around.outputs(note) if note.cells else ()
    cells = list(_opening(note, origin))
    count = len([cell for cell in cells if cell["cell_type"] == "code"])
    for n, part in enumerate(CELL_MARK.split(text)):
        if n % 2 == 0:
            cells += _prose(part, writer.attachments, note.title if len(cells) < 3 else "")
            continue
        cell = note.cells[int(part) - 1]
        outputs = recorded[cell.index - 1] if recorded else None
        count += 1
        made = _code(cell, count)
        if shown is not None and output_html is not None:
            visible = outputs if cell.options.get("hide") != "output" else ()
            made["outputs"] = [
                _html_output(shown.keep(output_html(output, f"c{cell.index}-{k}")))
                for k, output in enumerate(visible or ())
            ]
        else:
            made["outputs"] = [_output(output) for output in outputs or ()]
        cells.append(made)
        if caption := cell.options.get("caption"):
            kept = shown and shown.keep(f'<span class="out-caption">{html.escape(caption)}</span>')
            cells.append(_markdown(kept or f"*{caption}*"))
    _name(cells)
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_text(notebook: Notebook) -> str:
    """Return the text of a notebook's file; the same for the same notebook."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


class _NotebookWriter(PlainWriter):
    """Spans for a notebook: cells become marks that the text is split at."""

    def __init__(
        self, around: Surroundings, shown: Shown | None, has_site: bool, trail: tuple[VaultPath, ...] = ()
    ) -> None:
        super().__init__(around, trail)
        self.shown = shown
        self.has_site = has_site
        self.attachments: dict[str, bytes] = {}

    def live(self, cell: Cell, outputs: Outputs | None) -> str:
        return f"\x02{cell.index}\x03" if not self.trail else super().live(cell, outputs)

    def value(self, cell: Cell, outputs: Outputs | None) -> str:  # noqa: ARG002
        return "".join(o.data.get("text/plain", "") for o in outputs or ()) or "…"

    def math(self, math: Math, mark: str) -> str:
        if self.shown is None:
            return super().math(math, mark)
        rendered = self.around.math.get((math.tex, math.display), math.tex)
        if math.display:
            return self.shown.keep(f'<span class="math display" tabindex="0">{rendered}</span>')
        return self.shown.keep(inline_math(math.tex, rendered, mark))

    def link(self, link: Link, target: Target) -> str:
        path = target.path
        if path is not None and link.embed and path.lower().endswith(IMAGES):
            return self._picture(link, path)
        if path is not None and self.has_site:
            return super().link(link, target)
        return super().link(link, Target("unresolved", None))

    def tail(self, link: Link, target: Target) -> str:
        if target.path is None or self.has_site:
            return super().tail(link, target)
        return "#" if link.kind == "reference" else "](#)"

    def inside(self, path: VaultPath) -> PlainWriter:
        inner = _NotebookWriter(self.around, self.shown, self.has_site, (*self.trail, path))
        inner.attachments = self.attachments
        return inner

    def _picture(self, link: Link, path: VaultPath) -> str:
        alt, width, _ = image_size(link)
        alt = alt if link.display else posixpath.basename(path)
        if self.shown is not None:
            size = f' width="{width}"' if width else ""
            return self.shown.keep(f'<img src="{self.around.url(path)}" alt="{alt}" loading="lazy"{size}>')
        data = (self.around.resolver.vault.root / path).read_bytes()
        if len(data) > ATTACHED:
            return f"![{alt}]({self.around.url(path)})" if self.has_site else f"（图：{alt}）"
        name = re.sub(r"[^\w.-]+", "-", posixpath.basename(path))
        self.attachments[name] = data
        return f"![{alt}](attachment:{name})"


def _opening(note: Note, origin: Origin) -> Iterator[Notebook]:
    title = f"# {note.title}"
    page = f"这一页由笔记生成，网页在 <{origin.page}>。" if origin.page else "这一页由笔记生成。"
    yield _markdown(f"{title}\n\n{page}")
    if not any(cell.kind == "live" for cell in note.cells):
        return
    lines = []
    if origin.package:
        lines += ["import importlib.util", "", f'if importlib.util.find_spec("{origin.package}") is None:']
        if origin.repository:
            source = f"{origin.package} @ git+{origin.repository}#subdirectory=code"
            lines.append(f'    %pip install -q "{source}"')
        else:
            lines.append('    raise ModuleNotFoundError("先在仓库里运行：pip install ./code")')
        lines.append("")
    if origin.setup:
        lines += origin.setup.split("; ")
    if lines:
        made = _new_code("\n".join(lines).strip(), 1)
        made["metadata"]["tags"] = ["setup"]
        yield made


def _prose(text: str, attachments: Mapping[str, bytes], title: str) -> Iterator[Notebook]:
    lines = _without_title(text.strip("\n").split("\n"), title)
    text = "\n".join(_plain_callouts(lines)).strip("\n")
    # A callout that a cell stood in leaves lines of nothing but quote signs around it.
    text = re.sub(r"\A(?:[ \t>]*\n)+|(?:\n[ \t>]*)+\Z", "", text)
    if not text.strip(" \t>"):
        return
    made = _markdown(text)
    used = {name: data for name, data in attachments.items() if f"attachment:{name})" in text}
    if used:
        made["attachments"] = {
            name: {_mime(name): base64.b64encode(data).decode()} for name, data in used.items()
        }
    yield made


def _without_title(lines: list[str], title: str) -> list[str]:
    """The note's own title says again what the notebook begins with."""
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if title and lines[first].strip() == f"# {title}":
        return lines[first + 1 :]
    return lines


def _plain_callouts(lines: list[str]) -> Iterator[str]:
    """`> [!tip] 标题` means nothing to Jupyter: a quote that begins with its title in bold."""
    fence = ""
    for line in lines:
        mark = FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence and (callout := CALLOUT.match(line)):
            quotes, kind, words = callout.groups()
            yield f"{quotes}**{words.strip() or CALLOUTS.get(kind.lower(), kind)}**"
            yield quotes.rstrip()
            continue
        yield line


def _markdown(text: str) -> Notebook:
    return {"cell_type": "markdown", "metadata": {}, "source": text.split("\n")}


def _new_code(source: str, count: int) -> Notebook:
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": {},
        "outputs": [],
        "source": source.split("\n"),
    }


def _code(cell: Cell, count: int) -> Notebook:
    made = _new_code(cell.source, count)
    hidden: dict[str, bool] = {}
    tags = []
    if cell.options.get("hide") == "source" or "fold" in cell.options:
        hidden["source_hidden"] = True
        tags.append("hide-input")
    if cell.options.get("hide") == "output":
        hidden["outputs_hidden"] = True
        tags.append("hide-output")
    if cell.options.get("raises"):
        tags.append("raises-exception")
    if hidden:
        made["metadata"]["jupyter"] = hidden
    if tags:
        made["metadata"]["tags"] = tags
    return made


def _output(output: Output) -> Notebook:
    if output.kind != "display":
        text = output.data["text/plain"]
        return {"name": output.kind, "output_type": "stream", "text": _lines(f"{text}\n")}
    data = {mime: value if _is_binary(mime) else _lines(value) for mime, value in output.data.items()}
    return {"data": data, "metadata": {}, "output_type": "display_data"}


def _html_output(text: str) -> Notebook:
    return {"data": {"text/html": [text]}, "metadata": {}, "output_type": "display_data"}


def _is_binary(mime: str) -> bool:
    return mime.startswith("image/") and mime != "image/svg+xml"


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _mime(name: str) -> str:
    suffix = posixpath.splitext(name)[1].lower().lstrip(".")
    return f"image/{ {'jpg': 'jpeg', 'svg': 'svg+xml'}.get(suffix, suffix) }"


def _name(cells: Sequence[Notebook]) -> None:
    """Give each cell an id that stays while its text does; join its lines as files of notebooks do."""
    seen: set[str] = set()
    for cell in cells:
        source = "\n".join(cell["source"])
        cell["source"] = _lines(source)
        digest = hashlib.sha256(f"{cell['cell_type']} {source}".encode()).hexdigest()
        name = next(n for k in range(len(cells)) if (n := f"{digest[:10]}{f'-{k}' if k else ''}") not in seen)
        seen.add(name)
        cell["id"] = name
