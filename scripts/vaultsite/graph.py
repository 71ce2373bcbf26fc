"""Vault to what crosses notes: the navigation, each note's summary, backlinks and learning path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vaultsite.links import Resolver
from vaultsite.model import Cell, CodeEmbed, Comment, Heading, Link, Math, Note, Problem, Vault, VaultPath
from vaultsite.syntax import plain_text

RELATIONS = ("prerequisites", "leads_to", "contrasts")


@dataclass(frozen=True)
class NavItem:
    """A page (*path* set) or a section of the sidebar."""

    title: str
    path: VaultPath | None = None
    children: tuple[NavItem, ...] = ()

    def pages(self) -> Iterator[NavItem]:
        """Yield the pages at and below this item, in reading order."""
        if self.path is not None:
            yield self
        for child in self.children:
            yield from child.pages()


@dataclass(frozen=True, slots=True)
class Backlink:
    """A note that links here: *sentence* is what the link stands in; empty where the front matter links."""

    source: VaultPath
    line: int
    sentence: str


@dataclass(frozen=True)
class Graph:
    """All that is derived from the vault's links, computed once."""

    nav: tuple[NavItem, ...]
    summaries: Mapping[VaultPath, str] = field(default_factory=dict)
    backlinks: Mapping[VaultPath, tuple[Backlink, ...]] = field(default_factory=dict)
    relations: Mapping[VaultPath, Mapping[str, tuple[VaultPath, ...]]] = field(default_factory=dict)
    added: Mapping[VaultPath, Mapping[str, tuple[VaultPath, ...]]] = field(default_factory=dict)
    """For a note's sections, by slug, the notes whose ``up: "[[note#section]]"`` asks to be listed there."""


def build_graph(vault: Vault, resolver: Resolver, home: VaultPath | None) -> Graph:
    """Derive the graph; *home* is the note whose headings and links are the navigation."""
    home_note = vault.notes.get(home) if home else None
    added = _added(vault, resolver)
    if home_note is None:
        nav = nav_from_folders(vault)
    else:
        nav = nav_from_note(home_note, resolver, added.get(home_note.path, {}))
        listed = {page.path for item in nav for page in item.pages()}
        others = [note for path, note in sorted(vault.notes.items()) if path not in listed]
        if others:
            rest = tuple(NavItem(note.title, note.path) for note in others)
            nav = (*nav, NavItem("其他笔记", None, rest))
    return Graph(
        nav,
        _summaries(vault, resolver, home_note),
        _backlinks(vault, resolver),
        {path: _relations(note, resolver) for path, note in vault.notes.items()},
        added,
    )


def nav_from_note(
    home: Note, resolver: Resolver, added: Mapping[str, tuple[VaultPath, ...]]
) -> tuple[NavItem, ...]:
    """Read the navigation off a note: its headings are the sections, its links the pages, each page once.

    *added* are more pages of a section, by the slug of its heading: they come after those that it links to.
    """
    root: list[object] = []
    open_sections: list[tuple[int, list[object]]] = [(1, root)]
    seen = {home.path}
    waiting: tuple[VaultPath, ...] = ()

    def add_waiting() -> None:
        for path in waiting:
            if path not in seen:
                seen.add(path)
                open_sections[-1][1].append(NavItem(resolver.vault.notes[path].title, path))

    events: list[Heading | Link] = sorted([*home.headings, *home.links], key=_start)
    for event in events:
        if isinstance(event, Link):
            note = None if event.embed else resolver.target_note(event, home)
            inside_heading = any(h.start <= event.start < h.end for h in home.headings)
            if note is not None and note.path not in seen and not inside_heading:
                seen.add(note.path)
                title = plain_text(event.display) if event.display else note.title
                open_sections[-1][1].append(NavItem(title, note.path))
            continue
        add_waiting()
        waiting = added.get(event.slug, ())
        if event.level == 1:
            open_sections = [(1, root)]
        else:
            while len(open_sections) > 1 and open_sections[-1][0] >= event.level:
                open_sections.pop()
            section: list[object] = [event.text]
            open_sections[-1][1].append(section)
            open_sections.append((event.level, section))
    add_waiting()
    return (NavItem(home.title, home.path), *_sections(root))


def nav_from_folders(vault: Vault) -> tuple[NavItem, ...]:
    """Read the navigation off the folders, for a vault without a note that lists the others."""
    tree: dict[str, object] = {}
    for path in sorted(vault.notes):
        *folders, name = path.split("/")
        level = tree
        for folder in folders:
            level = level.setdefault(folder, {})  # type: ignore[assignment]
        level[f"{name}\0"] = path

    def items(level: Mapping[str, object]) -> Iterator[NavItem]:
        for name, value in level.items():
            if isinstance(value, dict):
                yield NavItem(name, None, tuple(items(value)))
            else:
                path = VaultPath(str(value))
                yield NavItem(vault.notes[path].title, path)

    return tuple(items(tree))


