"""Closures: all steps from where some code starts, and how two of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vaultsite.fingerprint.canonical import digest
from vaultsite.fingerprint.files import DataFiles
from vaultsite.fingerprint.modules import Modules
from vaultsite.fingerprint.references import References, Step
from vaultsite.model import Symbol

IMPORTED = ":<module>"


@dataclass(frozen=True)
class Closure:
    """Everything that some code reaches.

    *symbols* maps each to the hash of its own meaning, not of what it reaches in turn; *notes* says, a line
    each, where static reading gave up and took a whole module.
    """

    symbols: Mapping[Symbol, str]
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        return digest(*(f"{symbol} {own}" for symbol, own in sorted(self.symbols.items())))


@dataclass(frozen=True, slots=True)
class Change:
    """A symbol whose meaning differs from the one recorded."""

    symbol: Symbol
    kind: Literal["changed", "new", "gone"]

    def __str__(self) -> str:
        return f"{self.symbol} {'is ' * (self.kind != 'changed')}{self.kind}"


def changes(recorded: Mapping[Symbol, str], current: Mapping[Symbol, str]) -> tuple[Change, ...]:
    """Return how two closures' symbols differ: what changed, then what is new, then what is gone."""
    changed = [Change(s, "changed") for s in sorted(recorded) if s in current and recorded[s] != current[s]]
    new = [Change(s, "new") for s in sorted(current) if s not in recorded]
    gone = [Change(s, "gone") for s in sorted(recorded) if s not in current]
    return (*changed, *new, *gone)


def close(start: Step, references: References, modules: Modules, files: DataFiles) -> Closure:
    """Return all that is reached from *start*, and the texts and files that this may read."""
    entries = dict(start.entries)
    notes = list(start.notes)
    steps = [start]
    seen: set[str] = set()
    queue = sorted(start.edges)
    while queue:
        key = queue.pop()
        if key not in seen:
            seen.add(key)
            step = references.of(key)
            steps.append(step)
            entries.update(step.entries)
            notes += step.notes
            queue += step.edges - seen
        if not queue and any(step.reads_everything for step in steps):
            queue += {f"{name}:**" for name in _imported(seen)} - seen
            if queue:
                notes.append("subclasses or type hints are looked up at run time: every loaded module counts")
    if any(step.reads_text for step in steps):
        notes.append("source or docstrings are read at run time: every loaded file's text counts")
        for name in _imported(seen):
            module = modules.find(name)
            if module is not None and module.path.endswith(".py") and module.source:
                entries[f"file:{module.path}"] = digest(module.source)
    for path in files.named_by(steps):
        entries[f"file:{path}"] = files.hash(path)
    symbols = {Symbol(key): entries[key] for key in sorted(entries)}
    return Closure(symbols, tuple(sorted(dict.fromkeys(notes))))


def _imported(keys: set[str]) -> set[str]:
    return {key.removesuffix(IMPORTED) for key in keys if key.endswith(IMPORTED)}
