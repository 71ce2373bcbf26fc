"""From a symbol to the lines that define it, and to the tests that reach it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from vaultsite.fingerprint import CodeBase, Definition
from vaultsite.model import Symbol

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Snippet:
    """The source of a symbol. *symbol* is its name where it is defined, *path* is seen from the code root.

    Lines count from 1, the last included. *source* is dedented and holds decorators and, for a constant, the
    comment lines right above it and the docstring right below it.
    """

    symbol: Symbol
    path: str
    first_line: int
    last_line: int
    source: str


@dataclass(frozen=True, slots=True, order=True)
class TestRef:
    """A test, at a place that an editor can open; *path* is seen from the code root's parent."""

    __test__ = False  # pytest: this is no test class

    path: str
    line: int
    name: str


def snippet(codebase: CodeBase, symbol: Symbol) -> Snippet:
    """Return the source of ``mod``, ``mod:Name``, ``mod:CONSTANT`` or ``mod:Class.member``.

    Raises:
        UnknownSymbol: nothing in the code root defines it.
        VaultError: the module is not Python.
    """
    found = codebase.definition(symbol)
    lines = found.source.split("\n")
    if ":" not in found.symbol:
        text = found.source.strip("\n")
        first = next((n for n, line in enumerate(lines, 1) if line.strip()), 1)
        return Snippet(found.symbol, found.path, first, first + text.count("\n"), text)
    node = next((n for n in found.nodes if not _is_overload(n)), found.nodes[0])
    first, last = node.lineno, node.end_lineno or node.lineno
    if isinstance(node, Function | ast.ClassDef):
        first = min([first, *(decorator.lineno for decorator in node.decorator_list)])
    else:
        while first > 1 and lines[first - 2].lstrip().startswith("#"):
            first -= 1
        last = _docstring_below(found, node) or last
    margin = lines[node.lineno - 1][: node.col_offset]
    source = "\n".join(line.removeprefix(margin) for line in lines[first - 1 : last])
    return Snippet(found.symbol, found.path, first, last, source)


def tests_reaching(
    tests_root: Path, codebase: CodeBase, symbols: Collection[Symbol]
) -> Mapping[Symbol, tuple[TestRef, ...]]:
    """Return the tests whose code, fixtures included, reaches each of *symbols*, a method as its class.

    Raises:
        UnknownSymbol: the code root does not define one of them.
        VaultError: a file is not Python.
    """
    targets: dict[Symbol, Symbol] = {}
    for symbol in symbols:
        module, colon, name = codebase.definition(symbol).symbol.partition(":")
        targets[symbol] = Symbol(module + colon + name.partition(".")[0])
    found: dict[Symbol, list[TestRef]] = {symbol: [] for symbol in targets}
    for ref, reached in _tests(tests_root, codebase):
        modules = {symbol.partition(":")[0] for symbol in reached}
        for symbol, target in targets.items():
            if target in (reached if ":" in target else modules):
                found[symbol].append(ref)
    return {symbol: tuple(sorted(refs)) for symbol, refs in found.items()}


def _tests(root: Path, codebase: CodeBase) -> Iterator[tuple[TestRef, set[Symbol]]]:
    seen_from = codebase.root.parent if root.is_relative_to(codebase.root.parent) else root.parent
    trees: dict[Path, tuple[str, str, ast.Module]] = {}
    for path in sorted(root.rglob("*.py")):
        name = ".".join(("tests", *path.relative_to(root).with_suffix("").parts))
        shown = path.relative_to(seen_from).as_posix()
        trees[path] = (name, shown, codebase.adopt(path, name, shown))
    for path, (name, shown, tree) in trees.items():
        if not path.name.startswith("test_"):
            continue
        fixtures: dict[str, tuple[str, Function]] = {}
        homes = [folder / "conftest.py" for folder in reversed(path.parents) if folder.is_relative_to(root)]
        for home in [*(h for h in homes if h in trees), path]:
            for node in ast.walk(trees[home][2]):
                if isinstance(node, Function) and _fixture(node):
                    fixtures[node.name] = (trees[home][0], node)
        for prefix, around, test in _test_functions(tree):
            reached = set(codebase.closure_within(name, [*around, test]).symbols)
            for fixture_module, fixture in _used_fixtures([*around, test], fixtures):
                reached |= set(codebase.closure_within(fixture_module, [fixture]).symbols)
            yield TestRef(shown, test.lineno, prefix + test.name), reached


def _test_functions(
    tree: ast.Module,
) -> Iterator[tuple[str, list[ast.AST], Function]]:
    """Yield each test with its class's name and what else of its class it may use."""
    for test in _tests_in(tree.body):
        yield "", [], test
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            methods = _tests_in(node.body)
            around = [*node.decorator_list, *node.bases, *(s for s in node.body if s not in methods)]
            for method in methods:
                yield f"{node.name}.", around, method


def _used_fixtures(
    nodes: Sequence[ast.AST], fixtures: Mapping[str, tuple[str, Function]]
) -> list[tuple[str, Function]]:
    queue = [*nodes, *(f for _, f in fixtures.values() if _is_autouse(f))]
    used: dict[str, tuple[str, Function]] = {
        f.name: (module, f) for module, f in fixtures.values() if _is_autouse(f)
    }
    while queue:
        for node in ast.walk(queue.pop()):
            # a parameter; or a name in `usefixtures("net")`, `request.getfixturevalue("net")`
            name = node.arg if isinstance(node, ast.arg) else getattr(node, "value", None)
            if isinstance(name, str) and name in fixtures and name not in used:
                used[name] = fixtures[name]
                queue.append(fixtures[name][1])
    return list(used.values())


def _tests_in(body: Sequence[ast.stmt]) -> list[Function]:
    return [s for s in body if isinstance(s, Function) and s.name.startswith("test")]


def _fixture(node: Function) -> ast.expr | None:
    for decorator in node.decorator_list:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (
            function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        ) == "fixture":
            return decorator
    return None


def _is_autouse(node: Function) -> bool:
    decorator = _fixture(node)
    return isinstance(decorator, ast.Call) and any(k.arg == "autouse" for k in decorator.keywords)


def _is_overload(node: ast.stmt) -> bool:
    return isinstance(node, Function) and any(
        ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list
    )


def _docstring_below(found: Definition, node: ast.stmt) -> int | None:
    """Return the last line of the string that stands right below a constant, if one does."""
    for parent in ast.walk(ast.parse(found.source)):
        body = getattr(parent, "body", None)
        for here, below in pairwise(body if isinstance(body, list) else ()):
            if here.lineno == node.lineno and here.col_offset == node.col_offset:
                is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                if is_text and isinstance(below.value.value, str):
                    return below.end_lineno if below.lineno == (node.end_lineno or 0) + 1 else None
    return None
