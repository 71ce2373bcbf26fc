"""What code means: a hash of a symbol and of all that it reaches in our packages, by AST, never by import.

A *unit* is what one name of a module means: a function, a class with all of its body, or a constant with
every top-level statement that binds or mutates it. These keys stand beside units in a closure:

- ``pkg.mod:<module>``: what importing the module does beyond defining names (calls, writes to other modules'
  attributes, decorators that register). Every symbol of the module reaches it, and so does every import.
- ``pkg.mod:*``: the names of a module that had to be taken whole; ``Closure.notes`` says why.
  (Of one that ``import *`` takes, all names; of one that is used as a value, all that it leads to as well.)
- ``file:pkg/data/x.csv``: a data file that a reached unit names.

- ``pkg.mod:__main__``: what a module does when it is run as a script.

A name that a module only imports is no unit: it is followed to its definition, and its entry
says where it led. Order enters where it can be seen: a name read between two of its bindings, or before
something with an effect.

Where in doubt, more is reached, never less. What this cannot see: code and data outside of the code root;
text that ``exec`` builds and that imports by itself; classes that only a pickle names; an effect hidden in a
library's function whose name does not betray it (``LOUD_WORD``) and whose value a constant keeps; edits that
only make an import fail.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from vaultsite.model import Problem, Symbol, VaultError

FORMAT = "1"
"""Enters every hash; raise it when the canonical form changes, and everything is stale once."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
Chain: TypeAlias = tuple[str, ...]
"""``train.fit.cache`` as ``("train", "fit", "cache")``."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What importing runs: calls to these do nothing but return a value. A list of our own, for `dir(builtins)`
# differs between versions of Python, and the hash must not.
QUIET_BUILTINS = _words(
    """
    abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict dir divmod
    enumerate filter float format frozenset getattr hasattr hash hex id int isinstance issubclass
    iter len list map max memoryview min object oct ord pow property range repr reversed round set
    slice sorted staticmethod str sum super tuple type vars zip
    """
)
BUILTINS = QUIET_BUILTINS | _words(
    """
    BaseException BaseExceptionGroup Ellipsis ExceptionGroup GeneratorExit KeyboardInterrupt NotImplemented
    StopAsyncIteration StopIteration SystemExit __import__ aiter anext breakpoint compile copyright credits
    delattr display eval exec exit get_ipython globals help input license locals next open print quit setattr
    """
)
READING_METHODS = frozenset({"items", "keys", "values", "get", "copy", "index", "count", "format", "join"})
CONTAINERS = frozenset({"dict", "list", "set", "bytearray"})
QUIET_ROOTS = _words(
    """
    abc array ast base64 bisect collections contextlib copy dataclasses datetime decimal enum
    fractions functools hashlib heapq inspect itertools json math operator pathlib re statistics
    string struct textwrap types typing typing_extensions uuid
    """
)
LOUD_WORD = re.compile(
    r"""(?:^|[._])(?:seed|set|register\w*|use|update|enable\w*|disable\w*|init\w*|patch\w*|install\w*|add|append
    |insert|extend|pop|remove|clear|setdefault|setup|configure|basicConfig|simplefilter|filterwarnings|setattr
    |environ|putenv|rand\w*|normal|uniform|shuffle|nn|write|open|import|rcParams\w*|style|library)(?:[._]|$)""",
    re.VERBOSE,
)
"""Words in an external callable's name that betray an effect: on a registry, an option, random state."""

INERT_DECORATORS = _words(
    """
    property staticmethod classmethod setter getter deleter no_grad inference_mode wraps cache
    lru_cache cached_property contextmanager abstractmethod overload override final
    """
)
"""Decorators that never evaluate annotations."""

READS_TEXT = frozenset({"__doc__", "getsource", "getsourcelines", "getdoc", "help"})
READS_EVERYTHING = frozenset({"__subclasses__", "get_type_hints", "__annotations__", "get_annotations"})
READS_FILES = frozenset({"__file__", "__path__", "__spec__"})
LISTS_FILES = frozenset({"iterdir", "listdir", "scandir", "walk"})
IMPORTERS = frozenset({"import_module", "__import__", "run_module"})
WALKERS = frozenset({"iter_modules", "walk_packages"})
NAMESPACES = frozenset({"globals", "exec", "eval"})


class UnknownSymbol(LookupError):  # noqa: N818 - the verdict's name, as BrokenLink is
    """No module of the code root defines *symbol*; ``near`` lists close names."""

    def __init__(self, symbol: Symbol, near: tuple[str, ...] = ()) -> None:
        super().__init__(f"unknown symbol {symbol}" + (f"; near: {', '.join(near)}" if near else ""))
        self.symbol = symbol
        self.near = near


@dataclass(frozen=True)
class Closure:
    """Everything that some code reaches.

    *symbols* maps each to the hash of its own meaning, not of what it reaches in turn; *notes* says, a line
    each, where static reading gave up and took a whole module.
    """

    symbols: Mapping[Symbol, str]
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        return _digest(*(f"{symbol} {own}" for symbol, own in sorted(self.symbols.items())))


@dataclass(frozen=True, slots=True)
class Change:
    """A symbol whose meaning differs from the one recorded."""

    symbol: Symbol
    kind: Literal["changed", "new", "gone"]

    def __str__(self) -> str:
        return f"{self.symbol} {'is ' * (self.kind != 'changed')}{self.kind}"


@dataclass(frozen=True)
class Definition:
    """Where a symbol is defined: *symbol* is its name there, *nodes* all statements that bind it."""

    symbol: Symbol
    module: str
    path: str
    source: str
    nodes: tuple[ast.stmt, ...]


def changes(recorded: Mapping[Symbol, str], current: Mapping[Symbol, str]) -> tuple[Change, ...]:
    """Return how two closures' symbols differ: what changed, then what is new, then what is gone."""
    changed = [Change(s, "changed") for s in sorted(recorded) if s in current and recorded[s] != current[s]]
    new = [Change(s, "new") for s in sorted(current) if s not in recorded]
    gone = [Change(s, "gone") for s in sorted(recorded) if s not in current]
    return (*changed, *new, *gone)


def source_hash(source: str, salt: str = "") -> str:
    """Return the hash of a cell's own meaning; of its text if it is no plain Python (IPython's magics)."""
    try:
        tree = _parse(source)
    except (SyntaxError, ValueError):
        return _digest("text", salt, source.strip())
    # IPython shows nothing for a cell that ends in a semicolon, which the AST does not keep.
    is_silent = bool(tree.body) and _after(source, tree.body[-1]).startswith(";")
    return _digest("silent" if is_silent else "cell", salt, canonical(tree))


def canonical(node: ast.AST | str) -> str:
    """Return a text that is equal for code of equal meaning, on every Python from 3.11 on.

    Positions, comments, docstrings, ``pass``, quotes and the ways to split an f-string do not enter. A bare
    string that ends a module's source stays, for a cell shows it.

    Raises:
        SyntaxError: *node* is a text that is not Python.
    """
    out: list[str] = []
    _dump(_parse(node) if isinstance(node, str) else node, out)
    return "".join(out)


def _parse(source: str | bytes) -> ast.Module:
    with warnings.catch_warnings():  # an invalid escape in a docstring is not our business
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _after(source: str, node: ast.stmt) -> str:
    lines = source.encode().split(b"\n")
    rest = lines[(node.end_lineno or 1) - 1][node.end_col_offset or 0 :]
    return rest.decode(errors="replace").strip()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join((FORMAT, *parts)).encode("utf-8", "surrogatepass")).hexdigest()[:20]


# --- the canonical form -----------------------------------------------------------------------------------

SKIPPED_FIELDS = frozenset({"ctx", "type_comment", "kind", "type_ignores"})
BODIES = frozenset({"body", "orelse", "finalbody"})
_fields: dict[type, tuple[str, ...]] = {}


def _dump(node: object, out: list[str]) -> None:
    kind = type(node)
    if kind is ast.Name:
        out.append(f"`{node.id}")  # type: ignore[attr-defined]
    elif kind is ast.Constant:
        out.append(_literal(node.value))  # type: ignore[attr-defined]
    elif kind is ast.JoinedStr:
        _dump_joined(node, out)  # type: ignore[arg-type]
    elif isinstance(node, ast.AST):
        fields = _fields.get(kind)
        if fields is None:
            fields = _fields[kind] = tuple(f for f in node._fields if f not in SKIPPED_FIELDS)
        out.append(kind.__name__ + "(")
        for name in fields:
            value = getattr(node, name, None)
            if value is None or value == []:
                continue
            if kind is ast.FormattedValue and name == "format_spec" and not _merged(value):
                continue
            if name in BODIES and isinstance(value, list):
                value = _meant(value, kind is ast.Module)
                if not value:
                    continue
            out.append(name + "=")
            _dump(value, out)
            out.append(",")
        out.append(")")
    elif isinstance(node, list):
        out.append("[")
        for item in node:
            if item is None:  # no key in `{**d}`, no default of a keyword
                out.append("-")
            else:
                _dump(item, out)
            out.append(",")
        out.append("]")
    else:
        out.append(_literal(node))


