"""Does a record reproduce? A run beside the record, number by number, and which notes to look at today."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from vaultsite.freeze import Record
from vaultsite.model import Cell, CellRun, Note, NoteRun, Output, Problem, VaultPath

NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?%?")
RELATIVE = 0.05
ABSOLUTE = 0.02
"""How far two numbers may be apart: rounding differs between processors, and training carries it on."""


def picked(notes: Iterable[VaultPath], count: int, date: str) -> list[VaultPath]:
    """Return *count* of *notes* that the *date* picks: in time every note has its day."""
    return sorted(notes, key=lambda path: hashlib.sha256(f"{date} {path}".encode()).digest())[:count]


def differences(note: Note, record: Record, run: NoteRun) -> list[Problem]:
    """Return each cell whose outputs in *run* are not those of *record*, within tolerance.

    A cell that says ``varies``, and inline values of names that it sets, may print any numbers: it measures
    time. One whose assertion did not hold stopped there, and is not compared. Pictures are compared by their
    kind.
    """
    loose = _names_that_vary(note)
    found = []
    for cell, then, now in zip(note.cells, record.cells, run.cells, strict=True):
        if now.missed:
            continue
        if what := _difference(then.outputs, now, is_loose=_varies(cell, loose)):
            found.append(Problem(note.path, cell.line, f"cell {cell.index} does not reproduce: {what}"))
    return found


def _difference(then: Sequence[Output], now: CellRun, is_loose: bool) -> str:
    old = [(o.kind, mime, text) for o in then for mime, text in _compared(o)]
    new = [(o.kind, mime, text) for o in now.outputs for mime, text in _compared(o)]
    if [part[:2] for part in old] != [part[:2] for part in new]:
        return f"it gave {_kinds(new)}, recorded is {_kinds(old)}"
    for (_, mime, before), (_, _, after) in zip(old, new, strict=True):
        if not mime.startswith("image/") and (what := _text_difference(before, after, is_loose)):
            return what
    return ""


def _compared(output: Output) -> Iterator[tuple[str, str]]:
    """The richest form alone: plain text beside a table says the same again."""
    yield from list(output.data.items())[:1]


def _kinds(parts: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(mime if kind == "display" else kind for kind, mime, _ in parts) or "nothing"


def _text_difference(before: str, after: str, is_loose: bool) -> str:
    if is_loose:
        return ""
    old_words, new_words = NUMBER.split(before), NUMBER.split(after)
    if [" ".join(word.split()) for word in old_words] != [" ".join(word.split()) for word in new_words]:
        return f"“{_start(after)}”, recorded is “{_start(before)}”"
    for old, new in zip(NUMBER.findall(before), NUMBER.findall(after), strict=True):
        a, b = _value(old), _value(new)
        if abs(a - b) > max(ABSOLUTE, RELATIVE * max(abs(a), abs(b))):
            return f"{new}, recorded is {old}"
    return ""


def _value(text: str) -> float:
    number = float(text.rstrip("%").replace(",", "").replace("−", "-"))
    return number / 100 if text.endswith("%") else number


def _start(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:60]}…"


def _names_that_vary(note: Note) -> set[str]:
    trees = (_tree(cell) for cell in note.cells if "varies" in cell.options)
    nodes = chain.from_iterable(ast.walk(tree) for tree in trees)
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _varies(cell: Cell, names: set[str]) -> bool:
    if "varies" in cell.options:
        return True
    if cell.kind != "inline":
        return False
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(_tree(cell)))


def _tree(cell: Cell) -> ast.AST:
    try:
        return ast.parse(cell.source.strip())
    except SyntaxError:  # a magic: `%timeit`
        return ast.Module([], [])
