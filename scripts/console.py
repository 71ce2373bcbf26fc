"""What the command line shows while it works: a bar for one piece of work, a line for each note that runs.

Standard library only: it is used before anything is installed.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

WORTH_A_LINE = 0.5
"""Seconds that a cell must take to be told of on a pipe."""


class Meter:
    """A progress bar for one piece of work, kept moving by a thread; on a pipe, a line when it starts.

    Set ``state`` to (done, total, what): a total of 0 is an unknown one.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.state: tuple[float, float, str] = (0, 0, "")
        self.started = time.monotonic()
        self._lines = _Lines()

    def __enter__(self) -> Meter:
        if not self._lines.start(self._line):
            print(f"{self.label} …", file=sys.stderr, flush=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.stop()

    def _line(self) -> list[str]:
        done, total, what = self.state
        elapsed = time.monotonic() - self.started
        return [f"{self.label} {bar(done, total, elapsed)} {elapsed:4.0f} s  {what}"]


class Board:
    """A line for each note that runs: its cell, how long it takes and took last time.

    *last* gives the seconds of each of a note's cells when they ran last, by the note's path.
    """

    def __init__(self, last: Mapping[str, tuple[float, ...]]) -> None:
        self._last = last
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()
        self._lines = _Lines()
        self._is_drawn = False

    def __enter__(self) -> Board:
        self._is_drawn = self._lines.start(self._drawn)
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.stop()

    def note(self, note: Any, run: Any | None) -> None:
        """A note begins (None) or is done."""
        last = sum(self._last.get(note.path, ()))
        with self._lock:
            if run is None:
                self._running[note.path] = _Running(note.name, len(note.cells), last)
                if not self._is_drawn:
                    self._lines.say(f"running  {note.name}{_last(last)} …")
            else:
                self._running.pop(note.path, None)
                self._lines.say(
                    f"ran      {note.name}: {len(note.cells)} cells in {run.seconds:.1f} s{_last(last)}, "
                    f"at most {run.peak_mib:,} MiB"
                )

    def cell(self, note: Any, cell: Any, seconds: float | None) -> None:
        """A cell begins (None) or is done."""
        times = self._last.get(note.path, ())
        last = times[cell.index - 1] if cell.index <= len(times) else 0.0
        with self._lock:
            running = self._running.get(note.path)
            if running is None:
                return
            if seconds is None:
                running.cell, running.line, running.cell_last = cell.index, cell.line, last
                running.cell_started = time.monotonic()
            elif not self._is_drawn and seconds >= WORTH_A_LINE:
                where = f"cell {cell.index} of {running.cells}, line {cell.line}"
                self._lines.say(f"         {note.name}: {where}: {seconds:.1f} s{_last(last)}")

    def failed(self, note: Any) -> None:
        """A note failed; why is told at the end."""
        with self._lock:
            self._running.pop(note.path, None)
            self._lines.say(f"failed   {note.name}")

    def _drawn(self) -> list[str]:
        with self._lock:
            return [running.drawn() for running in self._running.values()]


class _Running:
    def __init__(self, name: str, cells: int, last: float) -> None:
        self.name = name
        self.cells = cells
        self.last = last
        self.started = self.cell_started = time.monotonic()
        self.cell = self.line = 0
        self.cell_last = 0.0

    def drawn(self) -> str:
        now = time.monotonic()
        elapsed = now - self.started
        done = min(elapsed, self.last * 0.98) if self.last else self.cell
        shown = bar(done, self.last or self.cells, elapsed)
        cell = f"cell {self.cell} of {self.cells}, line {self.line}: {now - self.cell_started:.0f} s"
        return f"{self.name} {shown} {elapsed:.0f} s{_last(self.last)} · {cell}{_last(self.cell_last)}"


class _Lines:
    """Lines at the bottom of a terminal, drawn again and again by a thread."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._count = 0
        self._lock = threading.Lock()

    def start(self, lines: Any) -> bool:
        """Begin to draw what *lines* gives; return False where there is no terminal."""
        if not sys.stderr.isatty():
            return False
        self._thread = threading.Thread(target=self._work, args=(lines,), daemon=True)
        self._thread.start()
        return True

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            with self._lock:
                self._wipe()

    def say(self, line: str) -> None:
        """Print a line that stays, above those that are drawn."""
        with self._lock:
            self._wipe()
            print(line, file=sys.stderr, flush=True)

    def _work(self, lines: Any) -> None:
        while not self._over.wait(0.15):
            width = shutil.get_terminal_size().columns - 1
            with self._lock:
                self._wipe()
                drawn = [clip(line, width) for line in lines()]
                self._count = len(drawn)
                if drawn:
                    print("\n".join(drawn), end="", file=sys.stderr, flush=True)

    def _wipe(self) -> None:
        if self._count:
            up = f"\x1b[{self._count - 1}A" if self._count > 1 else ""
            print(f"\r{up}\x1b[J", end="", file=sys.stderr, flush=True)
            self._count = 0


def bar(done: float, total: float, elapsed: float, width: int = 24) -> str:
    """Return a bar; one that only moves where the total is not known."""
    if total:
        filled = min(width, round(width * done / total))
        return "█" * filled + "░" * (width - filled)
    at = int(elapsed * 8) % (width - 3)
    return "░" * at + "███" + "░" * (width - 3 - at)


def clip(text: str, width: int) -> str:
    """Cut *text* to *width* columns; a Chinese character takes two."""
    used = 0
    for n, char in enumerate(text):
        used += 2 if ord(char) > 0x2E7F and not 0x2580 <= ord(char) <= 0x259F else 1
        if used > width:
            return text[:n]
    return text


def _last(seconds: float) -> str:
    return f" (last time {seconds:.1f} s)" if seconds else ""
