"""Modules: files of the code root, each parsed once, with what their top-level names are bound by."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vaultsite.fingerprint.canonical import canonical, parse
from vaultsite.fingerprint.scopes import Import, Scope
from vaultsite.model import Problem, Symbol, VaultError


@dataclass
class Binding:
    """What a top-level name of a module is bound by: indices of statements, and imports among them."""

    statements: list[int] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    is_alias: bool = True


class Module:
    """One parsed file, or a folder without ``__init__.py``, or a note's cells (whose name is empty).

    *body* is what importing runs, *script* what runs only when it is the main program; *stars* are the
    ``import *`` with their statements' indices, *imports* all others too, those of class bodies included.
    """

    def __init__(self, name: str, path: str, tree: ast.Module, source: str = "", is_package: bool = False):
        self.name = name
        self.path = path
        self.source = source
        self.is_package = is_package
        self.package = name if is_package else name.rpartition(".")[0]
        self.script: list[ast.stmt] = []
        self.body = list(_run_on_import(tree.body, self.script))
        self.has_future_annotations = any(
            isinstance(s, ast.ImportFrom)
            and s.module == "__future__"
            and any(alias.name == "annotations" for alias in s.names)
            for s in self.body
        )
        self.bindings: dict[str, Binding] = {}
        self.stars: list[tuple[int, str]] = []
        self.imports: list[Import] = []
        for index, statement in enumerate(self.body):
            scope = Scope([statement], self.package)
            self.imports += (target for _, target in scope.imports)
            if isinstance(statement, ast.ClassDef):
                self.imports += (target for _, target in Scope(statement.body, self.package).imports)
            self.stars += ((index, target.module) for name, target in scope.imports if name == "*")
            is_import = isinstance(statement, ast.Import | ast.ImportFrom)
            for bound in sorted(scope.names | scope.imported):
                binding = self.bindings.setdefault(bound, Binding())
                binding.statements.append(index)
                binding.imports += (t for n, t in scope.imports if n == bound and t.attr != "*")
                binding.is_alias &= is_import
        self.bindings.pop("*", None)
        self._canonicals: dict[int, str] = {}

    @property
    def folder(self) -> str:
        is_bare_folder = self.is_package and not self.path.endswith(".py")
        return self.path if is_bare_folder else self.path.rpartition("/")[0]

    def statements(self, name: str) -> tuple[ast.stmt, ...]:
        """Return all statements that bind *name*, in their order."""
        return tuple(self.body[index] for index in self.bindings[name].statements)

    def canonical(self, index: int) -> str:
        """Return the canonical form of a statement."""
        if index not in self._canonicals:
            self._canonicals[index] = canonical(self.body[index])
        return self._canonicals[index]


class Modules:
    """All modules below *root*, read when they are asked for. Edits after that are not seen."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, Module | None] = {}
        self._names: tuple[str, ...] | None = None

    def find(self, name: str) -> Module | None:
        """Return the module of that name, if there is one.

        Raises:
            VaultError: it is not Python.
        """
        if name not in self._modules:
            self._modules[name] = self._load(name)
        return self._modules[name]

    def is_ours(self, name: str) -> bool:
        """Whether a module of that name can only be in the code root."""
        return self.find(name.partition(".")[0]) is not None

    def adopt(self, path: Path, name: str, shown: str) -> ast.Module:
        """Read a file outside of the root as the module *name*; *shown* is its path in messages.

        Raises:
            VaultError: it is not Python.
        """
        tree, source = _read(path, shown)
        self._modules[name] = Module(name, shown, tree, source)
        return tree

    def names(self) -> tuple[str, ...]:
        """Return the names of all modules, sorted."""
        if self._names is None:
            names = set()
            for path in self.files():
                if path.suffix == ".py":
                    parts = path.relative_to(self.root).with_suffix("").parts
                    names.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
            self._names = tuple(sorted(filter(_is_importable, names)))
        return self._names

    def symbols(self) -> tuple[Symbol, ...]:
        """Return every function, class and constant that a module defines at its top level, sorted."""
        found = []
        for name in self.names():
            module = self.find(name)
            assert module is not None
            found += [Symbol(f"{name}:{n}") for n, b in module.bindings.items() if not b.is_alias]
        return tuple(sorted(found))

    def files(self) -> Iterator[Path]:
        """Yield every file below the root, data too, but what is hidden or made by Python itself."""
        stack = [self.root]
        while stack:
            for path in sorted(stack.pop().iterdir()):
                if path.name.startswith(".") or path.name == "__pycache__" or path.suffix == ".egg-info":
                    continue
                if path.is_dir():
                    stack.append(path)
                elif path.suffix not in (".pyc", ".pyo"):
                    yield path

    def _load(self, name: str) -> Module | None:
        if not _is_importable(name):
            return None
        base = self.root.joinpath(*name.split("."))
        init, file = base / "__init__.py", base.with_name(f"{base.name}.py")
        for path in (init, file):
            if path.is_file():
                shown = path.relative_to(self.root).as_posix()
                tree, source = _read(path, f"{self.root.name}/{shown}")
                return Module(name, shown, tree, source, is_package=path == init)
        if base.is_dir() and next(base.rglob("*.py"), None):
            shown = base.relative_to(self.root).as_posix()
            return Module(name, shown, ast.Module(body=[], type_ignores=[]), is_package=True)
        return None


def _is_importable(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _read(path: Path, shown: str) -> tuple[ast.Module, str]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig", errors="replace")
        return parse(data), text.replace("\r\n", "\n")
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        message = getattr(error, "msg", None) or str(error)
        raise VaultError(Problem(shown, line, f"not Python: {message}")) from error


def _run_on_import(body: Iterable[ast.stmt], script: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield what importing runs: nothing under ``if TYPE_CHECKING`` or ``if __name__ == "__main__"``."""
    for statement in body:
        match statement:
            case ast.If(test=test) if _is_never_true(test):
                script += statement.body if isinstance(test, ast.Compare) else []
                yield from _run_on_import(statement.orelse, script)
            case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=test)) if _is_never_true(test):
                yield from _run_on_import(statement.body, script)
            case _:
                yield statement


def _is_never_true(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(
            left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]
        ):
            return True
    return False
