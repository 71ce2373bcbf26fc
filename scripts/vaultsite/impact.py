"""What an edit would do: the notes, cells and tests that reach a symbol."""

from __future__ import annotations

from dataclasses import dataclass

from vaultsite.embed import TestRef, tests_reaching
from vaultsite.model import Symbol, VaultPath
from vaultsite.workspace import Workspace


@dataclass(frozen=True)
class NoteImpact:
    """A note that would run again. *cells* reach the symbol; *seconds* is what the note cost last time."""

    path: VaultPath
    name: str
    cells: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class Impact:
    """Everything that reaches *symbol*. *shown* are the notes whose page shows its source."""

    symbol: Symbol
    notes: tuple[NoteImpact, ...]
    shown: tuple[str, ...]
    tests: tuple[TestRef, ...]


def impact_of(workspace: Workspace, name: str) -> Impact:
    """Return what an edit of ``mod``, ``mod:Name`` or ``mod:Class.method`` would run again.

    Raises:
        UnknownSymbol: nothing in the code root defines it.
    """
    symbol = workspace.codebase.definition(Symbol(name)).symbol
    found = []
    for path, prints in workspace.prints.items():
        reached = tuple(n for n, cell in enumerate(prints, 1) if any(_is_in(symbol, s) for s in cell.symbols))
        if reached:
            record = workspace.records.get(path)
            seconds = record.seconds if record else 0.0
            found.append(NoteImpact(path, workspace.vault.notes[path].name, reached, seconds))
    found.sort(key=lambda note: (-note.seconds, note.path))
    shown = [
        note.name
        for note in workspace.vault.notes.values()
        if any(_is_in(symbol, workspace.snippets[e.symbol].symbol) for e in note.code_embeds)
    ]
    tests: tuple[TestRef, ...] = ()
    if workspace.settings.tests.is_dir():
        tests = tests_reaching(workspace.settings.tests, workspace.codebase, [symbol])[symbol]
    return Impact(symbol, tuple(found), tuple(shown), tests)


def _is_in(symbol: Symbol, other: str) -> bool:
    """Whether an edit of *symbol* is one of *other*: itself, its class or module, or one of its members."""
    module, _, name = symbol.partition(":")
    other_module, _, other_name = other.partition(":")
    if module != other_module:
        return False
    if not name or not other_name:
        return True
    ours, theirs = name.split("."), other_name.split(".")
    return all(a == b for a, b in zip(ours, theirs, strict=False))
