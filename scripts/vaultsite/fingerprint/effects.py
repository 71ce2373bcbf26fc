"""Effects: what importing a module does beyond giving it names."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from vaultsite.fingerprint.calls import Calls
from vaultsite.fingerprint.modules import Module, Modules
from vaultsite.fingerprint.objects import Objects
from vaultsite.fingerprint.scopes import Import, Scope, bound_names
from vaultsite.fingerprint.tree import SIMPLE, Function, called, defaults, root_name

READING_METHODS = frozenset({"items", "keys", "values", "get", "copy", "index", "count", "format", "join"})


@dataclass
class ModuleEffects:
    """What importing a module does: *statements* beyond binding names, *names* whose definition does more.

    *mutators* are the statements that change what a name of the module holds, by that name.
    """

    statements: list[int] = field(default_factory=list)
    names: list[tuple[int, str]] = field(default_factory=list)
    mutators: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class Effect:
    """What a statement does: the module's names that it mutates, whether it acts beyond them, or may."""

    mutated: set[str] = field(default_factory=set)
    is_outward: bool = False
    is_loud: bool = False


class Effects:
    """What importing does, judged once a module."""

    def __init__(self, modules: Modules, objects: Objects, calls: Calls) -> None:
        self._modules = modules
        self._objects = objects
        self._calls = calls
        self._effects: dict[str, ModuleEffects] = {}
        self._happenings: dict[str, list[int]] = {}
        self._effectful: dict[str, bool] = {}

    def of(self, module: Module) -> ModuleEffects:
        """Return what importing *module* does, without what its imports do."""
        if module.name in self._effects:
            return self._effects[module.name]
        effects = ModuleEffects()
        for index, statement in enumerate(module.body):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                continue
            effect = self._effect_of_statement(module, statement)
            bound = bound_names(statement)
            is_simple = isinstance(statement, SIMPLE)
            if effect.is_outward or (effect.is_loud and not (is_simple and bound)):
                effects.statements.append(index)
            elif effect.is_loud:
                effects.names += ((index, name) for name in sorted(bound))
            for name in effect.mutated - bound:
                effects.mutators.setdefault(name, []).append(index)
        self._effects[module.name] = effects
        return effects

    def happened(self, module: Module, index: int) -> int:
        """Return how much that acts on other modules, or may, the module has run before a statement."""
        if module.name not in self._happenings:
            effects = self.of(module)
            indices = {*effects.statements, *(i for i, _ in effects.names)}
            for i, statement in enumerate(module.body):
                if any(self.is_effectful(t) for _, t in Scope([statement], module.package).imports):
                    indices.add(i)
            self._happenings[module.name] = sorted(indices)
        return sum(i < index for i in self._happenings[module.name])

    def is_effectful(self, target: Import) -> bool:
        """Whether importing *target* runs more than definitions, in any module that it loads."""
        seen: set[str] = set()
        queue = [target.loads, target.submodule]
        while queue:
            name = queue.pop()
            if name in seen or self._effectful.get(name) is False:
                continue
            seen.add(name)
            module = self._modules.find(name) if self._modules.is_ours(name) else None
            if module is None:
                continue
            effects = self.of(module)
            if effects.statements or effects.names or self._effectful.get(name):
                self._effectful[name] = True
                return True
            queue.append(name.rpartition(".")[0])
            queue += (part for t in module.imports for part in (t.loads, t.submodule))
        self._effectful.update(dict.fromkeys(seen, False))
        return False

    def _effect_of_statement(self, module: Module, statement: ast.stmt) -> Effect:
        if not isinstance(statement, Function | ast.ClassDef):
            return self._effect_of_body(module, [statement])
        inner: list[ast.AST]
        if isinstance(statement, ast.ClassDef):
            inner = [*statement.bases, *statement.body]
        else:
            inner = [*defaults(statement.args)]
        effect = self._effect_of_body(module, [*inner, *statement.decorator_list])
        effect.is_loud |= effect.is_outward  # it binds its name all the same
        effect.is_outward = False
        if isinstance(statement, ast.ClassDef):
            effect.is_loud |= self._calls.has_hook(module, statement, set())
        for decorator in statement.decorator_list:
            match function := called(decorator):
                case ast.Attribute(value=ast.Name(id=owner)) if self._objects.is_fresh(module, owner):
                    effect.mutated.add(owner)  # @area.register
                case _:
                    effect.is_loud |= self._calls.is_loud(module, function)
        return effect

    def _effect_of_body(self, module: Module, body: Sequence[ast.AST]) -> Effect:
        """Return what running *body* does, function bodies left out: they run when they are called."""
        effect = Effect()
        stack: list[ast.AST] = list(body)
        while stack:
            node = stack.pop()
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    for decorator in node.decorator_list:
                        effect.is_loud |= self._calls.is_loud(module, called(decorator))
                    stack += [*node.decorator_list, *defaults(node.args)]
                    continue
                case ast.Lambda():
                    stack += defaults(node.args)
                    continue
                case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                    if not isinstance(node.ctx, ast.Load):
                        effect.mutated.add(root_name(node))
                        is_own = isinstance(inner, ast.Name) and self._objects.is_fresh(module, inner.id)
                        effect.is_outward |= not is_own
                case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))) if (
                    self._objects.is_fresh(module, name)
                ):
                    pass  # judged with the call itself
                case ast.Expr(value=value) if not isinstance(value, ast.Constant | ast.Name):
                    effect.is_outward = True
                case ast.Raise() | ast.Assert():
                    effect.is_outward = True
                case ast.Call():
                    self._add_call(module, node, effect)
            stack += ast.iter_child_nodes(node)
        effect.mutated.intersection_update(module.bindings)
        return effect

    def _add_call(self, module: Module, node: ast.Call, effect: Effect) -> None:
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr=method) if self._objects.is_fresh(module, name):
                if self._objects.is_defined(module, name):
                    is_reading = self._calls.is_quiet(module.name, name)
                else:
                    is_reading = method in READING_METHODS
                if not is_reading:
                    effect.mutated.add(name)
                return
        effect.is_loud |= self._calls.is_loud(module, node.func)
        if self._calls.is_ours(module, node.func):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            own, others = self._objects.mutable_in(module, given)
            effect.mutated |= own
            effect.is_loud |= others
