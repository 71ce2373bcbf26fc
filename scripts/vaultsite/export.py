"""The vault as plain Markdown: what any renderer can show, outputs and pictures in place."""

from __future__ import annotations

import base64
import hashlib
import shutil
from functools import partial
from pathlib import Path

from vaultsite.expand import PlainWriter, Surroundings, expand, relative
from vaultsite.graph import Graph
from vaultsite.model import Note
from vaultsite.workspace import Workspace, outputs_of

EXTENSIONS = {"image/svg+xml": "svg", "image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}
FIGURES = "figures"


def export_markdown(workspace: Workspace, out: Path) -> int:
    """Write every note and attachment below *out*, at its vault path; return how many notes.

    Raises:
        OSError: *out* cannot be written.
    """
    for path, note in workspace.vault.notes.items():
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * path.count("/")

        def figure_url(mime: str, data: str, up: str = up) -> str:
            return f"{up}{FIGURES}/{_write_figure(out / FIGURES, mime, data)}"

        around = Surroundings(
            resolver=workspace.resolver,
            url=partial(relative, base=path),
            outputs=partial(outputs_of, workspace),
            snippets=workspace.snippets,
            summaries=workspace.graph.summaries,
            added=workspace.graph.added,
            figure_url=figure_url,
        )
        text = _head(note, workspace.graph) + expand(note, PlainWriter(around), around)
        target.write_text(text, encoding="utf-8", newline="\n")
    for file in workspace.vault.files:
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(workspace.vault.root / file, out / file)
    return len(workspace.vault.notes)


def _head(note: Note, graph: Graph) -> str:
    """The title, where the text itself has none."""
    summary = graph.summaries.get(note.path, "")
    if any(heading.level == 1 for heading in note.headings):
        return ""
    return f"# {note.title}\n\n" + (f"{summary}\n\n" if summary else "")


def _write_figure(folder: Path, mime: str, data: str) -> str:
    if mime not in EXTENSIONS:
        return ""
    content = data.encode() if mime == "image/svg+xml" else base64.b64decode(data)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.{EXTENSIONS[mime]}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return name
