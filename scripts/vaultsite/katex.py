"""TeX to HTML at build time, by KaTeX in one Node process; results are kept by content.

Readers are sent no script for mathematics: each formula is KaTeX's HTML, with MathML inside for screen
readers. What was rendered once is found again by its text, so a warm build starts no Node.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Formula = tuple[str, bool]
"""The TeX between the dollar signs, and whether it stands on lines of its own."""

LONGEST_WHOLE = 24
"""Characters of TeX that a formula of several parts may have and still not be broken across lines."""
SCRIPT = Path(__file__).parents[1] / "theme" / "katex.mjs"
SITE_FOLDER = "assets/dlnotes/vendor/katex"


def inline_math(tex: str, rendered: str, mark: str) -> str:
    """Return a formula in a line, with the closing *mark* that follows it on the same line."""
    formula = f'<span class="math inline">{rendered}</span>'
    if not mark:
        return formula
    is_short = rendered.count('class="base"') < 2 or len(tex) <= LONGEST_WHOLE
    return f'<span class="unbroken">{formula}{mark}</span>' if is_short else formula + mark


@dataclass(frozen=True, slots=True)
class TexError:
    """A formula that KaTeX rejects. *position* counts characters of *tex*, if KaTeX names a place."""

    tex: str
    display: bool
    message: str
    position: int | None

    def __str__(self) -> str:
        if self.position is None:
            return self.message
        lines = self.tex[: self.position].split("\n")
        line = self.tex.split("\n")[len(lines) - 1]
        return f"{self.message}\n  {line}\n  {' ' * len(lines[-1])}^"


class BadTexError(ValueError):
    """Formulas that KaTeX rejects: all of them, not only the first."""

    def __init__(self, errors: Sequence[TexError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


def render(
    formulas: Collection[Formula],
    *,
    cache: Path,
    node: Sequence[str] | Callable[[], Sequence[str]],
    katex: Path,
) -> Mapping[Formula, str]:
    """Return the HTML of each formula.

    *cache* is a folder to keep results in, *katex* the folder of the npm package, *node* the command that
    starts Node, or a function that finds it: it is called only when something has to be rendered.

    Raises:
        BadTexError: KaTeX rejects some of *formulas*; the others are kept all the same.
        RuntimeError: Node or KaTeX itself fails.
    """
    wanted = list(dict.fromkeys(formulas))
    if not wanted:
        return {}
    renderer = _renderer(katex)
    keys = {formula: _key(formula, renderer) for formula in wanted}
    with closing(_open(cache)) as store:
        known = _load(store, keys.values())
        missing = [formula for formula in wanted if keys[formula] not in known]
        errors: list[TexError] = []
        if missing:
            fresh: dict[str, str] = {}
            command = node() if callable(node) else node
            for formula, answer in zip(missing, _run(missing, command, katex), strict=True):
                if "html" in answer:
                    fresh[keys[formula]] = answer["html"]
                else:
                    errors.append(TexError(*formula, answer["message"], answer["position"]))
            with store:
                store.executemany("INSERT OR REPLACE INTO formulas VALUES (?, ?)", fresh.items())
            known |= fresh
    if errors:
        raise BadTexError(errors)
    return {formula: known[keys[formula]] for formula in wanted}


def katex_assets(node_modules: Path) -> list[tuple[Path, str]]:
    """Return the style sheet and fonts that pages with mathematics need, each with its path in the site."""
    dist = node_modules / "katex" / "dist"
    files = [dist / "katex.min.css", *sorted((dist / "fonts").glob("*.woff2"))]
    return [(file, f"{SITE_FOLDER}/{file.relative_to(dist).as_posix()}") for file in files]


def _renderer(katex: Path) -> str:
    """What, besides a formula, decides on its HTML: KaTeX's version and the options in the script."""
    version = json.loads((katex / "package.json").read_text(encoding="utf-8"))["version"]
    return f"{version} {hashlib.sha256(SCRIPT.read_bytes()).hexdigest()}"


def _key(formula: Formula, renderer: str) -> str:
    tex, display = formula
    return hashlib.sha256(json.dumps([renderer, display, tex]).encode()).hexdigest()


def _open(cache: Path) -> sqlite3.Connection:
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / "katex.sqlite"
    try:
        return _connect(path)
    except sqlite3.DatabaseError:  # cut short or damaged: all of it can be made again
        path.unlink()
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    store = sqlite3.connect(path, timeout=60)
    try:
        store.execute("CREATE TABLE IF NOT EXISTS formulas (key TEXT PRIMARY KEY, html TEXT) WITHOUT ROWID")
        store.execute("SELECT html FROM formulas LIMIT 1").fetchone()
    except BaseException:
        store.close()
        raise
    return store


def _load(store: sqlite3.Connection, keys: Collection[str]) -> dict[str, str]:
    known: dict[str, str] = {}
    for some in _batches(list(keys), 500):  # SQLite limits the parameters of a statement
        marks = ",".join("?" * len(some))
        known.update(store.execute(f"SELECT key, html FROM formulas WHERE key IN ({marks})", some))
    return known


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _run(formulas: Sequence[Formula], node: Sequence[str], katex: Path) -> list[dict[str, Any]]:
    requests = "".join(json.dumps({"tex": tex, "display": display}) + "\n" for tex, display in formulas)
    done = subprocess.run(
        [*node, str(SCRIPT), str(katex.resolve())],
        input=requests,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    answers = done.stdout.splitlines() if done.returncode == 0 else []
    if len(answers) != len(formulas):
        raise RuntimeError(f"KaTeX failed (exit status {done.returncode}): {done.stderr.strip()}")
    return [json.loads(answer) for answer in answers]
