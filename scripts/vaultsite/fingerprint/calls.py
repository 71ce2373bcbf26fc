"""Calls: whether what runs while a module is imported may do more than return a value."""

from __future__ import annotations

import ast

from vaultsite.fingerprint.modules import Module, Modules
from vaultsite.fingerprint.names import Names
from vaultsite.fingerprint.objects import Objects
from vaultsite.fingerprint.outside import QUIET_BUILTINS, is_error, sounds_loud
from vaultsite.fingerprint.reading import Readings
from vaultsite.fingerprint.scopes import bound_names
from vaultsite.fingerprint.tree import dotted, unwound


class Calls:
    """What calling a function or defining a class may do: *loud* acts beyond its result, *quiet* does not."""

    def __init__(self, modules: Modules, names: Names, objects: Objects, readings: Readings) -> None:
        self._modules = modules
        self._names = names
        self._objects = objects
        self._readings = readings
        self._quiet: dict[tuple[str, str], bool] = {}

    def is_ours(self, module: Module, function: ast.expr) -> bool:
        """Whether *function* may be one of ours."""
        chain = dotted(function)
        return bool(chain) and any(end.kind != "external" for end in self._names.ends(module, chain))

    def is_loud(self, module: Module, function: ast.expr) -> bool:
        """Whether calling *function* while importing may do more than return a value."""
        attrs, root = unwound(function)
        if isinstance(root, ast.Call):
            return bool(attrs) and sounds_loud(attrs[-1])  # the inner call is judged by itself
        if not isinstance(root, ast.Name):
            return not attrs or sounds_loud(attrs[-1])
        ends = self._names.ends(module, (root.id, *attrs))
        if not ends:
            if attrs:
                return sounds_loud(attrs[-1])
            return root.id not in QUIET_BUILTINS and not is_error(root.id)
        return any(
            sounds_loud(end.module)
            if end.kind == "external"
            else end.kind != "plain" and (end.kind != "unit" or not self.is_quiet(end.module, end.name))
            for end in ends
        )

    def is_quiet(self, module_name: str, name: str) -> bool:
        """Whether nothing that the unit reaches keeps state: no global written, no mutable constant."""
        start = (module_name, name)
        if start not in self._quiet:
            self._quiet[start] = self._reaches_no_state(start)
        return self._quiet[start]

    def _reaches_no_state(self, start: tuple[str, str]) -> bool:
        seen = {start}
        queue = [start]
        while queue:
            module_name, unit = queue.pop()
            module = self._modules.find(module_name)
            assert module is not None
            reading = self._readings.of(module, unit)
            loads = any(self._modules.is_ours(target.loads) for target in reading.loads)
            if reading.writes_globals or reading.wholes or loads or self._objects.is_mutable(module, unit):
                return False
            for end, _, _ in self._names.read_by(reading):
                if end.kind == "unit":
                    if (end.module, end.name) not in seen:
                        seen.add((end.module, end.name))
                        queue.append((end.module, end.name))
                elif end.kind == "external":
                    if sounds_loud(end.module):
                        return False
                elif end.kind != "plain":
                    return False
        return True

    def has_hook(self, module: Module, node: ast.ClassDef, seen: set[str]) -> bool:
        """Whether defining *node* runs code of ours: a metaclass, or ``__init_subclass__`` in a base."""
        if any(k.arg == "metaclass" and self.is_ours(module, k.value) for k in node.keywords):
            return True
        for base in node.bases:
            chain = dotted(base)
            for end in self._names.ends(module, chain) if chain else ():
                home = self._names.home(end)
                if home is None or f"{end.module}:{end.name}" in seen:
                    continue
                seen.add(f"{end.module}:{end.name}")
                for parent in home.statements(end.name):
                    if isinstance(parent, ast.ClassDef) and (
                        "__init_subclass__" in bound_names(*parent.body) or self.has_hook(home, parent, seen)
                    ):
                        return True
        return False
