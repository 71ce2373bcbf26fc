"""Order: what a module has done before a statement runs, where the statement can see it."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from vaultsite.fingerprint.effects import Effects
from vaultsite.fingerprint.modules import Module
from vaultsite.fingerprint.names import DUNDER, End, Names
from vaultsite.fingerprint.outside import BUILTINS, is_error
from vaultsite.fingerprint.reading import Readings
from vaultsite.fingerprint.scopes import Scope, bound_names
from vaultsite.fingerprint.tree import SIMPLE, Chain, Function, defaults, dotted, parameters


class Order:
    """Before and after, within one module."""

    def __init__(self, names: Names, readings: Readings, effects: Effects) -> None:
        self._names = names
        self._readings = readings
        self._effects = effects
        self._evaluated: dict[tuple[str, int], set[Chain]] = {}

    def before(self, module: Module, index: int, name: str) -> str:
        """Return what has happened before a statement of *name* runs, as far as it can see it."""
        statement = module.body[index]
        if isinstance(statement, Function) and not statement.decorator_list and not statement.args.defaults:
            return ""
        mutators = self._effects.of(module).mutators
        chains = self._evaluated_by(module, index)
        seen = [f"{self._effects.happened(module, index)} effects"] if chains else []
        at_once = {chain[0] for chain in chains}
        later = self._read_when_called(module, at_once)
        for other in sorted((at_once | later) - {name}):
            if other in module.bindings:
                steps = {*module.bindings[other].statements, *mutators.get(other, [])}
                before = sum(i < index for i in steps)
                is_shadow = other in at_once or other in BUILTINS or self._names.stars(module, other)
                if len(steps) > 1 or (not before and is_shadow):
                    seen.append(f"{other} {before}")
        return ", ".join(seen)

    def imported(self, module: Module, name: str) -> tuple[End, ...]:
        """Return what the module's own import gives it under *name*, and when."""
        # `from x import y` takes y as it is then, perhaps before another module sets it
        happened = self._effects.happened(module, max(module.bindings[name].statements))
        when = (End("plain", f"after {happened}"),) if happened else ()
        return (*self._names.finals(module, name), *when)

    def taken(self, module: Module, name: str) -> tuple[End, ...]:
        """Return when ``import *`` gives the module a name: after what else binds it and has happened."""
        binding = module.bindings.get(name)
        others = binding.statements if binding else []
        return tuple(
            End("star", star, f"after {sum(i < at for i in others)}, {self._effects.happened(module, at)}")
            for at, star in self._names.stars(module, name)
        )

    def not_there(self, module: Module, index: int) -> list[str]:
        """Return the names that a statement reads though they are not there, or not yet: importing fails."""
        gone = []
        for chain in sorted(self._evaluated_by(module, index)):
            head = chain[0]
            binding = module.bindings.get(head)
            first = [min(binding.statements)] if binding is not None else []
            first += (at for at, _ in self._names.stars(module, head))
            is_own = first and min(first) == index and isinstance(module.body[index], SIMPLE)
            if first and (min(first) > index or is_own):
                gone.append(f"{head} too early")
            ends = self._names.ends(module, chain)
            if not ends and not (head in BUILTINS or is_error(head) or DUNDER.fullmatch(head)):
                gone.append(f"no {head}")
            elif ends and all(end.kind == "missing" for end in ends):
                gone += (f"no {end.shown}" for end in ends)
        return gone

    def _read_when_called(self, module: Module, names: Iterable[str]) -> set[str]:
        """Return the module's names that its own functions read, if those in *names* are called."""
        seen: set[str] = set()
        queue = list(names)
        while queue:
            name = queue.pop()
            if name not in seen and name in module.bindings:
                seen.add(name)
                queue += (chain[0] for chain in self._readings.of(module, name).chains)
        return seen

    def _evaluated_by(self, module: Module, index: int) -> set[Chain]:
        key = (module.name, index)
        if key not in self._evaluated:
            statement = module.body[index]
            self._evaluated[key] = _evaluated(statement, not module.has_future_annotations)
        return self._evaluated[key]


def _evaluated(statement: ast.stmt, with_annotations: bool) -> set[Chain]:
    """Return what *statement* reads at once, not in function bodies."""
    chains: set[Chain] = set()
    local: set[str] = set()  # names of class bodies and comprehensions
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                local.update(getattr(p, "name", "") for p in getattr(node, "type_params", ()))
                stack += [*node.decorator_list, *defaults(node.args)]
                if with_annotations:
                    annotations = [parameter.annotation for parameter in parameters(node.args)]
                    stack += filter(None, [*annotations, node.returns])
                if node is not statement:
                    local.add(node.name)
                continue
            case ast.Lambda():
                stack += defaults(node.args)
                continue
            case ast.AnnAssign() if not with_annotations:
                stack += filter(None, [node.target, node.value])
                continue
            case ast.Attribute() | ast.Name() if isinstance(node.ctx, ast.Load):
                if chain := dotted(node):
                    chains.add(chain)
                    continue
            case ast.ClassDef():
                scope = Scope(node.body, "")
                local |= scope.names | scope.imported
                local.update(getattr(p, "name", "") for p in getattr(node, "type_params", ()))
            case ast.Name():
                local.add(node.id)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                local.add(node.name or "")
            case ast.MatchMapping():
                local.add(node.rest or "")
        stack += ast.iter_child_nodes(node)
    bound = bound_names(statement)
    return {chain for chain in chains if chain[0] not in local or chain[0] in bound}
