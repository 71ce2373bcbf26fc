"""The code base: the packages below a root, and what any symbol, cell or piece of them reaches."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from vaultsite.fingerprint.calls import Calls
from vaultsite.fingerprint.cells import Cells
from vaultsite.fingerprint.closure import Closure, close
from vaultsite.fingerprint.definitions import Definition, Definitions
from vaultsite.fingerprint.effects import Effects
from vaultsite.fingerprint.files import DataFiles
from vaultsite.fingerprint.modules import Modules
from vaultsite.fingerprint.names import Names
from vaultsite.fingerprint.objects import Objects
from vaultsite.fingerprint.order import Order
from vaultsite.fingerprint.reading import Reading, Readings
from vaultsite.fingerprint.references import References, Step
from vaultsite.model import Symbol


class CodeBase:
    """The packages below *root*, read lazily and each module once. Edits after that are not seen."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules = modules = Modules(root)
        names = Names(modules)
        readings = Readings()
        objects = Objects(names)
        calls = Calls(modules, names, objects, readings)
        effects = Effects(modules, objects, calls)
        order = Order(names, readings, effects)
        self._definitions = Definitions(modules, names)
        self._references = References(modules, names, readings, effects, order)
        self._cells = Cells(modules, names, self._definitions, self._references)
        self._files = DataFiles(modules)

    def modules(self) -> tuple[str, ...]:
        """Return the names of all modules, sorted."""
        return self._modules.names()

    def symbols(self) -> tuple[Symbol, ...]:
        """Return every function, class and constant that a module defines at its top level, sorted."""
        return self._modules.symbols()

    def definition(self, symbol: Symbol) -> Definition:
        """Return where ``mod``, ``mod:Name`` or ``mod:Class.member`` is defined, re-exports followed.

        Raises:
            UnknownSymbol: nothing in the code root defines it.
        """
        return self._definitions.of(symbol)

    def hash(self, symbol: Symbol) -> str:
        """Return the hash of all that *symbol* reaches."""
        return self.closure(symbol).hash

    def closure(self, symbol: Symbol) -> Closure:
        """Return what *symbol* reaches, itself included. A method reaches its whole class.

        Raises:
            UnknownSymbol: the code root does not define it.
            VaultError: a file that it reaches is not Python.
        """
        where = self.definition(symbol)  # also raises for a class without such a member
        module_name, _, qualified = symbol.partition(":")
        if not qualified:
            return self._close(Step(edges={f"{where.module}:**"}))
        reading = Reading(self._definitions.module(module_name, symbol), [])
        reading.chains[(qualified.partition(".")[0],)] = 1
        return self._close_reading(reading)

    def closure_within(self, module_name: str, nodes: Sequence[ast.AST]) -> Closure:
        """Return what some *nodes* of a module reach: a part of a class, say.

        Raises:
            UnknownSymbol: there is no such module.
            VaultError: a file that they reach is not Python.
        """
        module = self._definitions.module(module_name, Symbol(module_name))
        return self._close_reading(Reading(module, nodes))

    def closure_of_source(self, source: str, before: Sequence[str] = ()) -> Closure:
        """Return what a cell reaches, given the cells *before* it in its note.

        Names that earlier cells import are known; what earlier cells reach is theirs to say, and a change
        there makes this cell run again anyhow.

        Raises:
            UnknownSymbol: the cell imports, or takes from one of our modules, a name that is not there.
            VaultError: a file that it reaches is not Python.
        """
        closure = self._close(self._cells.step(source, before))
        return Closure({s: h for s, h in closure.symbols.items() if not s.startswith(":")}, closure.notes)

    def adopt(self, path: Path, name: str, shown: str) -> ast.Module:
        """Read a file outside of the root as the module *name*, so that its symbols have closures, too.

        *shown* is its path in messages.

        Raises:
            VaultError: it is not Python.
        """
        return self._modules.adopt(path, name, shown)

    def _close_reading(self, reading: Reading) -> Closure:
        start = Step(edges={f"{reading.module.name}:<module>"})
        self._references.link(reading, start)
        return self._close(start)

    def _close(self, start: Step) -> Closure:
        return close(start, self._references, self._modules, self._files)
