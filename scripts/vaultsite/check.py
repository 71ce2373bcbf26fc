"""Workspace to problems: what must not be published, each with a place and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vaultsite.graph import all_links, prerequisite_cycles
from vaultsite.links import problem_of
from vaultsite.model import Note, Problem, VaultPath
from vaultsite.workspace import Workspace

CELL_OPTIONS = {"live", "hide", "fold", "caption", "raises"}
EMBED_OPTIONS = {"embed", "caption"}
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
    for note in workspace.vault.notes.values():
        for link in all_links(note):
            target = workspace.resolver.resolve(link, note)
            links[target.verdict] += 1
            if problem := problem_of(link, note, target, fatal=strict):
                problems.append(problem)
        problems.extend(_options(note))
    problems.extend(prerequisite_cycles(workspace.vault, workspace.graph))
    problems.extend(_addresses(workspace))
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


def address(note: Note) -> str:
    """Return a note's page below the site's root: its permalink, else its vault path."""
    return str(note.meta.get("permalink") or note.path.removesuffix(".md")).strip("/")


def _addresses(workspace: Workspace) -> Iterator[Problem]:
    owners: dict[str, VaultPath] = {}
    for path, note in workspace.vault.notes.items():
        key = address(note).casefold()
        if key in owners:
            yield Problem(path, 1, f"has the same address as {owners[key]}: /{address(note)}/")
        owners.setdefault(key, path)


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
