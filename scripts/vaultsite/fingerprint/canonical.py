"""The canonical form: a text that is equal for code of equal meaning, and the hashes made of it."""

from __future__ import annotations

import ast
import hashlib
import warnings

FORMAT = "1"
"""Enters every hash; raise it when the canonical form changes, and everything is stale once."""

SKIPPED_FIELDS = frozenset({"ctx", "type_comment", "kind", "type_ignores"})
BODIES = frozenset({"body", "orelse", "finalbody"})
_fields: dict[type, tuple[str, ...]] = {}


def digest(*parts: str) -> str:
    """Return a short hash of *parts* and of the form's version."""
    return hashlib.sha256("\0".join((FORMAT, *parts)).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def parse(source: str | bytes) -> ast.Module:
    """Parse without a word on what the code may deserve to be warned of.

    Raises:
        SyntaxError, ValueError: *source* is not Python.
    """
    with warnings.catch_warnings():  # an invalid escape in a docstring is not our business
        warnings.simplefilter("ignore")
        return ast.parse(source)


def source_hash(source: str, salt: str = "") -> str:
    """Return the hash of a cell's own meaning; of its text if it is no plain Python (IPython's magics)."""
    try:
        tree = parse(source)
    except (SyntaxError, ValueError):
        return digest("text", salt, source.strip())
    # IPython shows nothing for a cell that ends in a semicolon, which the AST does not keep.
    is_silent = bool(tree.body) and _after(source, tree.body[-1]).startswith(";")
    return digest("silent" if is_silent else "cell", salt, canonical(tree))


def canonical(node: ast.AST | str) -> str:
    """Return a text that is equal for code of equal meaning, on every Python from 3.11 on.

    Positions, comments, docstrings, ``pass``, quotes and the ways to split an f-string do not enter. A bare
    string that ends a module's source stays, for a cell shows it.

    Raises:
        SyntaxError: *node* is a text that is not Python.
    """
    out: list[str] = []
    _dump(parse(node) if isinstance(node, str) else node, out)
    return "".join(out)


def merged(joined: ast.JoinedStr) -> list[ast.expr | str]:
    """Return the parts of an f-string, texts side by side joined to one and empty ones left out."""
    parts: list[ast.expr | str] = []
    for value in joined.values:
        for part in merged(value) if isinstance(value, ast.JoinedStr) else [value]:
            text = part.value if isinstance(part, ast.Constant) else part
            if isinstance(text, str) and parts and isinstance(last := parts[-1], str):
                parts[-1] = last + text
            elif text != "":
                parts.append(text if isinstance(text, str) else part)
    return parts


def _after(source: str, node: ast.stmt) -> str:
    lines = source.encode().split(b"\n")
    rest = lines[(node.end_lineno or 1) - 1][node.end_col_offset or 0 :]
    return rest.decode(errors="replace").strip()


def _dump(node: object, out: list[str]) -> None:
    kind = type(node)
    if kind is ast.Name:
        out.append(f"`{node.id}")  # type: ignore[attr-defined]
    elif kind is ast.Constant:
        out.append(_literal(node.value))  # type: ignore[attr-defined]
    elif kind is ast.JoinedStr:
        _dump_joined(node, out)  # type: ignore[arg-type]
    elif isinstance(node, ast.AST):
        _dump_fields(node, out)
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


def _dump_fields(node: ast.AST, out: list[str]) -> None:
    kind = type(node)
    fields = _fields.get(kind)
    if fields is None:
        fields = _fields[kind] = tuple(f for f in node._fields if f not in SKIPPED_FIELDS)
    out.append(kind.__name__ + "(")
    for name in fields:
        value = getattr(node, name, None)
        if value is None or value == []:
            continue
        if kind is ast.FormattedValue and name == "format_spec" and not merged(value):
            continue
        if name in BODIES and isinstance(value, list):
            value = _meant(value, kind is ast.Module)
            if not value:
                continue
        out.append(name + "=")
        _dump(value, out)
        out.append(",")
    out.append(")")


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


def _dump_joined(node: ast.JoinedStr, out: list[str]) -> None:
    parts = merged(node)
    if all(isinstance(part, str) for part in parts):
        out.append(_literal("".join(map(str, parts))))
        return
    out.append("JoinedStr(")
    for part in parts:
        _dump(part, out)
        out.append(",")
    out.append(")")