def _literal(value: object) -> str:
    # ascii() and hex(): repr() escapes by the Unicode version at hand and refuses huge integers
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value)
    return ascii(value)


def _meant(body: list[ast.stmt], is_module: bool) -> list[ast.stmt]:
    last = body[-1]
    return [
        s
        for s in body
        if not isinstance(s, ast.Pass) and not (_is_bare_constant(s) and not (is_module and s is last))
    ]


def _is_bare_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _merged(joined: ast.JoinedStr) -> list[ast.expr | str]:
    parts: list[ast.expr | str] = []
    for value in joined.values:
        for part in _merged(value) if isinstance(value, ast.JoinedStr) else [value]:
            text = part.value if isinstance(part, ast.Constant) else part
            if isinstance(text, str) and parts and isinstance(last := parts[-1], str):
                parts[-1] = last + text
            elif text != "":
                parts.append(text if isinstance(text, str) else part)
    return parts


def _dump_joined(node: ast.JoinedStr, out: list[str]) -> None:
    parts = _merged(node)
    if all(isinstance(part, str) for part in parts):
        out.append(_literal("".join(map(str, parts))))
        return
    out.append("JoinedStr(")
    for part in parts:
        _dump(part, out)
        out.append(",")
    out.append(")")


# --- modules and their names ------------------------------------------------------------------------------


class _Import(NamedTuple):
    """What an imported name stands for: *attr* of *module*, or the module itself; *loads* runs for it."""

    module: str
    attr: str
    loads: str


class _Scope:
    """The names that a block binds, without those of the blocks within it."""

    def __init__(self, nodes: Iterable[ast.AST], package: str) -> None:
        self.names: set[str] = set()
        self.imports: list[tuple[str, _Import]] = []
        self.outer: set[str] = set()
        self.is_class = False
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
                    self.imports += _imports(node, package)
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


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, _Import]]:
    for alias in reversed(node.names):
        if isinstance(node, ast.Import):
            if alias.asname:
                yield alias.asname, _Import(alias.name, "", alias.name)
            else:
                top = alias.name.partition(".")[0]
                yield top, _Import(top, "", alias.name)
            continue
        base = node.module or ""
        if node.level:
            parents = package.split(".")
            parents = parents[: len(parents) - node.level + 1]
            base = ".".join(filter(None, [*parents, base]))
        yield alias.asname or alias.name, _Import(base, alias.name, base)


@dataclass
class _Binding:
    """What a top-level name of a module is bound by: indices of statements, and imports among them."""

    statements: list[int] = field(default_factory=list)
    imports: list[_Import] = field(default_factory=list)
    is_alias: bool = True


class _Module:
    """One parsed file, or a folder without ``__init__.py``, or a note's cells."""

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
        self.bindings: dict[str, _Binding] = {}
        self.stars: list[tuple[int, str]] = []
        self.imports: list[_Import] = []
        for index, statement in enumerate(self.body):
            scope = _Scope([statement], self.package)
            self.imports += (target for _, target in scope.imports)
            if isinstance(statement, ast.ClassDef):
                self.imports += (t for _, t in _Scope(statement.body, self.package).imports)
            self.stars += ((index, target.module) for name, target in scope.imports if name == "*")
            is_import = isinstance(statement, ast.Import | ast.ImportFrom)
            for bound in sorted(scope.names | scope.imported):
                binding = self.bindings.setdefault(bound, _Binding())
                binding.statements.append(index)
                binding.imports += (t for n, t in scope.imports if n == bound and t.attr != "*")
                binding.is_alias &= is_import
        self.bindings.pop("*", None)

    @property
    def folder(self) -> str:
        return (
            self.path if self.is_package and not self.path.endswith(".py") else self.path.rpartition("/")[0]
        )


