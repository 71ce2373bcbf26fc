"""The theme's style sheets and scripts: what is sent to every page as one file, what only to some."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vaultsite import katex, node

PLACE = "assets/dlnotes"
STATIC = {".css", ".js", ".woff2", ".svg"}
SHEETS = (
    "colors",
    "layout",
    "prose",
    "cells",
    "note",
    "wiki",
    "previews",
    "search",
    "graph",
    "reading",
)
"""What every page is sent, after the theme's own style sheet, in this order."""
SCRIPTS = ("page", "search", "previews", "figures", "progress")
"""What every page is sent; each is whole in itself, the first makes ``window.dlnotes``."""


@dataclass(frozen=True)
class Assets:
    """The browser's files. *theme* is the theme's folder, *base* the style sheet that ours build on."""

    theme: Path
    base: Path

    @cached_property
    def bundles(self) -> Mapping[str, str]:
        """The two files that every page loads, by address."""
        folder = self.theme / "assets"
        sheets = [self.base, *(folder / "stylesheets" / f"{name}.css" for name in SHEETS)]
        scripts = [folder / "javascripts" / f"{name}.js" for name in SCRIPTS]
        return {
            f"{PLACE}/stylesheets/site.css": "\n".join(_text(path) for path in sheets),
            f"{PLACE}/javascripts/site.js": "\n".join(_text(path) for path in scripts),
        }

    @cached_property
    def files(self) -> list[tuple[Path, str]]:
        """The files that are copied as they are, each with its address."""
        modules = self.theme / "node_modules"
        folder = self.theme / "assets"
        bundled = {f"stylesheets/{name}.css" for name in SHEETS} | {
            f"javascripts/{name}.js" for name in SCRIPTS
        }
        own = [
            (path, f"{PLACE}/{name}")
            for path in sorted(folder.rglob("*"))
            if path.suffix in STATIC and (name := path.relative_to(folder).as_posix()) not in bundled
        ]
        return [*own, *katex.katex_assets(modules), *node.script_assets(modules)]

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """A word for what is in each style sheet and script: browsers keep files, pages name the version."""
        found = {uri: _version(text.encode()) for uri, text in self.bundles.items()}
        for path, uri in self.files:
            if path.suffix in {".css", ".js"}:
                found[uri] = _version(path.read_bytes())
        return found

    def address(self, name: str) -> str:
        """Return the address of a style sheet or script of ours, its version in it."""
        uri = f"{PLACE}/{name}"
        return f"{uri}?v={self.versions[uri]}"

    @property
    def digest(self) -> str:
        """The hash of all that pages name of them."""
        return _version("\n".join(f"{uri} {self.versions[uri]}" for uri in sorted(self.versions)).encode())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:10]
