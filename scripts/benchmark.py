#!/usr/bin/env python3
"""Measure this engine against plain MkDocs + Material on generated vaults, in one run, as ratios.

    python scripts/benchmark.py --notes 100 1000 5000

Each build is a process of its own. The baseline has the same theme, Markdown extensions and notes, and the
search plugin with jieba; no hooks, so wiki links stay text. Memory is the largest sum, over a build's process
and its children, of resident memory with shared pages divided among them (on Linux, looked at five times a
second), and at least the largest single process, as the kernel counts it.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import platform
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import IO
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from generate import edit, generate  # noqa: E402

BASELINE = r"""
site_name: baseline
theme:
  name: material
  language: zh
  font: false
  features: [content.code.copy, navigation.footer, navigation.indexes, navigation.path, navigation.prune,
             navigation.top, search.highlight, toc.follow]
plugins:
  - search:
      lang: [zh, en]
      pipeline: []
      separator: '[\s\u200b\-_,:!=\[\]()"`/]+|\.(?!\d)|&[lg]t;|(?!\b)(?=[A-Z][a-z])'
"""
STEPS = ("cold", "unchanged", "body edited", "renamed", "deleted")
EDITS = {"body edited": "change_body", "renamed": "rename", "deleted": "delete"}
SERVED, EDITS_SERVED = 1000, 5  # the live view: up to how many notes, and how many edits


class Failed(Exception):  # noqa: N818
    """A build that ended badly; the message is what it printed."""


@dataclass(frozen=True)
class Cost:
    """What a process took: *peak* in MiB."""

    seconds: float
    peak: float


@dataclass
class Measured:
    """The numbers of one size. The search indexes' are in bytes, compressed."""

    notes: int
    characters: int
    baseline: list[Cost] = field(default_factory=list)
    ours: dict[str, list[Cost]] = field(default_factory=lambda: {step: [] for step in STEPS})
    live: list[float] = field(default_factory=list)
    baseline_index: int = 0
    index: int = 0


def main() -> int:
    """Measure, then print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--notes", type=int, nargs="+", default=[100, 1000, 5000], help="sizes of vaults")
    parser.add_argument("--repeat", type=int, help="builds for each number (default: 3, at 5,000 notes 1)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in this new folder and leave it")
    options = parser.parse_args()
    _facts()
    if options.keep and options.keep.exists():
        print(f"error: {options.keep} is there already", file=sys.stderr)
        return 1
    work = (options.keep or Path(tempfile.mkdtemp(prefix="benchmark-"))).resolve()
    try:
        found = []
        for notes in options.notes:
            repeat = options.repeat or (3 if notes < 5000 else 1)
            found.append(measure(work / str(notes), notes, repeat))
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    print("\n" + "\n".join(table(found)))
    return 0


def measure(work: Path, notes: int, repeat: int) -> Measured:
    """Measure both engines on one vault; each repetition starts from the same vault and an empty cache."""
    vault, changed = work / "vault", work / "changed"
    paths = generate(vault, notes)
    characters = sum(len((vault / path).read_text(encoding="utf-8")) for path in paths)
    measured = Measured(notes, characters)
    for turn in range(repeat):  # in turns: another load on the machine meets both alike
        measured.baseline.append(build_baseline(vault, work))
        _say(notes, f"baseline {turn + 1}/{repeat}", measured.baseline[-1])
        measured.baseline_index = _compressed(work / "baseline/search/search_index.json")
        shutil.rmtree(work / "baseline")
        shutil.rmtree(changed, ignore_errors=True)
        shutil.copytree(vault, changed)
        cache = work / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        rng = random.Random(turn)
        for step in STEPS:
            if step in EDITS:
                edit(changed, EDITS[step], rng)
            measured.ours[step].append(build_ours(changed, work, cache))
            _say(notes, f"{step} {turn + 1}/{repeat}", measured.ours[step][-1])
            if step == "cold":
                indexes = ("assets/search.json", "search/search_index.json")
                measured.index = _compressed(*(work / "ours" / name for name in indexes))
        shutil.rmtree(work / "ours")
    if notes <= SERVED:
        measured.live = live_times(changed, work)
        print(f"{notes:>6}  live view          {' '.join(f'{t:.2f}' for t in measured.live)} s", flush=True)
    return measured


def build_baseline(vault: Path, work: Path) -> Cost:
    """Build *vault* as MkDocs + Material would without us, into ``work/baseline``."""
    config = work / "mkdocs.yml"
    own = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    extensions = re.search(r"^markdown_extensions:\n(?:[ \t]+.*\n|\n)+", own, re.MULTILINE)
    assert extensions is not None, "mkdocs.yml has its markdown_extensions in a block"
    folders = f"docs_dir: {json.dumps(str(vault))}\nsite_dir: {json.dumps(str(work / 'baseline'))}\n"
    config.write_text(folders + BASELINE + extensions[0], encoding="utf-8")
    return timed([sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", str(config)], work)


def build_ours(vault: Path, work: Path, cache: Path) -> Cost:
    """Build *vault* with this engine into ``work/ours``; what it keeps between builds is in *cache*."""
    command = [sys.executable, str(ROOT / "scripts" / "build.py"), "site"]
    command += ["--vault", str(vault), "--out", str(work / "ours")]
    return timed(command, work, {"VAULTSITE_CACHE": str(cache)})


def timed(command: list[str], work: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run *command* and return its cost.

    Raises:
        Failed: it ended badly; its output is the message.
    """
    log = work / "output.txt"
    with log.open("w", encoding="utf-8") as output:
        started = time.monotonic()
        process = _start(command, output, env)
        watch = _Watch(process.pid)
        largest = 0.0
        with _ended(process):
            if hasattr(os, "wait4"):
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                largest = usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
            process.wait()
            seconds = time.monotonic() - started
        peak = max(watch.stop(), largest)
    if process.returncode:
        raise Failed(f"{' '.join(command)}\n{log.read_text(encoding='utf-8', errors='replace')}")
    return Cost(seconds, peak)


