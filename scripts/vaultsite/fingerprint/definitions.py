"""Definitions: from a symbol to the statements that define it, a member's in its class or our own bases."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vaultsite.fingerprint.modules import Module, Modules
from vaultsite.fingerprint.names import Names
from vaultsite.fingerprint.scopes import bound_names
from vaultsite.fingerprint.tree import classes, dotted
from vaultsite.model import Symbol


class UnknownSymbol(LookupError):  # noqa: N818 - the verdict's name, as BrokenLink is
    """No module of the code root defines *symbol*; ``near`` lists close names."""

    def __init__(self, symbol: Symbol, near: tuple[str, ...] = ()) -> None:
        super().__init__(f"unknown symbol {symbol}" + (f"; near: {', '.join(near)}" if near else ""))
        self.symbol = symbol
        self.near = near


@dataclass(frozen=True)
class Definition:
    """Where a symbol is defined: *symbol* is its name there, *nodes* all statements that bind it."""

    symbol: Symbol
    module: str
    path: str
    source: str
    nodes: tuple[ast.stmt, ...]


class _Member(NamedTuple):
    """What defines a member: statements of *module*, in the classes *owner* (``Outer.Inner``)."""

    module: Module
    nodes: tuple[ast.stmt, ...]
    owner: str


class Definitions:
    """The definitions of all that can be named."""

    def __init__(self, modules: Modules, names: Names) -> None:
        self._modules = modules
        self._names = names

    def of(self, symbol: Symbol) -> Definition:
        """Return where ``mod``, ``mod:Name`` or ``mod:Class.member`` is defined, re-exports followed.

        Raises:
            UnknownSymbol: nothing in the code root defines it.
        """
        module_name, colon, qualified = symbol.partition(":")
        module = self.module(module_name, symbol)
        if not colon:
            return Definition(symbol, module.name, module.path, module.source, tuple(module.body))
        head, *members = qualified.split(".")
        for end in self._names.ends_in(module_name, (head,)):
            if end.kind == "module" and not members:
                return self.of(Symbol(end.module))
            if (home := self._names.home(end)) is None:
                continue
            found = self._member(home, home.statements(end.name), members)
            if found is not None:
                home, nodes, owner = found
                name = ".".join([owner or end.name, *members[-1:]]) if members else end.name
                return Definition(Symbol(f"{home.name}:{name}"), home.name, home.path, home.source, nodes)
        raise self.unknown(symbol)

    def module(self, name: str, symbol: Symbol) -> Module:
        """Return the module that *symbol* asks for.

        Raises:
            UnknownSymbol: there is none.
        """
        module = self._modules.find(name)
        if module is None:
            raise self.unknown(symbol)
        return module

    def unknown(self, symbol: Symbol) -> UnknownSymbol:
        """Return the error that says what is near to a symbol that is not there."""
        names: list[str] = [*self._modules.names(), *self._modules.symbols()]
        module = self._modules.find(symbol.partition(":")[0])
        if module is not None:
            names += (f"{module.name}:{name}" for name, b in module.bindings.items() if b.is_alias)
            for name in module.bindings:
                for node in module.statements(name):
                    if isinstance(node, ast.ClassDef):
                        names += (f"{module.name}:{name}.{m}" for m in bound_names(*node.body))
        bare = symbol.rpartition(":")[2]
        same = sorted(n for n in names if bare and n.rpartition(":")[2] == bare)
        close = difflib.get_close_matches(symbol, names, n=3)
        return UnknownSymbol(symbol, tuple(dict.fromkeys([*close, *same]))[:3])

    def _member(self, module: Module, nodes: tuple[ast.stmt, ...], members: Sequence[str]) -> _Member | None:
        """Return what defines the last member of ``A.b.c``, through nested classes and our own bases."""
        if not members:
            return _Member(module, nodes, "")
        for node in classes(nodes):
            own = tuple(s for s in node.body if members[0] in bound_names(s))
            if own:
                found = self._member(module, own, members[1:])
                return found and found._replace(owner=".".join(filter(None, [node.name, found.owner])))
            for base in node.bases:
                chain = dotted(base)
                for end in self._names.ends(module, chain) if chain else ():
                    home = self._names.home(end)
                    if home is None or (home is module and end.name == node.name):
                        continue
                    if (found := self._member(home, home.statements(end.name), members)) is not None:
                        return found
        return None
