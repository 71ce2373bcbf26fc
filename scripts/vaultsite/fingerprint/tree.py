"""What to read off a syntax tree without knowing where it stands: dotted names, decorators, defaults."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Chain: TypeAlias = tuple[str, ...]
"""``train.fit.cache`` as ``("train", "fit", "cache")``."""

SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
"""Statements that do nothing but bind names, with what they evaluate for that."""


def unwound(node: ast.expr) -> tuple[Chain, ast.expr]:
    """Return the attributes that *node* takes, outermost last, and what it takes them of."""
    attrs: list[str] = []
    while isinstance(node, ast.Attribute):
        attrs.append(node.attr)
        node = node.value
    return tuple(reversed(attrs)), node


def dotted(node: ast.expr) -> Chain:
    """Return the chain that *node* is; nothing if it does not start with a name: ``f().x``."""
    attrs, root = unwound(node)
    return (root.id, *attrs) if isinstance(root, ast.Name) else ()


def last_word(node: ast.expr) -> str:
    """Return ``wraps`` for ``functools.wraps``."""
    attrs, root = unwound(node)
    return attrs[-1] if attrs else root.id if isinstance(root, ast.Name) else ""


def root_name(node: ast.AST) -> str:
    """Return ``MODELS`` for ``MODELS[key].count``, nothing where no name stands at the root."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def called(decorator: ast.expr) -> ast.expr:
    """Return a decorator without its arguments."""
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def defaults(args: ast.arguments) -> list[ast.expr]:
    """Return the defaults of a function's parameters: they are read where it is defined."""
    return [*args.defaults, *filter(None, args.kw_defaults)]


def parameters(args: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a function, ``*args`` and ``**kwargs`` last."""
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, [args.vararg, args.kwarg])]


def classes(nodes: Iterable[ast.stmt]) -> Iterator[ast.ClassDef]:
    """Yield the classes that *nodes* may define, under conditions too."""
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield node
        elif not isinstance(node, Function):
            yield from (n for n in ast.walk(node) if isinstance(n, ast.ClassDef))
