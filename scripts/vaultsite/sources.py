"""The pages that show a whole source file, so that a link to a line works without leaving the site."""

from __future__ import annotations

from pathlib import Path

from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from vaultsite.workspace import Settings


def source_page(path: Path, settings: Settings) -> str:
    """Return the site path of the page that shows *path*: ``code/dlnotes/train.md``."""
    return path.relative_to(settings.root).with_suffix(".md").as_posix()


def source_html(path: Path) -> str:
    """Return the file highlighted, each line with its number and the anchor ``#L-12``."""
    formatter = HtmlFormatter(
        cssclass="highlight source-page", wrapcode=True, linenos="inline", lineanchors="L", anchorlinenos=True
    )
    return str(highlight(path.read_text(encoding="utf-8"), PythonLexer(stripnl=False), formatter)).strip()