def _run_on_import(body: Iterable[ast.stmt], script: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield what importing runs: nothing under ``if TYPE_CHECKING`` or ``if __name__ == "__main__"``."""
    for statement in body:
        if isinstance(statement, ast.If):
            test = statement.test
            if _is_never_true(test):
                script += statement.body if isinstance(test, ast.Compare) else []
                yield from _run_on_import(statement.orelse, script)
                continue
            if (
                isinstance(test, ast.UnaryOp)
                and isinstance(test.op, ast.Not)
                and _is_never_true(test.operand)
            ):
                yield from _run_on_import(statement.body, script)
                continue
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


# --- what a piece of code mentions ------------------------------------------------------------------------


class _Reading:
    """The names that some nodes of a module take from outside of themselves."""

    def __init__(self, module: _Module, nodes: Iterable[ast.AST]) -> None:
        self.module = module
        self.chains: dict[Chain, int] = {}
        self.local_chains: dict[tuple[_Import, Chain], int] = {}
        self.loads: list[_Import] = []
        self.wholes: dict[str, tuple[int, str]] = {}
        self.mentions: set[str] = set()
        self.strings: set[str] = set()
        self.patterns: set[str] = set()
        self.writes_globals = False
        self.is_annotated = False
        self.optional: set[Chain] = set()
        self._scopes: list[_Scope] = []
        self._visitors: dict[type, Callable[..., None]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Constant: self._constant,
            ast.JoinedStr: self._joined,
            ast.BinOp: self._binary,
            ast.Call: self._call,
            ast.Subscript: self._subscript,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.Lambda: self._lambda,
            ast.ClassDef: self._class,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.Expr: self._expression,
            ast.Global: self._global,
        }
        for node in nodes:
            self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        visitor = self._visitors.get(type(node))
        if visitor is not None:
            visitor(node)
        else:
            self._children(node)

    def _children(self, node: ast.AST) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                self._visit(value)
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self._visit(item)

    def _is_global(self, name: str) -> bool:
        return not isinstance(self._lookup(name), _Scope)

    def _lookup(self, name: str) -> _Scope | None:
        for depth, scope in enumerate(reversed(self._scopes)):
            if scope.is_class and depth:
                continue
            if name in scope.imported:
                return scope
            # a class body may read the module's name before it binds its own: `rate = rate`
            if name in scope.names and not scope.is_class:
                return scope
            if name in scope.outer:
                continue
        return None

    def _use(self, name: str, rest: Chain, line: int) -> None:
        scope = self._lookup(name)
        if scope is None:
            self.chains.setdefault((name, *rest), line)
            return
        for bound, target in scope.imports:
            if bound == name:
                self.local_chains.setdefault((target, rest), line)

    def _name(self, node: ast.Name) -> None:
        self.mentions.add(node.id)
        if isinstance(node.ctx, ast.Load):
            self._use(node.id, (), node.lineno)

    def _attribute(self, node: ast.Attribute) -> None:
        chain, root = _unwound(node)
        self._store(node)
        self.mentions.update(chain)
        if isinstance(root, ast.Name):
            self.mentions.add(root.id)
            self._use(root.id, chain, node.lineno)
        else:
            self._visit(root)

    def _constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and 0 < len(node.value) < 200 and "\n" not in node.value:
            self.strings.add(node.value)

    def _joined(self, node: ast.JoinedStr) -> None:
        self.patterns.add("".join(part if isinstance(part, str) else "*" for part in _merged(node)))
        self._children(node)

    def _binary(self, node: ast.BinOp) -> None:
        """Read ``HERE / "data" / "x.csv"`` as one path, so that not all of ``data`` is reached."""
        parts: list[str] = []
        left: ast.expr = node
        while (
            isinstance(left, ast.BinOp)
            and isinstance(left.op, ast.Div)
            and isinstance(left.right, ast.Constant)
            and isinstance(left.right.value, str)
        ):
            parts.insert(0, left.right.value)
            left = left.left
        if parts:
            self.strings.add("/".join(parts))
            self._visit(left)
        else:
            self._children(node)

    def _call(self, node: ast.Call) -> None:
        chain, root = _unwound(node.func)
        name = chain[-1] if chain else root.id if isinstance(root, ast.Name) else ""
        is_builtin = not chain and name not in self.module.bindings and self._is_global(name)
        match node.args:
            case [object_, ast.Constant(value=str(attr)), *rest] if is_builtin and name in (
                "getattr",
                "hasattr",
                "setattr",
                "delattr",
            ):
                inner, start = _unwound(object_)
                if isinstance(start, ast.Name):
                    self._use(start.id, (*inner, attr), node.lineno)
                    if rest or name != "getattr":  # it may be missing
                        self.optional.add((start.id, *inner, attr))
                else:
                    self._visit(object_)
                for argument in rest:
                    self._visit(argument)
                return
            case []:
                is_namespace = name in ("vars", "locals", "dir") and not self._scopes
                if is_builtin and (is_namespace or name == "globals"):
                    self._whole("", node, f"{name}()")
            case [ast.Constant(value=str(code)), *_] if is_builtin and name in ("exec", "eval"):
                try:
                    self._visit(_parse(code))
                except (SyntaxError, ValueError):
                    self._whole("", node, f"{name} of a text")
            case [first, *_]:
                if is_builtin and name in NAMESPACES:
                    self._whole("", node, f"{name} of a computed text")
                if name in IMPORTERS:
                    self._whole(_module_pattern(first, self.module.package), node, f"{name} by a text")
        if name in WALKERS:
            self._whole("*", node, f"{name}()")
        if chain and name in ("joinpath", "join"):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if (
                texts
                and [a for a in node.args[-len(texts) :] if isinstance(a, ast.Constant)]
                == node.args[-len(texts) :]
            ):
                self.strings.add("/".join(texts))
                self._visit(node.func)
                for argument in node.args[: -len(texts)]:
                    self._visit(argument)
                return
        self._children(node)

    def _subscript(self, node: ast.Subscript) -> None:
        self._store(node)
        chain, root = _unwound(node.value)
        named = (*((root.id,) if isinstance(root, ast.Name) else ()), *chain)
        if named and named[-1] == "modules" and self._is_global(named[0]):
            self._whole(_module_pattern(node.slice, self.module.package), node, "sys.modules[…]")
            self._visit(node.slice)
        else:
            self._children(node)

    def _whole(self, module: str, node: ast.expr, why: str) -> None:
        self.wholes.setdefault(module, (node.lineno, why))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.loads += (target for _, target in _imports(node, self.module.package))

    def _function(self, node: Function) -> None:
        inert = all(_last_word(d) in INERT_DECORATORS for d in node.decorator_list)
        for decorator in node.decorator_list:
            self._visit(decorator)
        everything = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        everything += filter(None, [node.args.vararg, node.args.kwarg])
        annotations = [a.annotation for a in everything] + [node.returns]
        for annotation in filter(None, annotations):
            self.is_annotated = True
            if not inert or not self.module.has_future_annotations:
                self._annotation(annotation, reads_texts=not inert)
        self._in_function(node.args, node.body, getattr(node, "type_params", ()))

    def _lambda(self, node: ast.Lambda) -> None:
        self._in_function(node.args, [node.body], ())

    def _in_function(self, args: ast.arguments, body: Sequence[ast.AST], params: Sequence[ast.AST]) -> None:
        for default in _defaults(args):
            self._visit(default)
        scope = _Scope(body, self.module.package)
        parameters = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        scope.names.update(a.arg for a in parameters if a is not None)
        scope.names.update(getattr(p, "name", "") for p in params)
        self._scopes.append(scope)
        for node in [*params, *body]:
            self._visit(node)
        self._scopes.pop()

    def _class(self, node: ast.ClassDef) -> None:
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self._visit(part)
        scope = _Scope(node.body, self.module.package)
        scope.is_class = True
        for _, target in scope.imports:
            self.local_chains.setdefault((target, ()), node.lineno)
        self._scopes.append(scope)
        for statement in [*getattr(node, "type_params", ()), *node.body]:
            self._visit(statement)
        self._scopes.pop()

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self._visit(node.generators[0].iter)
        scope = _Scope([g.target for g in node.generators], self.module.package)
        self._scopes.append(scope)
        for index, generator in enumerate(node.generators):
            for part in [*([generator.iter] if index else []), generator.target, *generator.ifs]:
                self._visit(part)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for part in filter(None, parts):
            self._visit(part)
        self._scopes.pop()

    def _annotated(self, node: ast.AnnAssign) -> None:
        self.is_annotated = True
        in_class = bool(self._scopes) and self._scopes[-1].is_class
        if in_class or (not self._scopes and not self.module.has_future_annotations):
            self._annotation(node.annotation, reads_texts=in_class)
        for part in filter(None, [node.target, node.value]):
            self._visit(part)

    def _annotation(self, node: ast.expr, reads_texts: bool) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                self._use(part.id, (), part.lineno)
            elif isinstance(part, ast.Attribute):
                chain, root = _unwound(part)
                if isinstance(root, ast.Name):
                    self._use(root.id, chain, part.lineno)
            elif reads_texts and isinstance(part, ast.Constant) and isinstance(part.value, str):
                try:
                    inner = _parse(part.value)
                except (SyntaxError, ValueError):
                    continue
                for name in ast.walk(inner):
                    if isinstance(name, ast.Name):
                        self._use(name.id, (), part.lineno)

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._use(node.target.id, (), node.lineno)
        self._children(node)

    def _expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self._visit(node.value)

    def _global(self, _node: ast.Global) -> None:
        self.writes_globals = True

    def _store(self, node: ast.Attribute | ast.Subscript) -> None:
        """See state kept outside of the function: ``MODELS[name] = …``, ``cls.count = …``."""
        for name in _root(node) if not isinstance(node.ctx, ast.Load) else ():
            scope = self._lookup(name)
            self.writes_globals |= name == "cls" or scope is None or name in scope.imported


def _unwound(node: ast.expr) -> tuple[Chain, ast.expr]:
    attrs: list[str] = []
    while isinstance(node, ast.Attribute):
        attrs.append(node.attr)
        node = node.value
    return tuple(reversed(attrs)), node


def _called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _last_word(node: ast.expr) -> str:
    chain, root = _unwound(_called(node))
    return chain[-1] if chain else root.id if isinstance(root, ast.Name) else ""


def _module_pattern(node: ast.expr, package: str) -> str:
    """Return which modules a computed name may mean: ``"models.*"`` for ``f"models.{name}"``."""
    match node:
        case ast.Constant(value=str(name)):
            pattern = name
        case ast.JoinedStr():
            pattern = "".join(part if isinstance(part, str) else "*" for part in _merged(node))
        case ast.BinOp(left=ast.Constant(value=str(name)), op=ast.Add()):
            pattern = f"{name}*"
        case ast.Name(id="__name__"):
            return ""
        case ast.Name(id="__package__"):
            return package
        case _:
            return "*"
    return f"{package}.{pattern.lstrip('.')}" if pattern.startswith(".") else pattern


# --- from names to definitions ----------------------------------------------------------------------------


class _End(NamedTuple):
    """What a chain leads to. Of *whole* and *star* modules all must be taken, of *star* for ``import *``.

    *plain* is an attribute that no code of ours defines: ``train.__name__``.
    """

    kind: Literal["unit", "module", "external", "missing", "whole", "star", "plain"]
    module: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.module}:{self.name}"


@dataclass
class _Effects:
    """What importing a module does: *statements* beyond binding names, *names* whose definition does more."""

    statements: list[int] = field(default_factory=list)
    names: list[tuple[int, str]] = field(default_factory=list)
    mutators: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class _Refs:
    """One step of a closure: the entries that a key adds, and the keys that it leads to."""

    entries: dict[str, str] = field(default_factory=dict)
    edges: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    strings: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    reads_files: bool = False
    reads_text: bool = False
    reads_everything: bool = False
    files: dict[bool, set[str]] = field(default_factory=dict)


class CodeBase:
    """The packages below *root*, read lazily and each module once. Edits after that are not seen."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, _Module | None] = {}
        self._finals_of: dict[tuple[str, str], tuple[_End, ...]] = {}
        self._following: list[tuple[str, str]] = []
        self._readings: dict[tuple[str, str], _Reading] = {}
        self._effects_of: dict[str, _Effects] = {}
        self._refs_of: dict[str, _Refs] = {}
        self._quiet: dict[str, bool] = {}
        self._effectful: dict[str, bool] = {}
        self._happenings: dict[str, list[int]] = {}
        self._evaluated_of: dict[tuple[str, int], set[Chain]] = {}
        self._canonicals: dict[tuple[str, int], str] = {}
        self._file_hashes: dict[str, str] = {}
        self._names: tuple[str, ...] | None = None
        self._suffixes: dict[str, list[str]] | None = None
        self._files: list[str] = []

    # the public part

    def modules(self) -> tuple[str, ...]:
        """Return the names of all modules, sorted."""
        if self._names is None:
            names = set()
            for path in self._walk():
                if path.suffix == ".py":
                    parts = path.relative_to(self.root).with_suffix("").parts
                    names.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
            self._names = tuple(sorted(n for n in names if all(p.isidentifier() for p in n.split("."))))
        return self._names

    def symbols(self) -> tuple[Symbol, ...]:
        """Return every function, class and constant that a module defines at its top level, sorted."""
        found = []
        for name in self.modules():
            module = self._module(name)
            assert module is not None
            found += [Symbol(f"{name}:{n}") for n, b in module.bindings.items() if not b.is_alias]
        return tuple(sorted(found))

    def closure(self, symbol: Symbol) -> Closure:
        """Return what *symbol* reaches, itself included. A method reaches its whole class.

        Raises:
            UnknownSymbol: the code root does not define it.
            VaultError: a file that it reaches is not Python.
        """
        where = self.definition(symbol)  # also raises for a class without such a member
        module_name, _, qualified = symbol.partition(":")
        if not qualified:
            return self._close(_Refs(edges={f"{where.module}:**"}))
        refs = _Refs()
        module = self._known(module_name, symbol)
        reading = _Reading(module, [])
        reading.chains[(qualified.partition(".")[0],)] = 1
        self._link(module, reading, refs)
        refs.edges.add(f"{module_name}:<module>")
        return self._close(refs)

    def hash(self, symbol: Symbol) -> str:
        """Return the hash of all that *symbol* reaches."""
        return self.closure(symbol).hash

    def closure_of_source(self, source: str, before: Sequence[str] = ()) -> Closure:
        """Return what a cell reaches, given the cells *before* it in its note.

        Names that earlier cells import are known; what earlier cells reach is theirs to say, and a change
        there makes this cell run again anyhow.

        Raises:
            UnknownSymbol: the cell imports, or takes from one of our modules, a name that is not there.
            VaultError: a file that it reaches is not Python.
        """
        tree, words_only = _cell_tree(source)
        if words_only:  # `!python -m dlnotes.train`
            tops = {
                n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and self._module(n.id) is not None
            }
            tree.body[:0] = _parse("\n".join(f"import {top}" for top in sorted(tops))).body
        earlier = [_cell_tree(text)[0] for text in before]
        body = [statement for cell in earlier for statement in cell.body]
        module = _Module("", "the cell", ast.Module(body=[*body, *tree.body], type_ignores=[]))
        own = _Module("", "the cell", tree)
        reading = _Reading(module, tree.body)
        for chain, line in _Reading(module, body).chains.items():
            # a function of an earlier cell may wait for what only this one imports
            if own.stars or (chain[0] in own.bindings and own.bindings[chain[0]].imports):
                reading.chains.setdefault(chain, line)
        refs = _Refs()
        self._link(module, reading, refs)
        for target in own.imports:
            self._load(target, refs)
        if words_only:
            refs.notes.append("the cell is no plain Python: read word by word")
        else:
            self._reject_missing(tree, module, reading)
        closure = self._close(refs)
        return Closure({s: h for s, h in closure.symbols.items() if not s.startswith(":")}, closure.notes)

    def closure_within(self, module_name: str, nodes: Sequence[ast.AST]) -> Closure:
        """Return what some *nodes* of a module reach: a part of a class, say."""
        module = self._known(module_name, Symbol(module_name))
        refs = _Refs(edges={f"{module_name}:<module>"})
        self._link(module, _Reading(module, nodes), refs)
        return self._close(refs)

    def adopt(self, path: Path, name: str, shown: str) -> ast.Module:
        """Read a file outside of the root as the module *name*, so that its symbols have closures, too.

        *shown* is its path in messages.

        Raises:
            VaultError: it is not Python.
        """
        tree, source = self._read(path, shown)
        self._modules[name] = _Module(name, shown, tree, source)
        return tree

    def definition(self, symbol: Symbol) -> Definition:
        """Return where ``mod``, ``mod:Name`` or ``mod:Class.member`` is defined, re-exports followed.

        Raises:
            UnknownSymbol: nothing in the code root defines it.
        """
        module_name, colon, qualified = symbol.partition(":")
        module = self._known(module_name, symbol)
        if not colon:
            return Definition(symbol, module.name, module.path, module.source, tuple(module.body))
        head, *members = qualified.split(".") if qualified else [""]
        for end in self._ends_in(module_name, (head,)):
            if end.kind == "module" and not members:
                return self.definition(Symbol(end.module))
            if end.kind != "unit":
                continue
            home = self._modules[end.module]
            assert home is not None
            nodes = tuple(home.body[i] for i in home.bindings[end.name].statements)
            found = self._member(home, nodes, members)
            if found is not None:
                home, nodes, owner = found
                name = ".".join([owner or end.name, *members[-1:]]) if members else end.name
                return Definition(Symbol(f"{home.name}:{name}"), home.name, home.path, home.source, nodes)
        raise self._unknown(symbol)

    # reading files

    def _walk(self) -> Iterator[Path]:
        stack = [self.root]
        while stack:
            for path in sorted(stack.pop().iterdir()):
                if path.name.startswith(".") or path.name == "__pycache__" or path.suffix == ".egg-info":
                    continue
                if path.is_dir():
                    stack.append(path)
                elif path.suffix not in (".pyc", ".pyo"):
                    yield path

    def _read(self, path: Path, shown: str) -> tuple[ast.Module, str]:
        data = path.read_bytes()
        try:
            text = data.decode("utf-8-sig", errors="replace")
            return _parse(data), text.replace("\r\n", "\n")
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            message = getattr(error, "msg", None) or str(error)
            raise VaultError(Problem(shown, line, f"not Python: {message}")) from error

    def _module(self, name: str) -> _Module | None:
        if name in self._modules:
            return self._modules[name]
        module = None
        base = self.root.joinpath(*name.split("."))
        if name and all(part.isidentifier() for part in name.split(".")):
            init, file = base / "__init__.py", base.with_name(f"{base.name}.py")
            for path in (init, file):
                if path.is_file():
                    shown = path.relative_to(self.root).as_posix()
                    tree, source = self._read(path, f"{self.root.name}/{shown}")
                    module = _Module(name, shown, tree, source, is_package=path == init)
                    break
            else:
                if base.is_dir() and next(base.rglob("*.py"), None):
                    shown = base.relative_to(self.root).as_posix()
                    module = _Module(name, shown, ast.Module(body=[], type_ignores=[]), is_package=True)
        self._modules[name] = module
        return module

    def _known(self, name: str, symbol: Symbol) -> _Module:
        module = self._module(name)
        if module is None:
            raise self._unknown(symbol)
        return module

    def _is_ours(self, name: str) -> bool:
        return self._module(name.partition(".")[0]) is not None

    def _unknown(self, symbol: Symbol) -> UnknownSymbol:
        names: list[str] = [*self.modules(), *self.symbols()]
        module = self._module(symbol.partition(":")[0])
        if module is not None:
            names += (f"{module.name}:{name}" for name, b in module.bindings.items() if b.is_alias)
            for name in module.bindings:
                for node in (module.body[i] for i in module.bindings[name].statements):
                    if isinstance(node, ast.ClassDef):
                        names += (f"{module.name}:{name}.{m}" for m in _Scope(node.body, "").names)
        bare = symbol.rpartition(":")[2]
        same = sorted(n for n in names if bare and n.rpartition(":")[2] == bare)
        close = difflib.get_close_matches(symbol, names, n=3)
        return UnknownSymbol(symbol, tuple(dict.fromkeys([*close, *same]))[:3])

    def _member(
        self, module: _Module, nodes: tuple[ast.stmt, ...], members: list[str]
    ) -> tuple[_Module, tuple[ast.stmt, ...], str] | None:
        """Return what defines the last member of ``A.b.c``, through nested classes and our own bases."""
        if not members:
            return module, nodes, ""
        for node in _classes(nodes):
            own = tuple(s for s in node.body if members[0] in _Scope([s], "").names)
            if own:
                found = self._member(module, own, members[1:])
                return found and (found[0], found[1], ".".join(filter(None, [node.name, found[2]])))
            for base in node.bases:
                chain, root = _unwound(base)
                if not isinstance(root, ast.Name):
                    continue
                for end in self._ends(module, (root.id, *chain)):
                    home = self._modules.get(end.module)
                    if end.kind != "unit" or home is None or (home is module and end.name == node.name):
                        continue
                    theirs = tuple(home.body[i] for i in home.bindings[end.name].statements)
                    if (found := self._member(home, theirs, members)) is not None:
                        return found
        return None

    # resolving names

    def _ends(
        self, module: _Module, chain: Chain, hops: dict[str, tuple[_End, ...]] | None = None
    ) -> list[_End]:
        """Return all that *chain* may mean in *module*; nothing for a builtin.

        *hops* collects the imports that it passes through, each with where it led.
        """
        head, rest = chain[0], chain[1:]
        ends: list[_End] = []
        binding = module.bindings.get(head)
        if binding is not None:
            if not binding.is_alias:
                ends.append(_End("unit", module.name, head))
            if module.name:
                finals = self._finals(module, head)
                if hops is not None and finals and binding.is_alias:
                    # `from x import y` takes y as it is then, perhaps before another module sets it
                    happened = self._happened(module, max(binding.statements))
                    when = (_End("plain", f"after {happened}"),) if happened else ()
                    hops[f"{module.name}:{head}"] = (*finals, *when)
                for final in finals:
                    ends += self._beyond(final, rest, hops)
            else:  # a cell's imports are its own text; what counts is where they lead from there
                for target in binding.imports:
                    ends += self._ends_of(target, rest, hops)
        stars = [(at, star) for at, star in module.stars if self._provides(star, head, set())]
        for _, star in stars:
            ends.append(_End("star", star))
            ends += self._ends_in(star, chain, hops)
        if stars and module.name and hops is not None and (binding is None or binding.is_alias):
            key = f"{module.name}:{head}"
            hops[key] = (*hops.get(key, ()), *self._taken(module, head))
        if module.is_package:
            below = f"{module.name}.{head}"
            # `from .lenet import lenet` in __init__ hides the submodule for good: it was loaded before
            is_hidden = binding is not None and any(t.loads == below and t.attr for t in binding.imports)
            if not is_hidden and self._module(below) is not None and _End("module", below) not in ends:
                ends += self._beyond(_End("module", below), rest, hops)
        return ends

    def _taken(self, module: _Module, name: str) -> list[_End]:
        """Return when ``import *`` gives the module a name: after what else binds it and has happened."""
        binding = module.bindings.get(name)
        others = binding.statements if binding else []
        return [
            _End("star", star, f"after {sum(i < at for i in others)}, {self._happened(module, at)}")
            for at, star in module.stars
            if self._provides(star, name, set())
        ]

    def _ends_in(
        self, name: str, chain: Chain, hops: dict[str, tuple[_End, ...]] | None = None
    ) -> list[_End]:
        module = self._module(name)
        if module is None:
            if self._is_ours(name):
                return [_End("missing", name)]
            return [_End("external", ".".join((name, *chain)))]
        ends = self._ends(module, chain, hops)
        if ends:
            return ends
        if chain[0] == "__dict__":
            return [_End("whole", name)]
        if "__getattr__" in module.bindings:
            return [*self._ends(module, ("__getattr__",)), _End("whole", name)]
        is_plain = re.fullmatch(r"__\w+__", chain[0]) or not all(
            self._is_ours(star) for _, star in module.stars
        )
        return [_End("plain" if is_plain else "missing", name, chain[0])]

    def _ends_of(self, target: _Import, rest: Chain, hops: dict[str, tuple[_End, ...]] | None) -> list[_End]:
        chain = (*filter(None, [target.attr]), *rest)
        if chain:
            return self._ends_in(target.module, chain, hops)
        is_ours = self._is_ours(target.module)
        kind: Literal["module", "external", "missing"] = "missing" if is_ours else "external"
        return [_End("module" if self._module(target.module) is not None else kind, target.module)]

    def _beyond(self, end: _End, rest: Chain, hops: dict[str, tuple[_End, ...]] | None) -> list[_End]:
        if not rest:
            return [end]
        if end.kind == "module":
            return self._ends_in(end.module, rest, hops)
        if end.kind == "external":
            return [_End("external", ".".join((end.module, *rest)))]
        return [end]

    def _finals(self, module: _Module, name: str) -> tuple[_End, ...]:
        """Return what the imports of *name* lead to in the end, in their order."""
        key = (module.name, name)
        if module.name and key in self._finals_of:
            return self._finals_of[key]
        if key in self._following:
            return ()
        self._following.append(key)
        ends: list[_End] = []
        for target in module.bindings[name].imports:
            if target.attr:
                ends += self._ends_in(target.module, (target.attr,))
            elif self._module(target.module) is not None:
                parent, _, last = target.module.rpartition(".")
                if parent and (home := self._module(parent)) is not None and last in home.bindings:
                    ends += self._ends_in(parent, (last,))  # `import a.b as c` takes a's attribute b
                ends.append(_End("module", target.module))
            else:
                ours = self._is_ours(target.module)
                ends.append(_End("missing" if ours else "external", target.module))
        self._following.pop()
        finals = tuple(dict.fromkeys(ends))
        if not self._following:  # within a circle of imports, the answer is not yet whole
            self._finals_of[key] = finals
        return finals

    def _provides(self, star: str, name: str, seen: set[str]) -> bool:
        module = self._module(star)
        if module is None or star in seen:
            return False
        seen.add(star)
        has_all = "__all__" in module.bindings
        if name.startswith("_") and not has_all:
            return False
        if name in module.bindings or any(self._provides(s, name, seen) for _, s in module.stars):
            return True
        return module.is_package and self._module(f"{star}.{name}") is not None

    # what importing a module does

    def _effects(self, module: _Module) -> _Effects:
        if module.name in self._effects_of:
            return self._effects_of[module.name]
        effects = _Effects()
        for index, statement in enumerate(module.body):
            mutated: set[str] = set()
            is_outward = is_loud = False
            match statement:
                case ast.Import() | ast.ImportFrom():
                    continue
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    mutated, is_loud = self._impact_of_definition(module, statement)
                case _:
                    mutated, is_outward, is_loud = self._impact(module, [statement])
            bound = _Scope([statement], module.package).names
            is_simple = isinstance(statement, SIMPLE)
            if is_outward or (is_loud and not (is_simple and bound)):
                effects.statements.append(index)
            elif is_loud:
                effects.names += ((index, name) for name in sorted(bound))
            for name in mutated - bound:
                effects.mutators.setdefault(name, []).append(index)
        self._effects_of[module.name] = effects
        return effects

    def _impact(self, module: _Module, body: Sequence[ast.AST]) -> tuple[set[str], bool, bool]:
        """Return the module's names that *body* mutates, whether it acts beyond them, and whether it may."""
        mutated: set[str] = set()
        is_outward = is_loud = False
        stack: list[ast.AST] = list(body)
        while stack:
            node = stack.pop()
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    for decorator in node.decorator_list:
                        is_loud |= self._is_loud(module, _called(decorator))
                    stack += [*node.decorator_list, *_defaults(node.args)]
                    continue
                case ast.Lambda():
                    stack += _defaults(node.args)
                    continue
                case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                    if not isinstance(node.ctx, ast.Load):
                        mutated |= set(_root(node))
                        is_outward |= not (isinstance(inner, ast.Name) and self._is_fresh(module, inner.id))
                case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))) if self._is_fresh(
                    module, name
                ):
                    pass
                case ast.Expr(value=value) if not isinstance(value, ast.Constant | ast.Name):
                    is_outward = True
                case ast.Raise() | ast.Assert():
                    is_outward = True
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if self._is_fresh(
                    module, name
                ):
                    is_defined = all(isinstance(v, ast.stmt) for v in self._values(module, name))
                    if not (self._is_quiet(module.name, name) if is_defined else method in READING_METHODS):
                        mutated.add(name)
                case ast.Call():
                    is_loud |= self._is_loud(module, node.func)
                    if self._calls_ours(module, node.func):
                        given = [*node.args, *(keyword.value for keyword in node.keywords)]
                        own, others = self._mutable_in(module, given)
                        mutated |= own
                        is_loud |= others
            stack += ast.iter_child_nodes(node)
        return {name for name in mutated if name in module.bindings}, is_outward, is_loud

    def _impact_of_definition(self, module: _Module, node: Function | ast.ClassDef) -> tuple[set[str], bool]:
        mutated: set[str] = set()
        is_loud = False
        for decorator in node.decorator_list:
            function = _called(decorator)
            if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
                owner = function.value.id
                if self._is_fresh(module, owner):  # @area.register
                    mutated.add(owner)
                    continue
            is_loud |= self._is_loud(module, function)
        if isinstance(node, ast.ClassDef):
            is_loud |= self._has_hook(module, node, set())
            inner: list[ast.AST] = [*node.bases, *node.body]
        else:
            inner = list(_defaults(node.args))
        touched, acts, may_act = self._impact(module, [*inner, *node.decorator_list])
        return mutated | touched, is_loud or acts or may_act

    def _has_hook(self, module: _Module, node: ast.ClassDef, seen: set[str]) -> bool:
        """Whether defining *node* runs code of ours: a metaclass, or ``__init_subclass__`` in a base."""
        for keyword in node.keywords:
            chain, root = _unwound(keyword.value)
            if keyword.arg != "metaclass" or not isinstance(root, ast.Name):
                continue
            ends = self._ends(module, (root.id, *chain))
            if any(end.kind != "external" for end in ends):
                return True
        for base in node.bases:
            chain, root = _unwound(base)
            if not isinstance(root, ast.Name):
                continue
            for end in self._ends(module, (root.id, *chain)):
                if end.kind != "unit" or f"{end.module}:{end.name}" in seen:
                    continue
                seen.add(f"{end.module}:{end.name}")
                home = self._modules[end.module]
                assert home is not None
                for parent in (home.body[i] for i in home.bindings[end.name].statements):
                    if isinstance(parent, ast.ClassDef) and (
                        "__init_subclass__" in _Scope(parent.body, "").names
                        or self._has_hook(home, parent, seen)
                    ):
                        return True
        return False

    def _values(self, module: _Module, name: str) -> list[ast.stmt | ast.expr | None]:
        """Return what *name* is bound to: definitions, values; None for what is not a plain assignment."""
        binding = module.bindings.get(name)
        if binding is None or binding.is_alias:
            return [None]
        values: list[ast.stmt | ast.expr | None] = []
        for statement in (module.body[i] for i in binding.statements):
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    values.append(statement)
                case ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(value=value):
                    values.append(value)
                case ast.AugAssign():
                    values.append(ast.List(elts=[], ctx=ast.Load()))
                case _:
                    values.append(None)
        return values

    def _is_fresh(self, module: _Module, name: str) -> bool:
        """Whether nothing but *name* can hold the object: mutating it is then its own affair."""
        return all(self._is_new(module, value) for value in self._values(module, name))

    def _is_new(self, module: _Module, value: ast.stmt | ast.expr | None) -> bool:
        match value:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return True
            case ast.Dict() | ast.List() | ast.Set() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                return True
            case ast.Constant() | ast.Tuple() | ast.JoinedStr():
                return True
            case ast.Call(func=function):
                chain, root = _unwound(function)
                if not isinstance(root, ast.Name):
                    return False
                ends = self._ends(module, (root.id, *chain))
                if not ends:
                    return not chain and root.id in CONTAINERS
                return all(
                    end.module.startswith("collections.") if end.kind == "external" else self._is_class(end)
                    for end in ends
                )
        return False

    def _is_class(self, end: _End) -> bool:
        module = self._modules.get(end.module)
        if end.kind != "unit" or module is None:
            return False
        return all(isinstance(v, ast.ClassDef) for v in self._values(module, end.name))

    def _is_mutable(self, module: _Module, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether *name* may be bound to an object that keeps state."""
        binding = module.bindings.get(name)
        key = f"{module.name}:{name}"
        if binding is None or binding.is_alias or key in seen:
            return False
        values = self._values(module, name)
        for value in values:
            if isinstance(value, ast.ClassDef):
                values += (
                    s.value for s in value.body if isinstance(s, ast.Assign | ast.AnnAssign) and s.value
                )
        for value in values:
            match value:
                case None | ast.Subscript() | ast.IfExp() | ast.BoolOp() | ast.NamedExpr():
                    return True
                case ast.Name() | ast.Attribute():
                    chain, root = _unwound(value)
                    ends = self._ends(module, (root.id, *chain)) if isinstance(root, ast.Name) else None
                    for end in ends or ():
                        home = self._modules.get(end.module) if end.kind == "unit" else None
                        is_attr = bool(chain) and end.kind == "unit" and not self._is_class(end)
                        if end.kind in ("module", "star", "whole") or is_attr:
                            return True
                        if home is not None and self._is_mutable(home, end.name, seen | {key}):
                            return True
                    if ends is None:
                        return True
                case ast.Dict() | ast.List() | ast.Set() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                    return True
                case ast.expr():
                    for call in (n for n in ast.walk(value) if isinstance(n, ast.Call)):
                        chain, root = _unwound(call.func)
                        if not isinstance(root, ast.Name):
                            continue
                        ends = self._ends(module, (root.id, *chain))
                        if not ends and (root.id in QUIET_BUILTINS - CONTAINERS):
                            continue
                        if ends and all(e.kind == "external" and not _is_loud_word(e.module) for e in ends):
                            continue
                        return True
        return False

    def _mutable_in(self, module: _Module, nodes: Sequence[ast.expr]) -> tuple[set[str], bool]:
        """Return the module's own mutable constants that *nodes* hand on, and whether they hand on others."""
        own: set[str] = set()
        others = False
        for node in (n for given in nodes for n in ast.walk(given) if isinstance(n, ast.Name)):
            if self._is_fresh(module, node.id):
                own |= {node.id} if self._is_mutable(module, node.id) else set()
                continue
            for end in self._ends(module, (node.id,)):
                home = self._modules.get(end.module)
                others |= end.kind in ("module", "star", "whole") or (
                    end.kind == "unit" and home is not None and self._is_mutable(home, end.name)
                )
        return own, others

    def _calls_ours(self, module: _Module, function: ast.expr) -> bool:
        chain, root = _unwound(function)
        return isinstance(root, ast.Name) and any(
            end.kind != "external" for end in self._ends(module, (root.id, *chain))
        )

    def _is_loud(self, module: _Module, function: ast.expr) -> bool:
        """Whether calling *function* while importing may do more than return a value."""
        chain, root = _unwound(function)
        if isinstance(root, ast.Call):
            return bool(chain) and _is_loud_word(chain[-1])  # the inner call is judged by itself
        if not isinstance(root, ast.Name):
            return not chain or _is_loud_word(chain[-1])
        ends = self._ends(module, (root.id, *chain))
        if not ends:
            return (
                _is_loud_word(chain[-1])
                if chain
                else root.id not in QUIET_BUILTINS and not _is_error(root.id)
            )
        return any(
            _is_loud_word(end.module)
            if end.kind == "external"
            else end.kind != "plain" and (end.kind != "unit" or not self._is_quiet(end.module, end.name))
            for end in ends
        )

    def _is_quiet(self, module_name: str, name: str) -> bool:
        """Whether nothing that the unit reaches keeps state: no global written, no mutable constant."""
        start = f"{module_name}:{name}"
        if start in self._quiet:
            return self._quiet[start]
        seen = {(module_name, name)}
        queue = [(module_name, name)]
        quiet = True
        while queue and quiet:
            module = self._modules[queue[-1][0]]
            assert module is not None
            unit = queue.pop()[1]
            reading = self._reading(module, unit)
            loads = any(self._is_ours(target.loads) for target in reading.loads)
            if reading.writes_globals or reading.wholes or loads or self._is_mutable(module, unit):
                quiet = False
            ends = [end for chain in reading.chains for end in self._ends(module, chain)]
            for target, rest in reading.local_chains:
                ends += self._ends_of(target, rest, None)
            for end in ends:
                if end.kind == "external":
                    quiet &= not _is_loud_word(end.module)
                elif end.kind == "unit":
                    if (end.module, end.name) not in seen:
                        seen.add((end.module, end.name))
                        queue.append((end.module, end.name))
                elif end.kind != "plain":
                    quiet = False
        self._quiet[start] = quiet
        return quiet

    # from keys to keys

    def _reading(self, module: _Module, name: str) -> _Reading:
        key = (module.name, name)
        if key not in self._readings:
            binding = module.bindings[name]
            self._readings[key] = _Reading(module, [module.body[i] for i in binding.statements])
        return self._readings[key]

    def _canonical(self, module: _Module, index: int) -> str:
        key = (module.name, index)
        if key not in self._canonicals:
            self._canonicals[key] = canonical(module.body[index])
        return self._canonicals[key]

    def _refs(self, key: str) -> _Refs:
        if key not in self._refs_of:
            module_name, _, name = key.partition(":")
            module = self._modules[module_name] if module_name in self._modules else self._module(module_name)
            assert module is not None
            match name:
                case "<module>":
                    refs = self._refs_of_import(module)
                case "*":
                    refs = self._refs_of_names(module)
                case "**":
                    refs = self._refs_of_whole(module)
                case _:
                    refs = self._refs_of_unit(module, name)
            self._refs_of[key] = refs
        return self._refs_of[key]

    def _refs_of_unit(self, module: _Module, name: str) -> _Refs:
        key = f"{module.name}:{name}"
        refs = _Refs(edges={f"{module.name}:<module>"})
        binding = module.bindings[name]
        indices = list(binding.statements)
        reading = self._reading(module, name)
        mutators = self._effects(module).mutators.get(name, [])
        if mutators:
            nodes = []
            for index in mutators:
                statement = module.body[index]
                if isinstance(statement, Function | ast.ClassDef):
                    refs.edges.add(f"{module.name}:{statement.name}")
                else:
                    indices.append(index)
                    nodes.append(statement)
            reading = _Reading(module, [*(module.body[i] for i in binding.statements), *nodes])
        indices = sorted(set(indices))
        own = [self._canonical(module, i) for i in indices]
        own += [self._order(module, i, name) for i in indices]
        own += map(str, [*self._finals(module, name), *self._taken(module, name)])
        if reading.is_annotated:
            own.append(f"annotations {module.has_future_annotations}")
        refs.entries[key] = _digest(*own, *self._link(module, reading, refs))
        return refs

    def _order(self, module: _Module, index: int, name: str) -> str:
        """Return what has happened before a statement runs, as far as it can see it."""
        statement = module.body[index]
        if isinstance(statement, Function) and not statement.decorator_list and not statement.args.defaults:
            return ""
        effects = self._effects(module)
        chains = self._evaluated(module, index)
        seen = [f"{self._happened(module, index)} effects"] if chains else []
        at_once = {chain[0] for chain in chains}
        later = self._read_when_called(module, at_once)
        for other in sorted((at_once | later) - {name}):
            if other in module.bindings:
                steps = {*module.bindings[other].statements, *effects.mutators.get(other, [])}
                before = sum(i < index for i in steps)
                is_shadow = other in at_once or other in BUILTINS or self._taken(module, other)
                if len(steps) > 1 or (not before and is_shadow):
                    seen.append(f"{other} {before}")
        return ", ".join(seen)

    def _read_when_called(self, module: _Module, names: Iterable[str]) -> set[str]:
        """Return the module's names that its own functions read, if those in *names* are called."""
        seen: set[str] = set()
        queue = list(names)
        while queue:
            name = queue.pop()
            if name not in seen and name in module.bindings:
                seen.add(name)
                queue += (chain[0] for chain in self._reading(module, name).chains)
        return seen

    def _evaluated(self, module: _Module, index: int) -> set[Chain]:
        key = (module.name, index)
        if key not in self._evaluated_of:
            statement = module.body[index]
            self._evaluated_of[key] = _evaluated(statement, not module.has_future_annotations)
        return self._evaluated_of[key]

    def _happened(self, module: _Module, index: int) -> int:
        """Return how much that acts on other modules, or may, the module has run before a statement."""
        if module.name not in self._happenings:
            effects = self._effects(module)
            indices = {*effects.statements, *(i for i, _ in effects.names)}
            for i, statement in enumerate(module.body):
                if any(self._is_effectful(t) for _, t in _Scope([statement], module.package).imports):
                    indices.add(i)
            self._happenings[module.name] = sorted(indices)
        return sum(i < index for i in self._happenings[module.name])

    def _is_effectful(self, target: _Import) -> bool:
        """Whether importing runs more than definitions, in any module that it loads."""
        start = (target.loads, f"{target.module}.{target.attr}")
        seen: set[str] = set()
        queue = list(start)
        while queue:
            name = queue.pop()
            if name in seen or self._effectful.get(name) is False:
                continue
            seen.add(name)
            module = self._module(name) if self._is_ours(name) else None
            if module is None:
                continue
            effects = self._effects(module)
            if effects.statements or effects.names or self._effectful.get(name):
                self._effectful[name] = True
                return True
            queue.append(name.rpartition(".")[0])
            queue += (part for t in module.imports for part in (t.loads, f"{t.module}.{t.attr}"))
        self._effectful.update(dict.fromkeys(seen, False))
        return False

    def _not_there(self, module: _Module, index: int) -> list[str]:
        """Return the names that a statement reads though they are not there, or not yet: importing fails."""
        gone = []
        for chain in sorted(self._evaluated(module, index)):
            head = chain[0]
            binding = module.bindings.get(head)
            first = [min(binding.statements)] if binding is not None else []
            first += (at for at, star in module.stars if self._provides(star, head, set()))
            is_own = first and min(first) == index and isinstance(module.body[index], SIMPLE)
            if first and (min(first) > index or is_own):
                gone.append(f"{head} too early")
            ends = self._ends(module, chain)
            if not ends and not (head in BUILTINS or _is_error(head) or re.fullmatch(r"__\w+__", head)):
                gone.append(f"no {head}")
            elif ends and all(end.kind == "missing" for end in ends):
                gone += (f"no {_shown(end)}" for end in ends)
        return gone

    def _refs_of_import(self, module: _Module) -> _Refs:
        refs = _Refs()
        parent = module.name.rpartition(".")[0]
        if parent and self._module(parent) is not None:
            refs.edges.add(f"{parent}:<module>")
        effects = self._effects(module)
        own: list[str] = []
        for target in module.imports:
            own += self._load(target, refs)
        for index in range(len(module.body)):
            own += self._not_there(module, index)
        steps = sorted([*((i, "") for i in effects.statements), *effects.names])
        loads = [str(t) for t in module.imports if self._is_effectful(t)]
        own += loads if len(loads) > 1 else []
        for index, name in steps:
            own.append(name or self._canonical(module, index))
            if name:
                refs.edges.add(f"{module.name}:{name}")
        reading = _Reading(module, [module.body[i] for i in effects.statements])
        linked = self._link(module, reading, refs)
        if own:
            orders = [self._order(module, i, "") for i in effects.statements]
            refs.entries[f"{module.name}:<module>"] = _digest(*own, *orders, *linked)
        return refs

    def _load(self, target: _Import, refs: _Refs) -> list[str]:
        """Add what runs when *target* is imported; return what is not there to import."""
        if not self._is_ours(target.loads):
            return []
        if self._module(target.loads) is None:
            return [f"no {target.loads}"]
        refs.edges.add(f"{target.loads}:<module>")
        if not target.attr or target.attr == "*":
            return []
        below = f"{target.module}.{target.attr}"
        if self._module(below) is not None:
            refs.edges.add(f"{below}:<module>")
        ends = self._ends_in(target.module, (target.attr,))
        if any(end.kind != "missing" for end in ends):  # one way to it leads somewhere
            return []
        return [f"no {_shown(end)}" for end in ends if end.kind == "missing"]

    def _refs_of_names(self, module: _Module) -> _Refs:
        """All that the module's names mean: what ``import *`` may take."""
        refs = _Refs(edges={f"{module.name}:<module>"})
        aliases = []
        for name, binding in sorted(module.bindings.items()):
            if not binding.is_alias:
                refs.edges.add(f"{module.name}:{name}")
            for final in self._finals(module, name):
                aliases.append(f"{name} {final}")
                if final.kind == "unit":
                    refs.edges.add(f"{final.module}:{final.name}")
                elif final.kind in ("whole", "star"):
                    refs.edges.add(f"{final.module}:*")
        refs.edges |= {f"{star}:*" for _, star in module.stars if self._module(star) is not None}
        refs.entries[f"{module.name}:*"] = _digest(*aliases)
        return refs

    def _refs_of_whole(self, module: _Module) -> _Refs:
        """All that a module object leads to: its names, the modules among them, its script's part."""
        refs = _Refs(edges={f"{module.name}:*"})
        for name in module.bindings:
            ends = self._finals(module, name)
            refs.edges |= {f"{end.module}:**" for end in ends if end.kind in ("module", "whole")}
        if module.is_package:
            below = f"{module.name}."
            refs.edges |= {f"{name}:**" for name in self.modules() if name.startswith(below)}
        if module.script:
            own = [canonical(statement) for statement in module.script]
            linked = self._link(module, _Reading(module, module.script), refs)
            refs.entries[f"{module.name}:__main__"] = _digest(*own, *linked)
        return refs

    def _link(self, module: _Module, reading: _Reading, refs: _Refs) -> list[str]:
        """Add to *refs* what *reading* reaches; return the outside names that its own hash must hold."""
        hops: dict[str, tuple[_End, ...]] = {}
        ends: list[tuple[_End, int, str]] = []
        for chain, line in reading.chains.items():
            ends += ((end, line, ".".join(chain)) for end in self._ends(module, chain, hops))
        for (target, rest), line in reading.local_chains.items():
            name = ".".join(filter(None, [target.attr or target.module, *rest]))
            ends += ((end, line, name) for end in self._ends_of(target, rest, hops))
        outside = [gone for target in reading.loads for gone in self._load(target, refs)]
        for end, line, name in ends:
            where = f"{module.path}:{line}"
            match end.kind:
                case "unit" if end.module:
                    refs.edges.add(f"{end.module}:{end.name}")
                case "module" | "whole":
                    refs.edges.add(f"{end.module}:**")
                    refs.notes.append(f"{where}: {name} is used as a value: all of {end.module} counts")
                case "star":
                    refs.edges.add(f"{end.module}:*")
                    refs.notes.append(f"{where}: {name} comes by import *: all of {end.module} counts")
                case "external":
                    if end.module.startswith("sys.modules"):
                        self._take_whole(module, "*", f"{where}: {name}", refs)
                    outside.append(f"{name} is {end.module}")
                    refs.reads_files |= end.module.startswith(
                        ("importlib.resources", "importlib_resources", "pkgutil.get_data")
                    )
        for hop, finals in hops.items():
            if any(final.kind not in ("external", "plain") for final in finals) and not hop.startswith(":"):
                refs.entries[hop] = _digest("import", *map(str, finals))
        for text in sorted(reading.strings):
            self._link_named(module, text, refs)
        for pattern, (line, why) in reading.wholes.items():
            self._take_whole(module, pattern, f"{module.path}:{line}: {why}", refs)
        refs.strings |= reading.strings
        refs.patterns |= reading.patterns
        refs.reads_files |= bool(reading.mentions & READS_FILES)
        refs.reads_text |= bool(reading.mentions & READS_TEXT)
        refs.reads_everything |= bool(reading.mentions & READS_EVERYTHING)
        if reading.mentions & LISTS_FILES:
            refs.folders.add(module.folder)
        return sorted(set(outside))

    def _link_named(self, module: _Module, text: str, refs: _Refs) -> None:
        """Reach what a string names: ``python -m dlnotes.train``, a path for hydra or for a mock."""
        if not SYMBOL.fullmatch(text) or not self._is_ours(text.partition(":")[0]):
            return
        name = text.replace(":", ".")
        parts = name.split(".")
        for end in self._ends_in(parts[0], tuple(parts[1:])):
            if end.kind == "unit":
                refs.edges.add(f"{end.module}:{end.name}")
            elif end.kind == "module":
                refs.edges.add(f"{end.module}:**")
            else:
                continue
            refs.notes.append(f"{module.path}: a text names {text}, which counts")

    def _take_whole(self, module: _Module, pattern: str, why: str, refs: _Refs) -> None:
        if pattern == "" and not module.name:  # a cell's own namespace: all that its note imported
            for key in (":*", ":**"):
                edges = (self._refs_of_names if key == ":*" else self._refs_of_whole)(module).edges
                refs.edges |= {edge for edge in edges if not edge.startswith(":")}
            refs.notes.append(f"{why}: all that the note imports counts")
            return
        if pattern == "":
            names = [module.name]
        elif "*" in pattern:
            names = [n for n in self.modules() if fnmatchcase(n, pattern)]
        else:
            names = [pattern] if self._module(pattern) is not None else []
        for name in names:
            refs.edges.add(f"{name}:**")
            refs.notes.append(f"{why}: all of {name} counts")

    def _close(self, start: _Refs) -> Closure:
        entries: dict[str, str] = {}
        notes: list[str] = []
        seen: set[str] = set()
        steps = [start]
        queue: list[str] = sorted(start.edges)
        entries.update(start.entries)
        notes += start.notes
        while True:
            while queue:
                key = queue.pop()
                if key in seen:
                    continue
                seen.add(key)
                refs = self._refs(key)
                steps.append(refs)
                entries.update(refs.entries)
                notes += refs.notes
                queue += refs.edges - seen
            loaded = {key.removesuffix(":<module>") for key in seen if key.endswith(":<module>")}
            if any(refs.reads_everything for refs in steps):
                more = {f"{name}:**" for name in loaded} - seen
                if more:
                    notes.append(
                        "subclasses or type hints are looked up at run time: every loaded module counts"
                    )
                    queue += more
                    continue
            break
        if any(refs.reads_text for refs in steps):
            notes.append("source or docstrings are read at run time: every loaded file's text counts")
            for name in loaded:
                module = self._modules[name]
                if module is not None and module.path.endswith(".py") and module.source:
                    entries[f"file:{module.path}"] = _digest(module.source)
        for path in self._data_files(steps):
            entries[f"file:{path}"] = self._file_hash(path)
        return Closure(
            {Symbol(key): entries[key] for key in sorted(entries)}, tuple(sorted(dict.fromkeys(notes)))
        )

    # data files

    def _data_files(self, steps: Sequence[_Refs]) -> set[str]:
        reads_files = any(refs.reads_files for refs in steps)
        for refs in steps:
            if reads_files not in refs.files:
                refs.files[reads_files] = self._named_files(refs, reads_files)
        return {path for refs in steps for path in refs.files[reads_files]}

    def _named_files(self, refs: _Refs, reads_files: bool) -> set[str]:
        """Return the files that a step's texts name; folders and patterns only where files are looked up."""
        if self._suffixes is None:
            self._suffixes = {}
            for file in self._walk():
                path = file.relative_to(self.root).as_posix()
                self._files.append(path)
                parts = path.split("/")
                for start in range(len(parts)):
                    self._suffixes.setdefault("/".join(parts[start:]), []).append(path)
                    for end in range(start + 1, len(parts)):
                        self._suffixes.setdefault("/".join(parts[start:end]) + "/", []).append(path)
        found: set[str] = set()
        for text in refs.strings:
            name = re.sub(r"^(?:\.{0,2}/)+", "", text).rstrip("/")
            found.update(self._suffixes.get(name, ()))
            if reads_files:
                found.update(p for p in self._suffixes.get(f"{name}/", ()) if not p.endswith(".py"))
        patterns = refs.patterns | {text for text in refs.strings if "*" in text}
        for path in self._files if reads_files and (patterns or refs.folders) else ():
            if not path.endswith(".py") and (
                any(fnmatchcase(path, f"*{pattern}") for pattern in patterns)
                or any(path.startswith(f"{folder}/") for folder in refs.folders)
            ):
                found.add(path)
        return found

    def _file_hash(self, path: str) -> str:
        if path not in self._file_hashes:
            self._file_hashes[path] = hashlib.sha256((self.root / path).read_bytes()).hexdigest()[:20]
        return self._file_hashes[path]

    # cells

    def _reject_missing(self, tree: ast.Module, module: _Module, reading: _Reading) -> None:
        """Raise for what a cell takes from our modules that is not there, unless it is ready for that."""
        if any(isinstance(node, ast.Try | ast.TryStar) for node in ast.walk(tree)):
            return
        written = reading.optional | {
            (root.id, *chain)
            for node in ast.walk(ast.Module(body=module.body, type_ignores=[]))
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            for chain, root in [_unwound(node)]
            if isinstance(root, ast.Name)
        }
        for target in _Scope(tree.body, "").imports:
            for gone in self._load(target[1], _Refs()):
                if not self._writes_itself(target[1].module):
                    raise self._unknown(Symbol(gone.removeprefix("no ")))
        for chain in reading.chains:
            if any(chain[: len(w)] == w for w in written):
                continue
            ends = self._ends(module, chain)
            for end in ends if all(e.kind == "missing" for e in ends) else ():
                if not self._writes_itself(end.module):
                    raise self._unknown(Symbol(_shown(end)))

    def _writes_itself(self, name: str) -> bool:
        module = self._module(name)
        return module is not None and f"{name}:**" in self._refs(f"{name}:<module>").edges


def _shown(end: _End) -> str:
    return f"{end.module}:{end.name}" if end.name else end.module


def _classes(nodes: Iterable[ast.stmt]) -> Iterator[ast.ClassDef]:
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield node
        elif not isinstance(node, Function):
            yield from (n for n in ast.walk(node) if isinstance(n, ast.ClassDef))


def _root(node: ast.AST) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


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
                stack += [*node.decorator_list, *_defaults(node.args)]
                if with_annotations:
                    notes = [a.annotation for a in ast.walk(node.args) if isinstance(a, ast.arg)]
                    stack += filter(None, [*notes, node.returns])
                if node is not statement:
                    local.add(node.name)
                continue
            case ast.Lambda():
                stack += _defaults(node.args)
                continue
            case ast.AnnAssign() if not with_annotations:
                stack += filter(None, [node.target, node.value])
                continue
            case ast.Attribute() | ast.Name() if isinstance(node.ctx, ast.Load):
                attrs, root = _unwound(node)
                if isinstance(root, ast.Name):
                    chains.add((root.id, *attrs))
                    continue
            case ast.ClassDef():
                local.update(_Scope(node.body, "").names | _Scope(node.body, "").imported)
                local.update(getattr(p, "name", "") for p in getattr(node, "type_params", ()))
            case ast.Name():
                local.add(node.id)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                local.add(node.name or "")
            case ast.MatchMapping():
                local.add(node.rest or "")
        stack += ast.iter_child_nodes(node)
    bound = _Scope([statement], "").names
    return {chain for chain in chains if chain[0] not in local or chain[0] in bound}


def _defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *filter(None, args.kw_defaults)]


