"""Which notes run, where and how many at once; and the kept processes of notes that are being written."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol

from vaultsite.execute import CellFailed, Session, run_note
from vaultsite.freeze import CellPrint, from_run, save
from vaultsite.kernel import Stopped, event_loop
from vaultsite.model import Cell, CellRun, Note, NoteRun, Output, VaultPath
from vaultsite.workspace import Draft, Settings, Workspace, digest_of_code

KEPT = 3
"""How many notes' processes are kept while serving; the one used longest ago makes room."""


@dataclass(frozen=True)
class How:
    """How notes run. Empty *profile*: as the device suggests; no *timeout* or memory: the project's."""

    profile: str = ""
    device: str = "auto"
    jobs: int = 1
    timeout: float | None = None
    memory_mib: int | None = None
    python: str = sys.executable


class Progress(Protocol):
    """Told how far the runs are, from several threads."""

    def cell(self, note: Note, cell: Cell, seconds: float | None) -> None:
        """A cell begins (None) or is done."""

    def note(self, note: Note, run: NoteRun | None) -> None:
        """A note begins (None) or is done."""

    def failed(self, note: Note) -> None:
        """A note failed."""


class Silent:
    """Progress that nobody sees."""

    def cell(self, note: Note, cell: Cell, seconds: float | None) -> None:
        pass

    def note(self, note: Note, run: NoteRun | None) -> None:
        pass

    def failed(self, note: Note) -> None:
        pass


def run_notes(
    workspace: Workspace, notes: Iterable[Note], how: How, progress: Progress | None = None
) -> list[CellFailed]:
    """Run *notes*, each in a process of its own, and record those that succeed, each as soon as it is done.

    Every note is tried; what failed is returned, and leaves its old record as it was. On ctrl-C what runs is
    ended, and what was recorded stays.
    """
    failed: list[CellFailed] = []

    def done(note: Note, run: NoteRun) -> None:
        save(workspace.settings.vault, from_run(note, workspace.prints[note.path], run))

    _run_all(workspace.settings, list(notes), how, progress or Silent(), done, failed.append)
    return failed


def run_for_comparison(
    workspace: Workspace, notes: Iterable[Note], how: How, progress: Progress | None = None
) -> tuple[dict[VaultPath, NoteRun], list[CellFailed]]:
    """Run *notes* and record nothing; return what they gave, and what failed.

    What a note asserts about its measurements may fail here: it says so in its cell's *missed*.
    """
    runs: dict[VaultPath, NoteRun] = {}
    failed: list[CellFailed] = []

    def done(note: Note, run: NoteRun) -> None:
        runs[note.path] = run

    board = progress or Silent()
    _run_all(workspace.settings, list(notes), how, board, done, failed.append, forgives=True)
    return runs, failed


def _run_all(
    settings: Settings,
    notes: list[Note],
    how: How,
    progress: Progress,
    done: Callable[[Note, NoteRun], None],
    failed: Callable[[CellFailed], None],
    *,
    forgives: bool = False,
) -> None:
    stop = threading.Event()

    def run(note: Note) -> NoteRun:
        progress.note(note, None)
        try:
            with event_loop():
                result = run_note(
                    note,
                    on_cell=lambda cell, seconds: progress.cell(note, cell, seconds),
                    stop=stop,
                    forgives=forgives,
                    **session_options(settings, how),
                )
        except CellFailed:
            progress.failed(note)
            raise
        progress.note(note, result)
        return result

    with ThreadPoolExecutor(max(1, how.jobs)) as pool:
        running: dict[Future[NoteRun], Note] = {pool.submit(run, note): note for note in notes}
        try:
            while running:
                # With a timeout ctrl-C comes through on every system.
                for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                    note = running.pop(future)
                    try:
                        done(note, future.result())
                    except CellFailed as error:
                        failed(error)
        except BaseException:
            stop.set()
            for future in running:
                future.cancel()
            raise


