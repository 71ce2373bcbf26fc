"""Reading: what some code takes from outside of itself, before anyone asks where it comes from."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence

from vaultsite.fingerprint.canonical import merged, parse
from vaultsite.fingerprint.modules import Module
from vaultsite.fingerprint.outside import INERT_DECORATORS
from vaultsite.fingerprint.scopes import Import, Scope, imports
from vaultsite.fingerprint.tree import (
    Chain,
    Function,
    called,
    defaults,
    last_word,
    parameters,
    root_name,
    unwound,
)

READS_TEXT = frozenset({"__doc__", "getsource", "getsourcelines", "getdoc", "help"})
READS_EVERYTHING = frozenset({"__subclasses__", "get_type_hints", "__annotations__", "get_annotations"})
READS_FILES = frozenset({"__file__", "__path__", "__spec__"})
LISTS_FILES = frozenset({"iterdir", "listdir", "scandir", "walk"})
IMPORTERS = frozenset({"import_module", "__import__", "run_module"})
WALKERS = frozenset({"iter_modules", "walk_packages"})
ATTRIBUTES = frozenset({"getattr", "hasattr", "setattr", "delattr"})
NAMESPACES = frozenset({"globals", "exec", "eval"})


class Reading:
    """The names that some nodes of a module take from outside of themselves.

    *chains* are read in the module, with the line where each is read first; *local_chains* go through an
    import within a function; *loads* are all imports within; *wholes* are patterns of modules that are taken
    in a way that does not say which name, each with its line and why. *optional* may be missing.
    """

    def __init__(self, module: Module, nodes: Iterable[ast.AST]) -> None:
        self.module = module
        self.chains: dict[Chain, int] = {}
        self.local_chains: dict[tuple[Import, Chain], int] = {}
        self.loads: list[Import] = []
        self.wholes: dict[str, tuple[int, str]] = {}
        self.strings: set[str] = set()
        self.patterns: set[str] = set()
        self.optional: set[Chain] = set()
        self.writes_globals = False
        self.is_annotated = False
        self._mentions: set[str] = set()
        self._scopes: list[Scope] = []
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

    @property
    def reads_text(self) -> bool:
        """Whether source or docstrings may be read."""
        return bool(self._mentions & READS_TEXT)

    @property
    def reads_everything(self) -> bool:
        """Whether subclasses or type hints, wherever they are, may be looked up."""
        return bool(self._mentions & READS_EVERYTHING)

    @property
    def reads_files(self) -> bool:
        """Whether files beside the code may be read."""
        return bool(self._mentions & READS_FILES)

    @property
    def lists_files(self) -> bool:
        """Whether a folder's files may be listed."""
        return bool(self._mentions & LISTS_FILES)

    # scopes

    def _lookup(self, name: str) -> Scope | None:
        """Return the scope within the code that binds *name*; None if it is the module's or a builtin."""
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

    # names and what is stored under them

    def _name(self, node: ast.Name) -> None:
        self._mentions.add(node.id)
        if isinstance(node.ctx, ast.Load):
            self._use(node.id, (), node.lineno)

    def _attribute(self, node: ast.Attribute) -> None:
        attrs, root = unwound(node)
        self._store(node)
        self._mentions.update(attrs)
        if isinstance(root, ast.Name):
            self._mentions.add(root.id)
            self._use(root.id, attrs, node.lineno)
        else:
            self._visit(root)

    def _store(self, node: ast.Attribute | ast.Subscript) -> None:
        """See state kept outside of the function: ``MODELS[name] = …``, ``cls.count = …``."""
        if not isinstance(node.ctx, ast.Load) and (name := root_name(node)):
            scope = self._lookup(name)
            self.writes_globals |= name == "cls" or scope is None or name in scope.imported

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._use(node.target.id, (), node.lineno)
        self._children(node)

    def _global(self, _node: ast.Global) -> None:
        self.writes_globals = True

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.loads += (target for _, target in imports(node, self.module.package))

    # texts, which may name files, modules and symbols

    def _constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and 0 < len(node.value) < 200 and "\n" not in node.value:
            self.strings.add(node.value)

    def _joined(self, node: ast.JoinedStr) -> None:
        self.patterns.add(_pattern(node))
        self._children(node)

    def _expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # no docstring
            self._visit(node.value)

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

    def _path(self, node: ast.Call) -> bool:
        """Read ``joinpath(folder, "data", "x.csv")`` as one path; return whether it is one."""
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        count = len(texts)
        if not texts or not all(isinstance(argument, ast.Constant) for argument in node.args[-count:]):
            return False
        self.strings.add("/".join(texts))
        for part in [node.func, *node.args[:-count]]:
            self._visit(part)
        return True

    # calls that take names as texts

    def _call(self, node: ast.Call) -> None:
        name = last_word(node.func)
        is_method = isinstance(node.func, ast.Attribute)
        is_builtin = not is_method and name not in self.module.bindings and self._lookup(name) is None
        if is_builtin:
            if name in ATTRIBUTES and self._attribute_by_text(node, name):
                return
            self._namespace(node, name)
        if node.args and name in IMPORTERS:
            self._whole(_module_pattern(node.args[0], self.module.package), node, f"{name} by a text")
        if name in WALKERS:
            self._whole("*", node, f"{name}()")
        if not (is_method and name in ("joinpath", "join") and self._path(node)):
            self._children(node)

    def _attribute_by_text(self, node: ast.Call, function: str) -> bool:
        """Read ``getattr(x, "y")`` as ``x.y``; return whether it is of that form."""
        match node.args:
            case [owner, ast.Constant(value=str(attr)), *rest]:
                attrs, root = unwound(owner)
                if isinstance(root, ast.Name):
                    self._use(root.id, (*attrs, attr), node.lineno)
                    if rest or function != "getattr":  # it may be missing
                        self.optional.add((root.id, *attrs, attr))
                else:
                    self._visit(owner)
                for argument in rest:
                    self._visit(argument)
                return True
        return False

    def _namespace(self, node: ast.Call, function: str) -> None:
        """See what hands out or runs in a namespace: ``globals()``, ``exec(text)``."""
        match node.args:
            case []:
                is_local = function in ("vars", "locals", "dir") and not self._scopes
                if is_local or function == "globals":
                    self._whole("", node, f"{function}()")
            case [ast.Constant(value=str(code)), *_] if function in ("exec", "eval"):
                try:
                    self._visit(parse(code))
                except (SyntaxError, ValueError):
                    self._whole("", node, f"{function} of a text")
            case _ if function in NAMESPACES:
                self._whole("", node, f"{function} of a computed text")

    def _subscript(self, node: ast.Subscript) -> None:
        self._store(node)
        attrs, root = unwound(node.value)
        named = (root.id, *attrs) if isinstance(root, ast.Name) else attrs
        if named and named[-1] == "modules" and self._lookup(named[0]) is None:
            self._whole(_module_pattern(node.slice, self.module.package), node, "sys.modules[…]")
            self._visit(node.slice)
        else:
            self._children(node)

    def _whole(self, module: str, node: ast.expr, why: str) -> None:
        self.wholes.setdefault(module, (node.lineno, why))

    # blocks

    def _function(self, node: Function) -> None:
        is_inert = all(last_word(called(d)) in INERT_DECORATORS for d in node.decorator_list)
        for decorator in node.decorator_list:
            self._visit(decorator)
        annotations = [parameter.annotation for parameter in parameters(node.args)]
        for annotation in filter(None, [*annotations, node.returns]):
            self.is_annotated = True
            if not is_inert or not self.module.has_future_annotations:
                self._annotation(annotation, reads_texts=not is_inert)
        self._in_function(node.args, node.body, getattr(node, "type_params", ()))

    def _lambda(self, node: ast.Lambda) -> None:
        self._in_function(node.args, [node.body], ())

    def _in_function(self, args: ast.arguments, body: Sequence[ast.AST], params: Sequence[ast.AST]) -> None:
        for default in defaults(args):
            self._visit(default)
        scope = Scope(body, self.module.package)
        scope.names.update(parameter.arg for parameter in parameters(args))
        scope.names.update(getattr(param, "name", "") for param in params)
        self._within(scope, [*params, *body])

    def _class(self, node: ast.ClassDef) -> None:
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self._visit(part)
        scope = Scope(node.body, self.module.package, is_class=True)
        for _, target in scope.imports:
            self.local_chains.setdefault((target, ()), node.lineno)
        self._within(scope, [*getattr(node, "type_params", ()), *node.body])

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self._visit(node.generators[0].iter)
        parts: list[ast.AST] = []
        for index, generator in enumerate(node.generators):
            parts += [*([generator.iter] if index else []), generator.target, *generator.ifs]
        parts += filter(None, [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._within(Scope([g.target for g in node.generators], self.module.package), parts)

    def _within(self, scope: Scope, nodes: Iterable[ast.AST]) -> None:
        self._scopes.append(scope)
        for node in nodes:
            self._visit(node)
        self._scopes.pop()

    # annotations, which may be evaluated, later or never

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
                attrs, root = unwound(part)
                if isinstance(root, ast.Name):
                    self._use(root.id, attrs, part.lineno)
            elif reads_texts and isinstance(part, ast.Constant) and isinstance(part.value, str):
                try:
                    inner = parse(part.value)
                except (SyntaxError, ValueError):
                    continue
                for name in ast.walk(inner):
                    if isinstance(name, ast.Name):
                        self._use(name.id, (), part.lineno)


class Readings:
    """What each unit reads, read once."""

    def __init__(self) -> None:
        self._readings: dict[tuple[str, str], Reading] = {}

    def of(self, module: Module, name: str) -> Reading:
        """Return what the statements that bind *name* read."""
        key = (module.name, name)
        if key not in self._readings:
            self._readings[key] = Reading(module, module.statements(name))
        return self._readings[key]


def _pattern(node: ast.JoinedStr) -> str:
    return "".join(part if isinstance(part, str) else "*" for part in merged(node))


def _module_pattern(node: ast.expr, package: str) -> str:
    """Return which modules a computed name may mean: ``"models.*"`` for ``f"models.{name}"``."""
    match node:
        case ast.Constant(value=str(name)):
            pattern = name
        case ast.JoinedStr():
            pattern = _pattern(node)
        case ast.BinOp(left=ast.Constant(value=str(name)), op=ast.Add()):
            pattern = f"{name}*"
        case ast.Name(id="__name__"):
            return ""
        case ast.Name(id="__package__"):
            return package
        case _:
            return "*"
    return f"{package}.{pattern.lstrip('.')}" if pattern.startswith(".") else pattern
