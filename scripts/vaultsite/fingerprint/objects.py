"""Objects: what a module's names are bound to, who else may hold it, and whether it keeps state."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeAlias

from vaultsite.fingerprint.modules import Module
from vaultsite.fingerprint.names import End, Names
from vaultsite.fingerprint.outside import QUIET_BUILTINS, sounds_loud
from vaultsite.fingerprint.tree import dotted

Value: TypeAlias = ast.stmt | ast.expr | None
"""A definition, or the value of an assignment; None for what is bound in another way."""

CONTAINERS = frozenset({"dict", "list", "set", "bytearray"})


class Objects:
    """What can be said of the objects behind names without running anything."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def values(self, module: Module, name: str) -> list[Value]:
        """Return what *name* is bound to, in order; only None if nothing but imports binds it."""
        binding = module.bindings.get(name)
        if binding is None or binding.is_alias:
            return [None]
        return [_value(statement) for statement in module.statements(name)]

    def is_fresh(self, module: Module, name: str) -> bool:
        """Whether nothing but *name* can hold the object: mutating it is then its own affair."""
        return all(self._is_new(module, value) for value in self.values(module, name))

    def is_defined(self, module: Module, name: str) -> bool:
        """Whether *name* is always a function or a class."""
        return all(isinstance(value, ast.stmt) for value in self.values(module, name))

    def is_class(self, end: End) -> bool:
        """Whether *end* is a class of ours."""
        home = self._names.home(end)
        return home is not None and all(isinstance(v, ast.ClassDef) for v in self.values(home, end.name))

    def is_mutable(self, module: Module, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether *name* may be bound to an object that keeps state."""
        binding = module.bindings.get(name)
        key = f"{module.name}:{name}"
        if binding is None or binding.is_alias or key in seen:
            return False
        values = self.values(module, name)
        for value in list(values):
            if isinstance(value, ast.ClassDef):
                inner = [s.value for s in value.body if isinstance(s, ast.Assign | ast.AnnAssign)]
                values += filter(None, inner)
        return any(self._keeps_state(module, value, seen | {key}) for value in values)

    def mutable_in(self, module: Module, nodes: Sequence[ast.expr]) -> tuple[set[str], bool]:
        """Return the module's own mutable constants that *nodes* hand on, and whether they hand on others."""
        own: set[str] = set()
        others = False
        for node in (n for given in nodes for n in ast.walk(given) if isinstance(n, ast.Name)):
            if self.is_fresh(module, node.id):
                own |= {node.id} if self.is_mutable(module, node.id) else set()
                continue
            for end in self._names.ends(module, (node.id,)):
                home = self._names.home(end)
                others |= end.kind in ("module", "star", "whole") or (
                    home is not None and self.is_mutable(home, end.name)
                )
        return own, others

    def _is_new(self, module: Module, value: Value) -> bool:
        match value:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return True
            case ast.Dict() | ast.List() | ast.Set() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                return True
            case ast.Constant() | ast.Tuple() | ast.JoinedStr():
                return True
            case ast.Call(func=function) if chain := dotted(function):
                ends = self._names.ends(module, chain)
                if not ends:
                    return len(chain) == 1 and chain[0] in CONTAINERS
                return all(
                    end.module.startswith("collections.") if end.kind == "external" else self.is_class(end)
                    for end in ends
                )
        return False

    def _keeps_state(self, module: Module, value: Value, seen: frozenset[str]) -> bool:
        match value:
            case None | ast.Subscript() | ast.IfExp() | ast.BoolOp() | ast.NamedExpr():
                return True
            case ast.Name() | ast.Attribute():
                chain = dotted(value)
                ends = self._names.ends(module, chain) if chain else ()
                return not chain or any(self._leads_to_state(end, len(chain) > 1, seen) for end in ends)
            case ast.Dict() | ast.List() | ast.Set() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                return True
            case ast.expr():
                return any(
                    self._may_return_state(module, call.func)
                    for call in ast.walk(value)
                    if isinstance(call, ast.Call)
                )
        return False

    def _leads_to_state(self, end: End, is_attribute: bool, seen: frozenset[str]) -> bool:
        home = self._names.home(end)
        if home is None:
            return end.kind in ("module", "star", "whole")
        return (is_attribute and not self.is_class(end)) or self.is_mutable(home, end.name, seen)

    def _may_return_state(self, module: Module, function: ast.expr) -> bool:
        chain = dotted(function)
        if not chain:
            return False
        ends = self._names.ends(module, chain)
        if not ends:
            return chain[0] not in QUIET_BUILTINS - CONTAINERS
        return any(end.kind != "external" or sounds_loud(end.module) for end in ends)


def _value(statement: ast.stmt) -> Value:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement
        case ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(value=value):
            return value
        case ast.AugAssign():
            return ast.List(elts=[], ctx=ast.Load())
    return None