def session_options(settings: Settings, how: How) -> dict[str, Any]:
    """Return what a Session of one of the project's notes is made with."""
    env = {
        "PYTHONPATH": os.pathsep.join([str(settings.code), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "DLNOTES_DEVICE": how.device,
        "PYTHONHASHSEED": "0",
        # Threads that wait by spinning make training ten times slower as soon as anything else runs.
        "OMP_WAIT_POLICY": "PASSIVE",
        # glibc learns to keep freed blocks of up to 32 MiB on its heap, where what training keeps of each
        # step pins them: a large vocabulary's logits grew by 700 MiB an epoch. From 4 MiB on they go back.
        "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
    }
    if how.jobs > 1:
        env["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // how.jobs))
    if how.profile:
        env["DLNOTES_PROFILE"] = how.profile
    return {
        "setup": settings.setup,
        "environment": settings.environment,
        "env": env,
        "cwd": settings.root,
        "python": how.python,
        "timeout": how.timeout or settings.timeout,
        "memory_mib": how.memory_mib or settings.memory_mib or None,
    }


class Drafter:
    """Runs the cells of notes that are being written, in processes that are kept: only from the first
    changed cell on. What comes of it is shown while serving, and never recorded.

    *changed* is called, from the drafter's thread, when there is something new to show.
    """

    def __init__(
        self, settings: Settings, how: How, changed: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._how = how
        self._changed = changed
        self._say = say
        self._drafts: dict[VaultPath, Draft] = {}
        self._wanted: dict[VaultPath, _Wanted] = {}
        self._kept: dict[VaultPath, _Kept] = {}
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._over = False
        self._running: tuple[VaultPath, int] | None = None
        self._thread: threading.Thread | None = None

    @property
    def drafts(self) -> Mapping[VaultPath, Draft]:
        """What there is to show of each note now."""
        with self._news:
            return dict(self._drafts)

    def follow(self, workspace: Workspace) -> None:
        """Take note of what is stale now; called after every build."""
        code = digest_of_code(workspace.settings.code)
        wanted = {}
        for note in workspace.stale:
            if prints := workspace.prints.get(note.path):
                record = workspace.records.get(note.path)
                wanted[note.path] = _Wanted(note, prints, code, record.cells if record else ())
        with self._news:
            edited = [path for path, want in wanted.items() if self._wanted.get(path) != want]
            # What was edited last comes first.
            self._wanted = {path: wanted[path] for path in [*edited, *(p for p in wanted if p not in edited)]}
            for path in [path for path in self._drafts if path not in wanted]:
                del self._drafts[path]
            if self._running is not None and self._is_vain(*self._running):
                self._stop.set()
            if self._thread is None and wanted and not self._over:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._news.notify_all()

    def close(self) -> None:
        """End every process."""
        with self._news:
            self._over = True
            self._stop.set()
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _is_vain(self, path: VaultPath, index: int) -> bool:
        """Whether the cell that runs, or one before it, is not what is wanted any more."""
        want, kept = self._wanted.get(path), self._kept.get(path)
        if want is None or kept is None or want.code != kept.code:
            return True
        return _equal_cells([*(p for p, _ in kept.ran), kept.running], want.prints) < index

    def _work(self) -> None:
        with event_loop():
            try:
                self._run_wanted()
            finally:
                for kept in self._kept.values():
                    kept.session.close()

    def _run_wanted(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._over or self._next() is not None)
                if self._over:
                    return
                self._stop.clear()
                path = self._next()
                assert path is not None
            try:
                self._run(path)
            except Stopped:
                self._interrupted(path)
            except CellFailed as error:
                self._fail(path, error)
            with self._news:
                self._running = None

    def _next(self) -> VaultPath | None:
        """The note to run: one whose draft does not show what is wanted."""
        for path, want in self._wanted.items():
            draft = self._drafts.get(path)
            if draft is None or draft.key != want.key or not draft.is_over:
                return path
        return None

    def _run(self, path: VaultPath) -> None:
        want = self._wanted[path]
        kept = self._kept.pop(path, None)
        if kept is not None and kept.code != want.code:
            kept.session.close()  # it has imported what the code was before
            kept = None
        if kept is None:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept))).session.close()
            options = session_options(self._settings, self._how)
            kept = _Kept(Session(want.note, stop=self._stop, **options), want.code, [])
        self._kept[path] = kept  # at the end: used last
        kept.session.note = want.note
        first = _equal_cells([p for p, _ in kept.ran], want.prints)
        if first < kept.marked:  # something ran after it, if only in part
            kept.session.back(first + 1)
            del kept.ran[first:]
        start = first
        while True:
            with self._news:
                want = self._wanted.get(path, want)
                same = _equal_cells([p for p, _ in kept.ran], want.prints)
                if want.code != kept.code or same < len(kept.ran):
                    return  # edited meanwhile, above: begin again
                at = len(kept.ran)
                if at == len(want.prints):
                    break
                kept.running = want.prints[at]
                self._running = path, at + 1
            cell = want.note.cells[at]
            kept.session.note = want.note
            kept.session.mark(at + 1)
            kept.marked = at + 1
            kept.ran.append((want.prints[at], kept.session.run(cell)))
            if at == start and at + 1 < len(want.prints):
                self._show(want, kept)
        self._show(want, kept, is_over=True)
        if first < len(want.prints):
            seconds = sum(run.seconds for _, run in kept.ran[first:])
            self._say(f"draft    {want.note.name}: cells {first + 1}–{len(kept.ran)} in {seconds:.1f} s")

    def _show(
        self, want: _Wanted, kept: _Kept | None, is_over: bool = False, failed: CellFailed | None = None
    ) -> None:
        """Show what ran; of cells that did not run yet what is recorded, as far as nothing before changed."""
        outputs: list[tuple[Output, ...] | None] = [run.outputs for _, run in kept.ran] if kept else []
        at = len(outputs)
        if failed is not None and at < len(want.prints):
            outputs.append((Output("stderr", {"text/plain": failed.traceback or failed.problem.message}),))
        recorded = [CellPrint(cell.hash, cell.symbols) for cell in want.recorded]
        known = _equal_cells(recorded, want.prints)
        left = range(len(outputs), len(want.prints))
        outputs += [want.recorded[n].outputs if n < known else None for n in left]
        draft = Draft(
            want.key, tuple(outputs), at, len(want.prints), is_over, str(failed.problem) if failed else ""
        )
        with self._news:
            self._drafts[want.note.path] = draft
        self._changed()

    def _fail(self, path: VaultPath, error: CellFailed) -> None:
        want = self._wanted.get(path)
        kept = self._kept.get(path)
        if kept is not None and not kept.session.is_alive:
            self._kept.pop(path).session.close()
        where = f"{self._settings.shown(error.problem.path)}:{error.problem.line}"
        self._say(f"{error.traceback.rstrip()}\nerror: {where}: {error.problem.message}".lstrip())
        if want is not None:
            self._show(want, kept, is_over=True, failed=error)

    def _interrupted(self, path: VaultPath) -> None:
        self._stop.clear()
        kept = self._kept.get(path)
        if kept is not None and not kept.session.interrupt():
            self._kept.pop(path).session.close()


@dataclass(frozen=True)
class _Wanted:
    """A stale note: what its cells mean, the code that they stand on, and what is recorded of it."""

    note: Note
    prints: tuple[CellPrint, ...]
    code: str
    recorded: tuple[Any, ...]

    @property
    def key(self) -> str:
        return hashlib.sha256(repr((self.code, self.prints)).encode()).hexdigest()


@dataclass
class _Kept:
    """A note's process and the cells that ran in it, in order."""

    session: Session
    code: str
    ran: list[tuple[CellPrint, CellRun]]
    running: CellPrint | None = None
    marked: int = 0
    """The last cell before which the process was marked."""


def _equal_cells(ran: Iterable[CellPrint | None], wanted: Iterable[CellPrint]) -> int:
    """How many cells, from the first on, are the same."""
    count = 0
    for one, other in zip(ran, wanted, strict=False):
        if one != other:
            break
        count += 1
    return count
