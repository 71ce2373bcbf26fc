"""Notebooks as HTML: mkdocs-jupyter's rendering without what it inlines into every page.

It writes 576 kB of style sheets, MathJax from elsewhere and scripts for copying into each notebook. What is
left here is its markup, which one shared style sheet (theme/assets/stylesheets/notebook.css) dresses.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

INLINED = re.compile(r"<(style|script)\b[^>]*>.*?</\1\s*>|<!--.*?-->|<link\b[^>]*>", re.DOTALL)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def render(notebook: dict[str, Any]) -> str:
    """Return *notebook* as mkdocs-jupyter renders it; nothing runs."""
    import nbformat

    node = nbformat.reads(json.dumps(notebook), 4)  # type: ignore[no-untyped-call]
    body, _ = _exporter().from_notebook_node(node, resources={"mkdocs": {"include_requirejs": False}})
    return str(body)


def mend(
    page: str,
    slugs: Iterable[str] = (),
    slugify: Callable[[str], str] | None = None,
    folded: Iterable[tuple[int, str]] = (),
) -> str:
    """Return the HTML of a notebook as a part of a page of ours.

    Styles and scripts are dropped, with the copying that needs them. Headings get the ids *slugs* in order,
    then what *slugify* makes of their text: nbconvert's ids of Chinese headings are percent-encoded, and no
    link finds them. The source of code cells is folded: each of *folded* is the cell's number from 0 and the
    words that open it.
    """
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(INLINED.sub("", page), "html.parser")
    for copying in soup.select(".zeroclipboard-container, .clipboard-copy-txt, .celltoolbar, .cell-tags"):
        copying.decompose()
    for block in soup.select("div[class*=highlight]"):
        block["class"] = "highlight"
        if (pre := block.find("pre")) is not None and pre.find("code") is None:
            code = soup.new_tag("code")
            code.extend(list(pre.contents))
            pre.append(code)
    for area in soup.select(".jp-InputArea-editor"):
        area["tabindex"] = "-1"
    given, taken = iter(slugs), set[str]()
    for heading in soup.find_all(HEADINGS):
        for anchor in heading.select(".anchor-link"):
            anchor.decompose()
        name = next(given, "") or (slugify or _slug)(heading.get_text())
        while name in taken:
            name += "_1"
        taken.add(name)
        heading["id"] = name
    for cell in soup.select("[id^='cell-id=']"):
        del cell["id"]
    for image in soup.find_all("img", alt=re.compile("^No description has been provided")):
        image["alt"] = "运行结果"
    _fold(soup, folded)
    return str(soup).strip()


def _fold(soup: BeautifulSoup, folded: Iterable[tuple[int, str]]) -> None:
    inputs = soup.select(".jp-CodeCell > .jp-Cell-inputWrapper")
    for number, words in folded:
        details, summary = soup.new_tag("details"), soup.new_tag("summary")
        summary.string = words
        details["class"] = "notebook-fold"
        inputs[number].wrap(details)
        details.insert(0, summary)


def _slug(text: str) -> str:
    return re.sub(r"\s+", "-", text.strip())


@functools.cache
def _exporter() -> Any:
    """mkdocs-jupyter's exporter, made once: making it takes ten times as long as using it."""
    from mkdocs_jupyter import nbconvert2
    from nbconvert.exporters.html import HTMLExporter
    from nbconvert.exporters.templateexporter import default_filters

    app = nbconvert2.get_nbconvert_app(execute=False)
    default_filters["clean_html"] = lambda e: e.decode() if isinstance(e, bytes) else str(e)
    return HTMLExporter(  # type: ignore[no-untyped-call]
        config=app.config,
        template_file="mkdocs_html/notebook.html.j2",
        extra_template_paths=[nbconvert2.settings.templates_dir],
        preprocessors=[nbconvert2.SubCell],
        filters={"highlight_code": nbconvert2.mk_custom_highlight_code()},
        theme="light",
        mathjax_url="",
    )
