"""Cells: what a note's code takes from our modules, through IPython's magics too."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import lru_cache

from vaultsite.fingerprint.canonical import parse
from vaultsite.fingerprint.definitions import Definitions
from vaultsite.fingerprint.modules import Module, Modules
from vaultsite.fingerprint.names import Names
from vaultsite.fingerprint.reading import Reading
from vaultsite.fingerprint.references import References, Step
from vaultsite.fingerprint.scopes import Scope
from vaultsite.fingerprint.tree import Chain, dotted
from vaultsite.model import Symbol

MAGIC = re.compile(r"^\s*(?:%%?|!|\?)\S*(?: -\w+(?: \d+)?)*", re.MULTILINE)
IMPORT_LINE = re.compile(
    r"^[ \t]*((?:from[ \t]+[\w.]+[ \t]+import[ \t]+(?:\([^)]*\)|[^\n;]+))|import[ \t]+[\w., \t]+)",
    re.MULTILINE,
)
DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


class Cells:
    """The first step from a cell. A cell is read as the end of a module without a name: its note so far."""

    def __init__(
        self, modules: Modules, names: Names, definitions: Definitions, references: References
    ) -> None:
        self._modules = modules
        self._names = names
        self._definitions = definitions
        self._references = references

    def step(self, source: str, before: Sequence[str]) -> Step:
        """Return what a cell leads to, given the cells *before* it in its note.

        Raises:
            UnknownSymbol: the cell imports, or takes from one of our modules, a name that is not there.
            VaultError: a file that it reaches is not Python.
        """
        tree, is_pieced = _tree(source)
        if is_pieced:  # `!python -m dlnotes.train`
            tree = ast.Module(body=[*self._imports_of_named(tree), *tree.body], type_ignores=[])
        body = [statement for text in before for statement in _tree(text)[0].body] + tree.body
        note = Module("", "the cell", ast.Module(body=body, type_ignores=[]))
        own = Module("", "the cell", tree)
        reading = Reading(note, tree.body)
        if own.imports:  # a function of an earlier cell may wait for what only this one imports
            for chain, line in Reading(note, body).chains.items():
                if own.stars or (chain[0] in own.bindings and own.bindings[chain[0]].imports):
                    reading.chains.setdefault(chain, line)
        step = Step()
        self._references.link(reading, step)
        for target in own.imports:
            self._references.load(target, step)
        if is_pieced:
            step.notes.append("the cell is no plain Python: read word by word")
        else:
            self._reject_missing(tree, reading, frozenset().union(*map(_written, [*before, source])))
        return step

    def _imports_of_named(self, tree: ast.Module) -> list[ast.stmt]:
        """Return imports of the modules that a cell's words name."""
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        tops = sorted(name for name in names if self._modules.find(name) is not None)
        return parse("\n".join(f"import {top}" for top in tops)).body

    def _reject_missing(self, tree: ast.Module, reading: Reading, written: frozenset[Chain]) -> None:
        """Raise for what a cell takes from our modules that is not there, unless it is ready for that.

        *written* are the attributes that the note has set so far.
        """
        if any(isinstance(node, ast.Try | ast.TryStar) for node in ast.walk(tree)):
            return
        for _, target in Scope(tree.body, "").imports:
            for gone in self._references.load(target, Step()):
                if not self._writes_itself(target.module):
                    raise self._definitions.unknown(Symbol(gone))
        ready_for = reading.optional | written
        for chain in reading.chains:
            if any(chain[: len(ready)] == ready for ready in ready_for):
                continue
            ends = self._names.ends(reading.module, chain)
            for end in ends if all(e.kind == "missing" for e in ends) else ():
                if not self._writes_itself(end.module):
                    raise self._definitions.unknown(Symbol(end.shown))

    def _writes_itself(self, name: str) -> bool:
        """Whether a module may give itself names that no statement of it shows."""
        is_there = self._modules.find(name) is not None
        return is_there and f"{name}:**" in self._references.of(f"{name}:<module>").edges


@lru_cache(maxsize=4096)
def _written(source: str) -> frozenset[Chain]:
    """Return the attributes that a cell sets: ``train.hook = …``."""
    return frozenset(
        chain
        for node in ast.walk(_tree(source)[0])
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and (chain := dotted(node))
    )


@lru_cache(maxsize=4096)
def _tree(source: str) -> tuple[ast.Module, bool]:
    """Return a cell's tree, and whether it was pieced together from words, as with IPython's magics.

    Every later cell of a note asks again; nobody changes the tree.
    """
    try:
        return parse(source), False
    except (SyntaxError, ValueError):
        pass
    body: list[ast.stmt] = []
    text = MAGIC.sub("", source.replace("\0", ""))
    pieces = [match[1].strip() for match in IMPORT_LINE.finditer(text)]
    pieces += dict.fromkeys(DOTTED.findall(IMPORT_LINE.sub("", text)))
    for piece in pieces:
        try:
            body += parse(piece).body
        except SyntaxError:
            continue
    return ast.Module(body=body, type_ignores=[]), True