def _is_loud_word(dotted: str) -> bool:
    return dotted.partition(".")[0] not in QUIET_ROOTS and LOUD_WORD.search(dotted) is not None


def _is_error(name: str) -> bool:
    return name.endswith(("Error", "Exception", "Warning"))


SYMBOL = re.compile(r"[^\W\d]\w*(?:[.:][^\W\d]\w*)+")
MAGIC = re.compile(r"^\s*(?:%%?|!|\?)\S*(?: -\w+(?: \d+)?)*", re.MULTILINE)
IMPORT_LINE = re.compile(
    r"^[ \t]*((?:from[ \t]+[\w.]+[ \t]+import[ \t]+(?:\([^)]*\)|[^\n;]+))|import[ \t]+[\w., \t]+)",
    re.MULTILINE,
)
DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def _cell_tree(source: str) -> tuple[ast.Module, bool]:
    """Return a cell's tree, and whether it was pieced together from words, as with IPython's magics."""
    try:
        return _parse(source), False
    except (SyntaxError, ValueError):
        pass
    body: list[ast.stmt] = []
    text = MAGIC.sub("", source.replace("\0", ""))
    pieces = [match[1].strip() for match in IMPORT_LINE.finditer(text)]
    pieces += dict.fromkeys(DOTTED.findall(IMPORT_LINE.sub("", text)))
    for piece in pieces:
        try:
            body += _parse(piece).body
        except SyntaxError:
            continue
    return ast.Module(body=body, type_ignores=[]), True