def live_times(vault: Path, work: Path) -> list[float]:
    """Serve *vault* and return the seconds from saving a note until its page, asked for, shows the change."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "scripts" / "build.py"), "serve"]
    command += ["--vault", str(vault), "--port", str(port)]
    (work / "serve-cache").mkdir()
    log = work / "serve.txt"
    everything = sorted(vault.rglob("*.md"))
    notes = random.Random(0).sample(everything, min(EDITS_SERVED, len(everything)))
    pages = [f"http://127.0.0.1:{port}/{quote(n.relative_to(vault).as_posix()[:-3])}/" for n in notes]
    times = []
    with log.open("w", encoding="utf-8") as output:
        process = _start(command, output, {"VAULTSITE_CACHE": str(work / "serve-cache")})
        with _ended(process):
            try:
                _await(pages[0], "<html", process)
                for n, (note, page) in enumerate(zip(notes, pages, strict=True), 1):
                    sentence = f"这句话是第 {n} 次测量时加上的。"
                    with note.open("a", encoding="utf-8", newline="\n") as text:
                        text.write(f"\n{sentence}\n")
                    started = time.monotonic()
                    _await(page, sentence, process)
                    times.append(time.monotonic() - started)
                    time.sleep(1)  # let what follows a change come to rest
            except Failed as error:
                raise Failed(f"{error}\n{log.read_text(encoding='utf-8', errors='replace')}") from error
    return times


def table(found: list[Measured]) -> list[str]:
    """Return the result as a Markdown table: seconds, then the ratio to the baseline's cold build."""
    rows: dict[str, list[str]] = {}

    def row(name: str, cell: str) -> None:
        rows.setdefault(name, []).append(cell)

    for m in found:
        base = _middle(m.baseline)
        row("characters", f"{m.characters / 1e6:.2f} M")
        row("baseline, cold", f"{base.seconds:.1f} s = 1")
        ours = {step: _middle(costs) for step, costs in m.ours.items()}
        for step, cost in ours.items():
            row(f"ours, {step}", f"{cost.seconds:.1f} s = {cost.seconds / base.seconds:.2f}")
        row("ours, live view", f"{median(m.live):.2f} s" if m.live else "–")
        row("baseline, memory", f"{base.peak:.0f} MiB = 1")
        for step in ("cold", "body edited"):
            row(f"ours, memory, {step}", f"{ours[step].peak:.0f} MiB = {ours[step].peak / base.peak:.2f}")
        row("baseline, index, gzip", f"{m.baseline_index / 1e6:.2f} MB = 1")
        row("ours, index, gzip", f"{m.index / 1e6:.2f} MB = {m.index / m.baseline_index:.2f}")
    head = ["", *(f"{m.notes:,} notes" for m in found)]
    rule = ["---", *("---:" for _ in found)]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *([k, *v] for k, v in rows.items()))]


class _Watch:
    """Looks now and then at how much memory a session of processes holds."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.peak = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return the largest sum seen, in MiB; 0 where there is no ``/proc``."""
        self._over.set()
        self._thread.join()
        return self.peak

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.peak = max(self.peak, sum(map(self._share, Path("/proc").glob("[0-9]*"))) / 1024)

    def _share(self, process: Path) -> int:
        with contextlib.suppress(OSError):
            if os.getsid(int(process.name)) == self.session:
                found = re.search(r"^Pss: +(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)
                return int(found[1]) if found else 0
        return 0


def _start(command: list[str], output: IO[str], env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    full = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONIOENCODING": "utf-8", **(env or {})}
    error = subprocess.STDOUT
    return subprocess.Popen(command, cwd=ROOT, env=full, stdout=output, stderr=error, start_new_session=True)


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let no process outlive its measurement."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)  # MkDocs clears up
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def _await(page: str, text: str, process: subprocess.Popen[bytes]) -> None:
    """Ask for *page* every 10 ms until it has *text*."""
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed("serve ended by itself")
        with contextlib.suppress(OSError):  # not yet listening, no such page yet
            if text in opener.open(page, timeout=600).read().decode():
                return
        time.sleep(0.01)
    raise Failed(f"{page} did not show “{text}” within 10 minutes")


def _compressed(*candidates: Path) -> int:
    """Return the size in bytes of the first file that is there, compressed."""
    data = next((path.read_bytes() for path in candidates if path.is_file()), b"")
    return len(gzip.compress(data, 9)) if data else 0


def _middle(costs: list[Cost]) -> Cost:
    return Cost(median(c.seconds for c in costs), median(c.peak for c in costs))


def _say(notes: int, what: str, cost: Cost) -> None:
    print(f"{notes:>6}  {what:<18} {cost.seconds:7.1f} s  {cost.peak:6.0f} MiB", flush=True)


def _facts() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"machine   {platform.platform()}, {cores} cores{load}, Python {platform.python_version()}")
    names = ("mkdocs", "mkdocs-material", "jieba", "Markdown", "pymdown-extensions")
    print("packages  " + ", ".join(f"{name} {version(name)}" for name in names), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
