"""Small projects: a package and a vault whose notes run it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from vaultsite.workspace import Settings, Workspace, open_workspace


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write *files* below *root*, dedented."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


def open_project(root: Path, files: Mapping[str, str] | None = None) -> Workspace:
    """Write *files* (`docs/a.md`, `code/pack/mod.py`, `tests/test_x.py`) and read the project at *root*."""
    write(root, files or {})
    for folder in ("docs", "code", "tests"):
        (root / folder).mkdir(exist_ok=True)
    return open_workspace(Settings(root, root / "docs", root / "code", root / "tests"))


def live(*cells: str) -> str:
    """Return a note with these cells, each a fence of its own."""
    fences = (f"```python live\n{textwrap.dedent(cell).strip()}\n```" for cell in cells)
    return "# 标题\n\n" + "\n\n".join(fences) + "\n"
