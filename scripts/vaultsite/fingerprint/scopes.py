"""What a block of code binds, and what its import statements stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Import(NamedTuple):
    """What an imported name stands for: *attr* of *module*, or the module itself; *loads* runs for it."""

    module: str
    attr: str
    loads: str

    def __str__(self) -> str:  # enters hashes: as it was first written down, whatever the class is called
        return f"_Import(module={self.module!r}, attr={self.attr!r}, loads={self.loads!r})"

    @property
    def submodule(self) -> str:
        """The module that ``from module import attr`` runs as well, if there is one of that name."""
        return f"{self.module}.{self.attr}"


class Scope:
    """The names that a block binds, without those of the blocks within it.

    *package* is what relative imports start from; *outer* are the names that it declares global or nonlocal.
    """

    def __init__(self, nodes: Iterable[ast.AST], package: str, is_class: bool = False) -> None:
        self.is_class = is_class
        self.names: set[str] = set()
        self.imports: list[tuple[str, Import]] = []
        self.outer: set[str] = set()
        stack: list[ast.AST] = list(nodes)
        while stack:
            node = stack.pop()
            match node:
                case ast.Name():
                    if not isinstance(node.ctx, ast.Load):
                        self.names.add(node.id)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    self.names.add(node.name)
                    stack += node.decorator_list
                case ast.Lambda() | ast.Constant():
                    pass
                case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                    self.names |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
                case ast.Import() | ast.ImportFrom():
                    self.imports += reversed([*imports(node, package)])
                case ast.Global() | ast.Nonlocal():
                    self.outer.update(node.names)
                case _:
                    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                        self.names.add(node.name)
                    elif isinstance(node, ast.MatchMapping) and node.rest:
                        self.names.add(node.rest)
                    stack += ast.iter_child_nodes(node)
        self.imports.reverse()  # the stack took the last statement first
        self.imported = {name for name, _ in self.imports}
        self.names -= self.outer
        self.imported -= self.outer


def bound_names(*nodes: ast.AST) -> set[str]:
    """Return the names that *nodes* bind otherwise than by importing."""
    return Scope(nodes, "").names


def imports(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Import]]:
    """Yield each name that an import statement binds with what it stands for; ``*`` for ``import *``."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            if alias.asname:
                yield alias.asname, Import(alias.name, "", alias.name)
            else:
                top = alias.name.partition(".")[0]
                yield top, Import(top, "", alias.name)
            continue
        base = node.module or ""
        if node.level:
            parents = package.split(".")
            parents = parents[: len(parents) - node.level + 1]
            base = ".".join(filter(None, [*parents, base]))
        yield alias.asname or alias.name, Import(base, alias.name, base)
