"""A vault with its code and its records: read once, judged once, run where stale."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cache as cache_result
from functools import cached_property
from pathlib import Path

from vaultsite import coursemap
from vaultsite.cache import Cache
from vaultsite.embed import Snippet, TestRef, snippet, tests_reaching
from vaultsite.fingerprint import CodeBase, UnknownSymbol, source_hash
from vaultsite.freeze import CellPrint, DamagedRecord, Record, Verdict, load, verdict
from vaultsite.graph import Graph, build_graph
from vaultsite.links import Resolver
from vaultsite.model import Cell, Note, Output, Problem, Symbol, Vault, VaultError, VaultPath
from vaultsite.reader import read_vault

HOME_NAMES = ("导航", "index", "README", "Home", "MOC")


@dataclass(frozen=True)
class Settings:
    """The project's own words on itself: ``[tool.vaultsite]`` in pyproject.toml. Paths are absolute."""

    root: Path
    vault: Path
    code: Path
    tests: Path
    home: str = ""
    course_map: str = ""
    package: str = ""
    setup: str = ""
    environment: str = ""
    timeout: float = 1800
    memory_mib: int = 0

    @cached_property
    def pins(self) -> Mapping[str, str]:
        """The versions that requirements.txt pins, by package."""
        path = self.root / "requirements.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        parts = (line.partition("#")[0].partition("==") for line in lines)
        return {name.strip(): version.strip() for name, equals, version in parts if equals}

    @property
    def is_own_vault(self) -> bool:
        """Whether the vault is the project's own, not another one given by ``--vault``."""
        return self.vault == self.root / "docs"

    def shown(self, path: str) -> str:
        """Return a vault path as seen from where the user stands, for messages that an editor can open."""
        full = self.vault / path
        if not full.exists():
            return path
        try:
            return Path(os.path.relpath(full)).as_posix()
        except ValueError:  # another drive, on Windows
            return full.as_posix()


def read_settings(root: Path, vault: Path | None = None) -> Settings:
    """Read the settings of the project at *root*, with another *vault* in place of its own if given."""
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["vaultsite"]
    own = Settings(
        root=root,
        vault=root / "docs",
        code=root / "code",
        tests=root / "tests" / "dlnotes",
        **table,
    )
    return own if vault is None or vault == own.vault else replace(own, vault=vault, course_map="")


@dataclass(frozen=True)
class Draft:
    """What the cells of a note gave that is being written: shown while serving, never recorded.

    *key* is a hash of what the cells mean; *outputs* holds None for a cell that did not run; *problem* says
    what went wrong in the cell after the *done* ones.
    """

    key: str
    outputs: tuple[tuple[Output, ...] | None, ...]
    done: int
    cells: int
    is_over: bool
    problem: str = ""


