"""Running many notes: at once, stopped half way, and the kept processes of notes that are being written."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

import build
from projects import live, open_project, write
from vaultsite.cache import Cache
from vaultsite.freeze import Verdict, load
from vaultsite.model import Cell, Note, NoteRun, VaultPath
from vaultsite.reader import note_from_text
from vaultsite.runner import Drafter, How, run_notes
from vaultsite.workspace import Draft, Workspace, open_workspace

ROOT = Path(__file__).parents[2]
A = VaultPath("a.md")


class Seen:
    """Progress that is kept."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, bool]] = []

    def cell(self, note: Note, cell: Cell, seconds: float | None) -> None:
        self.events.append((note.name, f"cell {cell.index}", seconds is not None))

    def note(self, note: Note, run: NoteRun | None) -> None:
        self.events.append((note.name, "note", run is not None))

    def failed(self, note: Note) -> None:
        self.events.append((note.name, "failed", True))


def test_two_notes_run_at_the_same_time_and_each_is_told_of(tmp_path: Path) -> None:
    meet = f"""
        import pathlib, time
        here = pathlib.Path({str(tmp_path)!r})
        (here / "NAME").touch()
        while not ((here / "a").exists() and (here / "b").exists()):
            time.sleep(0.01)
        print("met")
    """
    files = {f"docs/{name}.md": live(meet.replace("NAME", name), "1 + 1") for name in "ab"}
    workspace = open_project(tmp_path, files)
    seen = Seen()
    failed = run_notes(workspace, workspace.stale, How(jobs=2, timeout=60), seen)
    assert failed == []
    assert [v.state for v in open_project(tmp_path).verdicts.values()] == ["fresh", "fresh"]
    for name in "ab":
        steps = [(what, done) for note, what, done in seen.events if note == name]
        cells = [(f"cell {n}", done) for n in (1, 2) for done in (False, True)]
        assert steps == [("note", False), *cells, ("note", True)]


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """What is started from here heeds Ctrl-C even when the tests run behind a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_leaves_finished_records_whole_and_ends_every_process(tmp_path: Path) -> None:
    vault = tmp_path / "docs"
    slow = "import os, pathlib, time\npathlib.Path('PID').write_text(str(os.getpid()))\ntime.sleep(600)"
    pid = tmp_path / "pid"
    write(vault, {"a.md": live("print('done')"), "b.md": live(slow.replace("PID", str(pid)))})
    command = [sys.executable, str(ROOT / "scripts" / "build.py"), "run", "--vault", str(vault)]
    flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if sys.platform == "win32" else {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **flags) as run:
        deadline = time.monotonic() + 120
        while not (pid.is_file() and pid.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT)
        _, errors = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "finished records are whole" in errors
    assert load(vault, A) is not None
    assert load(vault, VaultPath("b.md")) is None
    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(pid.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Desk:
    """A note that is being written, with a drafter that follows it."""

    def __init__(self, root: Path, files: dict[str, str]) -> None:
        self.root = root
        self.news = threading.Condition()
        self.said: list[str] = []
        workspace = open_project(root, files)
        self.drafter = Drafter(workspace.settings, How(), self.changed, self.said.append)
        self.drafter.follow(workspace)

    def changed(self) -> None:
        with self.news:
            self.news.notify_all()

    def save(self, files: dict[str, str]) -> None:
        self.drafter.follow(open_project(self.root, files))

    def shown(self, seconds: float = 60) -> list[str | None]:
        """Wait until the whole draft is there; return what its cells show."""
        workspace: Workspace = open_workspace(open_project(self.root).settings)
        prints = workspace.prints[A]

        def is_there() -> Draft | None:
            draft = self.drafter.drafts.get(A)
            over = draft is not None and draft.is_over and draft.cells == len(prints)
            return draft if over else None

        deadline = time.monotonic() + seconds
        while (draft := is_there()) is None or not self.is_current(draft):
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)
        return [o and "".join(part.data["text/plain"] for part in o) for o in draft.outputs]

    def is_current(self, draft: Draft) -> bool:
        return draft.key == self.drafter._wanted[A].key

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.drafter.close()


COUNT = "import os\ncounts = globals().get('counts', 0) + 1\nprint(os.getpid(), counts)"


def test_only_the_cells_from_the_first_changed_one_on_run_again(tmp_path: Path) -> None:
    with Desk(tmp_path, {"docs/a.md": live(COUNT, "print('label')", "print('end', counts)")}) as desk:
        first = desk.shown()
        desk.save({"docs/a.md": live(COUNT, "print('another label')", "print('end', counts)")})
        second = desk.shown()
    assert second[0] == first[0]
    assert second[1:] == ["another label", "end 1"]
    assert load(tmp_path / "docs", A) is None


def test_a_cell_that_runs_again_finds_names_and_randomness_as_they_were(tmp_path: Path) -> None:
    draw = "import random, numpy, torch\nfirst = random.random()"
    show = "print(random.random(), numpy.random.rand(), torch.rand(1).item(), 'late' in globals())"
    with Desk(tmp_path, {"docs/a.md": live(draw, show, "late = 1")}) as desk:
        first = desk.shown()[1]
        desk.save({"docs/a.md": live(draw, f"{show}\n'changed';", "late = 1")})
        assert desk.shown()[1] == first
    assert first is not None
    assert first.endswith("False")


def test_changed_code_starts_a_new_process(tmp_path: Path) -> None:
    note = live("import os\nprint(os.getpid())", "from pack.mod import f\nprint(f())")
    with Desk(tmp_path, {"docs/a.md": note, "code/pack/mod.py": "def f():\n    return 1\n"}) as desk:
        first = desk.shown()
        desk.save({"code/pack/mod.py": "def f():\n    return 2\n"})
        second = desk.shown()
    assert (first[1], second[1]) == ("1", "2")
    assert first[0] != second[0]


def test_an_edit_stops_the_cell_that_it_makes_vain_and_keeps_the_process(tmp_path: Path) -> None:
    slow = "import time\ntime.sleep(600)"
    with Desk(tmp_path, {"docs/a.md": live(COUNT, slow, "print('end')")}) as desk:
        deadline = time.monotonic() + 60
        while desk.drafter._running != (A, 2):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        desk.save({"docs/a.md": live(COUNT, "print('quick')", "print('end', counts)")})
        shown = desk.shown(30)
    assert shown[1:] == ["quick", "end 1"]


def test_an_error_is_shown_in_its_place_and_said_with_its_line(tmp_path: Path) -> None:
    with Desk(tmp_path, {"docs/a.md": live("print('fine')", "1 / 0", "print('never')")}) as desk:
        shown = desk.shown()
        draft = desk.drafter.drafts[A]
        desk.save({"docs/a.md": live("print('fine')", "1 / 1", "print('now')")})
        assert desk.shown() == ["fine", "1.0", "now"]
    assert shown[0] == "fine"
    assert "ZeroDivisionError" in (shown[1] or "")
    assert shown[2] is None
    assert draft.done == 1
    assert "cell 2 raised ZeroDivisionError" in draft.problem
    assert re.search(r"a\.md:8: cell 2 raised ZeroDivisionError", "\n".join(desk.said))


def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    with Desk(tmp_path, {"docs/a.md": live("print(1)", "import os\nos._exit(3)")}) as desk:
        assert "died" in (desk.shown()[1] or "")
        desk.save({"docs/a.md": live("print(1)", "print(2)")})
        assert desk.shown() == ["1", "2"]


def test_a_note_that_is_fresh_again_has_no_draft(tmp_path: Path) -> None:
    note = live("print(1)")
    workspace = open_project(tmp_path, {"docs/a.md": note})
    assert run_notes(workspace, workspace.stale, How()) == []
    with Desk(tmp_path, {"docs/a.md": live("print(2)")}) as desk:
        assert desk.shown() == ["2"]
        desk.save({"docs/a.md": note})
        assert desk.drafter.drafts == {}


def test_what_cells_mean_is_kept_and_forgotten_with_the_code(tmp_path: Path) -> None:
    note = live("from pack.mod import f\nprint(f())")
    settings = open_project(
        tmp_path, {"docs/a.md": note, "code/pack/mod.py": "def f():\n    return 1\n"}
    ).settings

    def opened() -> Workspace:
        cache = Cache(tmp_path / "cache")
        try:
            return open_workspace(settings, cache)
        finally:
            cache.close()

    first = opened().prints
    assert opened().prints == first
    write(tmp_path, {"code/pack/mod.py": "def f():\n    return 2\n"})
    assert opened().prints != first
    assert opened().prints == open_workspace(settings).prints


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({}, ["stale"]),
        ({"profile": "quick"}, ["stale"]),
        ({"profile": "full"}, ["stale", "quick"]),
        ({"aged": True}, ["stale", "aged"]),
        ({"force": True}, ["stale", "quick", "aged", "full"]),
        ({"force": True, "notes": ["qui"]}, ["quick"]),
    ],
)
def test_what_is_recorded_quick_runs_again_when_the_full_profile_is_asked_for(
    options: dict[str, object], chosen: list[str]
) -> None:
    verdicts = {
        VaultPath("stale.md"): Verdict("stale", ("cell 1 changed",)),
        VaultPath("quick.md"): Verdict("fresh", quick=True),
        VaultPath("aged.md"): Verdict("fresh", aged=("torch 1 → 2",)),
        VaultPath("full.md"): Verdict("fresh"),
    }
    notes = {path: note_from_text(path, "# N\n") for path in verdicts}
    workspace = cast("Workspace", SimpleNamespace(verdicts=verdicts, vault=SimpleNamespace(notes=notes)))
    found = build._chosen(workspace, argparse.Namespace(**options))
    assert [note.name for note in found] == chosen