def learning_path(path: VaultPath, graph: Graph) -> tuple[VaultPath, ...]:
    """Return all that should be read before *path*, in an order in which it can be read."""
    order: dict[VaultPath, None] = {}
    seen = {path}

    def visit(current: VaultPath) -> None:
        for before in graph.relations.get(current, {}).get("prerequisites", ()):
            if before not in seen:
                seen.add(before)
                visit(before)
                order[before] = None

    visit(path)
    return tuple(order)


def reading_minutes(note: Note) -> int:
    """Estimate a note's time: 350 characters of prose a minute, half a minute for an open listing."""
    listings = [
        c
        for c in note.cells
        if c.kind == "live" and c.options.get("hide") != "source" and "fold" not in c.options
    ]
    spans: list[Cell | CodeEmbed | Comment | Math] = [
        *note.cells,
        *note.code_embeds,
        *note.comments,
        *note.maths,
    ]
    prose = len("".join(note.body.split())) - sum(
        len("".join(note.body[s.start : s.end].split())) for s in spans
    )
    return max(1, round(prose / 350 + (len(listings) + len(note.code_embeds)) / 2))


def prerequisite_cycles(vault: Vault, graph: Graph) -> list[Problem]:
    """Return one problem for every note at which a circle of prerequisites closes."""
    problems = []
    state: dict[VaultPath, int] = {}

    def visit(path: VaultPath, trail: list[VaultPath]) -> None:
        state[path] = 1
        for before in graph.relations.get(path, {}).get("prerequisites", ()):
            if state.get(before) == 1:
                circle = [*trail[trail.index(before) :], before]
                names = " → ".join(vault.notes[p].name for p in circle)
                line = next((x.line for x in vault.notes[path].meta_links.get("prerequisites", ())), 1)
                problems.append(Problem(path, line, f"prerequisites run in a circle: {names}"))
            elif before not in state:
                visit(before, [*trail, before])
        state[path] = 2

    for path in vault.notes:
        if path not in state:
            visit(path, [path])
    return problems


def _start(span: Heading | Link) -> int:
    return span.start


def _sections(items: list[object]) -> Iterator[NavItem]:
    """Freeze the lists of nav_from_note; a heading without links is no section."""
    for item in items:
        if isinstance(item, NavItem):
            yield item
        elif isinstance(item, list):
            children = tuple(_sections(item[1:]))
            if children:
                yield NavItem(str(item[0]), None, children)


def _summaries(vault: Vault, resolver: Resolver, home: Note | None) -> dict[VaultPath, str]:
    """A note's own summary; without one, the words after its link in the navigation note."""
    found: dict[VaultPath, str] = {}
    for link in home.links if home else ():
        note = resolver.target_note(link, home) if home else None
        if home is None or note is None or note.path in found:
            continue
        end = home.body.find("\n", link.end)
        words = home.body[link.end : len(home.body) if end < 0 else end].lstrip("：: ").strip()
        if words:
            found[note.path] = plain_text(words)
    for path, note in vault.notes.items():
        if summary := note.meta.get("summary") or note.meta.get("description"):
            found[path] = str(summary)
    return found


def _backlinks(vault: Vault, resolver: Resolver) -> dict[VaultPath, tuple[Backlink, ...]]:
    found: dict[VaultPath, list[Backlink]] = {}
    for note in vault.notes.values():
        seen: set[tuple[VaultPath, str]] = set()
        for link, target, sentence in zip(note.links, resolver.targets(note), note.sentences, strict=True):
            path = target.path
            if path is None or path not in vault.notes or path == note.path or (path, sentence) in seen:
                continue
            seen.add((path, sentence))
            found.setdefault(path, []).append(Backlink(note.path, link.line, sentence))
        told = {path for path, _ in seen}
        for link in (link for links in note.meta_links.values() for link in links):
            path = resolver.resolve(link, note).path
            if path is not None and path in vault.notes and path != note.path and path not in told:
                told.add(path)
                found.setdefault(path, []).append(Backlink(note.path, link.line, ""))
    return {path: tuple(links) for path, links in found.items()}


def _added(vault: Vault, resolver: Resolver) -> dict[VaultPath, dict[str, tuple[VaultPath, ...]]]:
    found: dict[VaultPath, dict[str, tuple[VaultPath, ...]]] = {}
    for path, note in sorted(vault.notes.items()):
        for link in note.meta_links.get("up", ()):
            target = resolver.resolve(link, note)
            to = vault.notes.get(target.path) if target.path else None
            if to and to.path != path and target.anchor in {heading.slug for heading in to.headings}:
                sections = found.setdefault(to.path, {})
                sections[target.anchor] = (*sections.get(target.anchor, ()), path)
    return found


def _relations(note: Note, resolver: Resolver) -> dict[str, tuple[VaultPath, ...]]:
    return {
        key: tuple(
            target.path
            for link in note.meta_links.get(key, ())
            if (target := resolver.target_note(link, note)) is not None
        )
        for key in RELATIONS
    }


__all__ = [
    "RELATIONS",
    "Backlink",
    "Graph",
    "NavItem",
    "build_graph",
    "learning_path",
    "nav_from_folders",
    "nav_from_note",
    "prerequisite_cycles",
    "reading_minutes",
]