@dataclass(frozen=True)
class Workspace:
    """Everything that is known of a vault before any page is written."""

    settings: Settings
    vault: Vault
    resolver: Resolver
    graph: Graph
    codebase: CodeBase
    home: VaultPath | None
    prints: Mapping[VaultPath, tuple[CellPrint, ...]] = field(default_factory=dict)
    records: Mapping[VaultPath, Record] = field(default_factory=dict)
    verdicts: Mapping[VaultPath, Verdict] = field(default_factory=dict)
    snippets: Mapping[str, Snippet] = field(default_factory=dict)
    tests: Mapping[str, tuple[TestRef, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    drafts: Mapping[VaultPath, Draft] = field(default_factory=dict)

    @property
    def stale(self) -> list[Note]:
        """The notes whose cells must run before they can be published."""
        return [self.vault.notes[path] for path, v in self.verdicts.items() if v.state != "fresh"]

    @property
    def map_is_stale(self) -> bool:
        """Whether the course map shows other notes or links than the vault has."""
        if not self.settings.course_map:
            return False
        path = self.settings.vault / self.settings.course_map
        if not path.is_file():
            return True
        chart = coursemap.course_map(self.vault, self.graph)
        return coursemap.digest_in(path.read_bytes()) != chart.digest


def open_workspace(
    settings: Settings,
    cache: Cache | None = None,
    *,
    lenient: bool = False,
    before: Workspace | None = None,
) -> Workspace:
    """Read the vault, its code and its records; *lenient* bears odd front matter.

    What is known of notes that did not change is taken from *before*, whose code must be the same.

    Raises:
        VaultError: the vault cannot be read.
    """
    vault = read_vault(settings.vault, cache, lenient=lenient)
    resolver = Resolver(vault, before.resolver if before else None)
    home = find_home(vault, settings)
    graph = build_graph(vault, resolver, home)
    codebase = before.codebase if before else CodeBase(settings.code)
    known = _Known(cache, settings.code)
    problems: list[Problem] = list(vault.problems)
    snippets = _snippets(vault, codebase, problems)
    prints: dict[VaultPath, tuple[CellPrint, ...]] = {}
    records: dict[VaultPath, Record] = {}
    verdicts: dict[VaultPath, Verdict] = {}
    for path, note in vault.notes.items():
        if not note.cells:
            continue
        if before and path in before.verdicts and before.vault.notes[path].digest == note.digest:
            prints[path], verdicts[path] = before.prints[path], before.verdicts[path]
            if path in before.records:
                records[path] = before.records[path]
            continue
        try:
            prints[path] = known.prints(note, codebase)
        except UnknownSymbol as error:
            problems.append(_unknown(note, error))
            continue
        try:
            record = load(settings.vault, path)
        except DamagedRecord as error:
            verdicts[path] = Verdict("damaged", (str(error),))
            continue
        if record is not None:
            records[path] = record
        verdicts[path] = verdict(prints[path], record, settings.pins)
    symbols = {Symbol(s) for s in snippets}
    if before and symbols == {Symbol(s) for s in before.snippets}:
        tests: Mapping[Symbol, tuple[TestRef, ...]] = {Symbol(s): refs for s, refs in before.tests.items()}
    else:
        tests = known.tests(settings.tests, codebase, symbols) if settings.tests.is_dir() and symbols else {}
    return Workspace(
        settings,
        vault,
        resolver,
        graph,
        codebase,
        home,
        prints,
        records,
        verdicts,
        snippets,
        {str(symbol): refs for symbol, refs in tests.items()},
        tuple(problems),
    )


def find_home(vault: Vault, settings: Settings) -> VaultPath | None:
    """Return the note that is the site's front page and navigation, if the vault has one."""
    if settings.home in vault.notes:
        return VaultPath(settings.home)
    for name in HOME_NAMES:
        found = sorted((p for p, note in vault.notes.items() if note.name == name), key=len)
        if found and (name == HOME_NAMES[0] or "/" not in found[0]):
            return found[0]
    return None


class _Known:
    """What cells mean and tests reach, kept by the content of all that is read and of what reads it."""

    def __init__(self, cache: Cache | None, code: Path) -> None:
        self._cache = cache
        self._kept = cache.all_of("prints") if cache else {}
        self._code = digest_of_code(code) if cache else ""

    def prints(self, note: Note, codebase: CodeBase) -> tuple[CellPrint, ...]:
        if self._cache is None:
            return cell_prints(note, codebase)
        key = hashlib.sha256(f"{note.digest} {self._code} {_engine()}".encode()).hexdigest()
        if (kept := self._kept.get(key)) is not None:
            self._cache.keep("prints", [key])
            return tuple(CellPrint(digest, symbols) for digest, symbols in json.loads(kept))
        prints = cell_prints(note, codebase)
        table = [[p.hash, dict(p.symbols)] for p in prints]
        self._cache.put("prints", key, json.dumps(table, ensure_ascii=False).encode())
        return prints

    def tests(
        self, root: Path, codebase: CodeBase, symbols: Collection[Symbol]
    ) -> Mapping[Symbol, tuple[TestRef, ...]]:
        if self._cache is None:
            return tests_reaching(root, codebase, symbols)
        made_of = [str(root), digest_of_code(root), self._code, _engine(), *sorted(symbols)]
        key = hashlib.sha256("\0".join(made_of).encode()).hexdigest()
        if (kept := self._cache.get("tests", key)) is not None:
            table = json.loads(kept)
            return {Symbol(symbol): tuple(TestRef(*ref) for ref in refs) for symbol, refs in table.items()}
        found = tests_reaching(root, codebase, symbols)
        table = {symbol: [astuple(ref) for ref in refs] for symbol, refs in found.items()}
        self._cache.put("tests", key, json.dumps(table, ensure_ascii=False).encode())
        return found


def digest_of_code(code: Path) -> str:
    """Return a hash of every file below *code*, data too: any may change what cells mean or tests reach."""
    digest = hashlib.sha256()
    for path in sorted(code.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(code).as_posix()}\0".encode("utf-8", "surrogateescape"))
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache_result
def _engine() -> str:
    """The hash of what reads cells: these files."""
    here = Path(__file__).parent
    files = [here / name for name in ("workspace.py", "embed.py", "syntax.py", "reader.py")]
    files += sorted((here / "fingerprint").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def cell_prints(note: Note, codebase: CodeBase) -> tuple[CellPrint, ...]:
    """Return what each cell's code means now: its own hash and those of the symbols that it reaches."""
    prints = []
    before: list[str] = []
    for cell in note.cells:
        closure = codebase.closure_of_source(cell.source, before)
        prints.append(
            CellPrint(_cell_hash(cell), {str(name): digest for name, digest in closure.symbols.items()})
        )
        before.append(cell.source)
    return tuple(prints)


def write_course_map(workspace: Workspace) -> Path:
    """Draw the course map anew, at once and twice the size, and return where it stands.

    Raises:
        VaultError: the vault cannot be written.
    """
    chart = coursemap.course_map(workspace.vault, workspace.graph)
    path = workspace.settings.vault / workspace.settings.course_map
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for target, scale in ((path, 1), (path.with_stem(f"{path.stem}@2x"), 2)):
            target.write_bytes(coursemap.draw_png(chart, scale))
    except OSError as error:
        raise VaultError(Problem(str(path), 1, f"cannot be written: {error.strerror or error}")) from error
    return path


def _snippets(vault: Vault, codebase: CodeBase, problems: list[Problem]) -> dict[str, Snippet]:
    found: dict[str, Snippet] = {}
    for note in vault.notes.values():
        for embed in note.code_embeds:
            try:
                found[embed.symbol] = snippet(codebase, embed.symbol)
            except UnknownSymbol as error:
                near = f"; did you mean {' or '.join(error.near)}?" if error.near else ""
                problems.append(Problem(note.path, embed.line, f"unknown symbol {embed.symbol}{near}"))
    return found


def _unknown(note: Note, error: UnknownSymbol) -> Problem:
    near = f"; did you mean {' or '.join(error.near)}?" if error.near else ""
    name = str(error.symbol).partition(":")[2].rpartition(".")[2] or str(error.symbol)
    cell = next((c for c in note.cells if name in c.source), note.cells[0])
    offset = next((n for n, text in enumerate(cell.source.split("\n")) if name in text), 0)
    return Problem(note.path, cell.line + offset, f"cell {cell.index}: unknown symbol {error.symbol}{near}")


def _cell_hash(cell: Cell) -> str:
    return source_hash(cell.source, salt=f"{cell.kind} {cell.options.get('raises', '')}")


def outputs_of(workspace: Workspace, note: Note) -> Sequence[tuple[Output, ...] | None]:
    """Return the outputs of each cell of a note: of its record if fresh, else of its draft, else nothing."""
    judged = workspace.verdicts.get(note.path)
    if judged is not None and judged.state == "fresh":
        return [cell.outputs for cell in workspace.records[note.path].cells]
    draft = workspace.drafts.get(note.path)
    return draft.outputs if draft is not None and draft.cells == len(note.cells) else ()
