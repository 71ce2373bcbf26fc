"""Notes to HTML among a few others, with the project's own Markdown extensions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.utils import yaml_load

from vaultsite.addresses import address, relative_url, url_of
from vaultsite.expand import Surroundings
from vaultsite.links import Resolver
from vaultsite.markdown import Renderer
from vaultsite.model import Vault, VaultPath
from vaultsite.reader import note_from_text
from vaultsite.wiki import notes_by_tag, tag_address

ROOT = Path(__file__).parents[1]
FILES = {
    "B.md": "---\naliases: [Bee]\npermalink: old/place\nsummary: 关于 B\n---\n"
    "# B\n\n## 第二节\n\ntext ^blk\n\n### 深一层\n",
    "sub/C.md": "# C\n",
    "1.2 感知机.md": "# 1.2 感知机\n",
    "draft.md": "---\nstatus: draft\n---\n# draft\n",
    "Q&A 100% + 'x'?.md": "# Q\n",
    "Café.md": "# Café\n",
    "t/twin.md": "",
    "u/twin.md": "",
    "note [x].md": "",
    "D.md": "# D\n\n## 一\n\n第一段。\n\n### 一点一\n\n[[B]] ^p\n\n"
    "- a\n- b ^item\n    - below\n- c\n\n^list\n\n"
    "| x |\n| - |\n| 1 |\n\n^table\n\n## 二\n\n别的。\n",
    "E.md": "E 说：\n\n![[D#^p]]\n",
}
ATTACHMENTS = ("img/p.png", "doc.pdf", "a.mp3", "v.mp4", "data.csv")


def vault_with(text: str) -> Vault:
    """Return a vault of a few notes and A, which says *text*."""
    notes = {VaultPath(p): note_from_text(VaultPath(p), t) for p, t in {**FILES, "A.md": text}.items()}
    return Vault(Path(), notes, frozenset(map(VaultPath, ATTACHMENTS)))


def surroundings(vault: Vault, **known: Any) -> Surroundings:
    """Return what A sees: every page at its address, seen from /A/."""
    tags = notes_by_tag(vault)

    def url(path: VaultPath) -> str:
        note = vault.notes.get(path)
        return relative_url(url_of(address(note)) if note else path, "A/")

    return Surroundings(
        Resolver(vault),
        url,
        tag_url=lambda tag: relative_url(url_of(tag_address(tag, tags)), "A/"),
        summaries={path: str(note.meta.get("summary", "")) for path, note in vault.notes.items()},
        **known,
    )


@cache
def renderer() -> Renderer:
    """Return Python-Markdown as mkdocs.yml sets it up."""
    extensions: list[str] = []
    configs: dict[str, Any] = {}
    config = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    for entry in config["markdown_extensions"]:
        if isinstance(entry, dict):
            ((name, options),) = entry.items()
            configs[name] = options or {}
        else:
            name = entry
        extensions.append(name)
    return Renderer(extensions, configs)


def render(text: str, **known: Any) -> str:
    """Return the HTML of A."""
    vault = vault_with(text)
    return renderer().render(vault.notes[VaultPath("A.md")], surroundings(vault, **known)).html
