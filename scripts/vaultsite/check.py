"""Workspace to problems: what must not be published, each with a place and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vaultsite.addresses import clashes
from vaultsite.expand import part_of
from vaultsite.graph import prerequisite_cycles
from vaultsite.links import Target, all_links, problem_of
from vaultsite.model import Link, Note, Problem, VaultPath
from vaultsite.workspace import Workspace

CELL_OPTIONS = {"live", "hide", "fold", "caption", "raises", "varies"}
EMBED_OPTIONS = {"embed", "caption"}
ADVISED = 5
"""How many dead links are told what may have been meant: a search through all names,
worth it where a dead link stops the build."""

HIDEABLE = {"source", "output"}


@dataclass(frozen=True)
class Report:
    """What a check found. *links* counts every link by its verdict."""

    problems: tuple[Problem, ...]
    links: Counter[str]
    notes: int
    drafts: tuple[VaultPath, ...]

    @property
    def fatal(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.fatal)


def check(workspace: Workspace, *, strict: bool = True, stale_is_fatal: bool = True) -> Report:
    """Judge the whole vault; *strict* makes a dead link fatal, as it is for the project's own vault."""
    problems = list(workspace.problems)
    links: Counter[str] = Counter()
    dead: list[tuple[Note, Link, Target]] = []
    for note in workspace.vault.notes.values():
        for link, target in all_links(note, workspace.resolver):
            links[target.verdict] += 1
            if target.is_dead:
                dead.append((note, link, target))
        problems.extend(_options(note))
        problems.extend(_embed_circles(note, workspace, strict))
    for n, (note, link, target) in enumerate(dead):
        resolver = workspace.resolver
        advice = (
            resolver.advice(link, target)
            if strict or n < ADVISED
            else target.detail or "no note has that name"
        )
        if problem := problem_of(link, note, target, advice, fatal=strict):
            problems.append(problem)
    problems.extend(prerequisite_cycles(workspace.vault, workspace.graph))
    problems.extend(clashes(workspace.vault))
    problems.extend(_stale(workspace, stale_is_fatal))
    if workspace.map_is_stale:
        problems.append(
            Problem(
                workspace.settings.course_map,
                1,
                "the course map is out of date; draw it: python scripts/build.py map",
                stale_is_fatal,
            )
        )
    notes = workspace.vault.notes
    drafts = tuple(path for path, note in notes.items() if note.is_draft)
    return Report(tuple(sorted(problems)), links, len(notes), drafts)


def verdicts(workspace: Workspace) -> Iterator[dict[str, str | int | None]]:
    """Yield every link of the vault with its verdict, as ``check --json`` prints it."""
    for note in workspace.vault.notes.values():
        for link, target in all_links(note, workspace.resolver):
            yield {
                "note": note.path,
                "line": link.line,
                "kind": "embed" if link.embed else link.kind,
                "target": link.target,
                "verdict": target.verdict,
                "path": target.path,
                "anchor": target.anchor,
                "detail": target.detail,
            }


def _embed_circles(note: Note, workspace: Workspace, strict: bool) -> Iterator[Problem]:
    """A note that embeds itself, by way of others or not: shown as a link, and an error."""

    def embedded(of: Note) -> Iterator[tuple[Link, Note]]:
        for link, target in zip(of.links, workspace.resolver.targets(of), strict=True):
            if link.embed and target.path is not None and target.path in workspace.vault.notes:
                yield link, workspace.vault.notes[target.path]

    for link, first in embedded(note):
        seen: set[VaultPath] = set()
        queue = [first]
        while queue:
            now = queue.pop()
            if now.path == note.path:
                if not _is_other_part(link, note, first):
                    what = f"![[{link.target}]] embeds the note that it stands in"
                    yield Problem(note.path, link.line, f"{what}; make it a link", strict)
                break
            if now.path not in seen:
                seen.add(now.path)
                queue += [other for _, other in embedded(now)]


def _is_other_part(link: Link, note: Note, first: Note) -> bool:
    """Whether a note embeds a block or section of its own that the embed does not stand in."""
    if first.path != note.path:
        return False
    part = part_of(note, link)
    return part is not None and not part[0] <= link.start < part[1]


def _options(note: Note) -> Iterator[Problem]:
    for cell in note.cells:
        if cell.kind == "live":
            for option in sorted(set(cell.options) - CELL_OPTIONS):
                known = ", ".join(sorted(CELL_OPTIONS - {"live"}))
                yield Problem(note.path, cell.line - 1, f"unknown cell option `{option}`; known: {known}")
            if (hidden := cell.options.get("hide")) is not None and hidden not in HIDEABLE:
                yield Problem(note.path, cell.line - 1, f'hide must be "source" or "output", not "{hidden}"')
    for embed in note.code_embeds:
        for option in sorted(set(embed.options) - EMBED_OPTIONS):
            yield Problem(note.path, embed.line, f"unknown embed option `{option}`")


def _stale(workspace: Workspace, fatal: bool) -> Iterator[Problem]:
    for note in workspace.stale:
        judged = workspace.verdicts[note.path]
        why = "; ".join(judged.reasons[:3]) or judged.state
        more = f" (and {len(judged.reasons) - 3} more)" if len(judged.reasons) > 3 else ""
        yield Problem(
            note.path,
            note.cells[0].line,
            f"{judged.state} outputs: {why}{more}; run: python scripts/build.py run",
            fatal,
        )
