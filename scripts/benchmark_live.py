#!/usr/bin/env python3
"""Measure what live code costs beyond the code itself, in one run.

    python scripts/benchmark_live.py

Two questions: how long it takes to find that nothing is stale, with as many recorded notes as the course has;
and what running cells in a note's process costs against the same code as a plain script.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from vaultsite.freeze import load, save  # noqa: E402
from vaultsite.model import VaultPath  # noqa: E402
from vaultsite.reader import note_from_text  # noqa: E402
from vaultsite.runner import How, session_options  # noqa: E402
from vaultsite.workspace import Settings, open_workspace, read_settings  # noqa: E402

NOTES = 34
CELLS = 20
WORK = """
import time
import matplotlib.pyplot as plt
import torch
from torch import nn

def train(seed, steps=150):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 10))
    step = torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = torch.randn(512, 256), torch.randint(10, (512,))
    losses = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(net(x), y)
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses
"""


def main() -> int:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    settings = read_settings(ROOT)
    work = Path(tempfile.mkdtemp(prefix="benchmark-live-"))
    os.environ["VAULTSITE_CACHE"] = str(work / "cache")
    try:
        rows = [*freshness(settings, work, repeat), *overhead(settings, work, repeat)]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("\n| what | measured |\n| --- | --- |")
    for what, value in rows:
        print(f"| {what} | {value} |")
    return 0


def freshness(settings: Settings, work: Path, repeat: int) -> Iterator[tuple[str, str]]:
    """Time `build.py run` on a vault of NOTES recorded notes: copies of the project's own, in turn."""
    workspace = open_workspace(settings)
    recorded = [path for path, v in workspace.verdicts.items() if v.state == "fresh"]
    vault = work / "vault"
    for n in range(NOTES):
        path = recorded[n % len(recorded)]
        copy = VaultPath(f"{n:02}.md")
        text = (settings.vault / path).read_text(encoding="utf-8")
        vault.mkdir(exist_ok=True)
        (vault / copy).write_text(text, encoding="utf-8")
        record = load(settings.vault, path)
        assert record is not None
        save(vault, replace(record, note=copy))
    cells = sum(
        len(note.cells) for note in open_workspace(replace(settings, vault=vault)).vault.notes.values()
    )
    times = [
        _run([sys.executable, str(ROOT / "scripts/build.py"), "run", "--vault", str(vault)])
        for _ in range(repeat)
    ]
    empty = [_run([sys.executable, "-c", "pass"]) for _ in range(repeat)]
    yield (
        f"`build.py run`, {NOTES} notes, {cells} cells, nothing stale",
        f"{median(times):.2f} s (Python's own start {median(empty):.2f} s)",
    )


def overhead(settings: Settings, work: Path, repeat: int) -> Iterator[tuple[str, str]]:
    """Time the same cells in a note's process and as a plain script, in turns."""
    from vaultsite.execute import run_note

    sources = [WORK.strip()]
    for n in range(CELLS):
        show = f"\nplt.plot(losses{n}); plt.title('损失'); SHOW" if n % 5 == 0 else ""
        sources.append(f"losses{n} = train({n})\nprint(f'{{losses{n}[-1]:.4f}}'){show}")
    fences = (f"```python live\n{s.replace('SHOW', 'plt.show()')}\n```" for s in sources)
    note = note_from_text(VaultPath("work.md"), "# Work\n\n" + "\n\n".join(fences) + "\n")
    picture = f"plt.savefig({str(work / 'figure.svg')!r}, bbox_inches='tight'); plt.close()"
    script = work / "work.py"
    lines = ["import time", "begin = time.perf_counter()", settings.setup]
    lines += ["ready = time.perf_counter()", *(s.replace("SHOW", picture) for s in sources)]
    lines += ["print('CELLS', time.perf_counter() - ready)"]
    script.write_text("\n".join(lines), encoding="utf-8")
    options = session_options(settings, How())
    env = {**os.environ, **options["env"], "MPLBACKEND": "agg"}
    plain, plain_whole, ours, ours_whole = [], [], [], []
    for _ in range(repeat):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(script)], env=env, check=True, capture_output=True, text=True
        )
        plain_whole.append(time.perf_counter() - started)
        plain.append(float(done.stdout.rpartition("CELLS")[2]))
        run = run_note(note, **options)
        ours.append(sum(cell.seconds for cell in run.cells))
        ours_whole.append(run.seconds)
    yield f"{CELLS + 1} cells as a plain script, their own time", f"{median(plain):.2f} s"
    yield (
        "the same cells in a note's process",
        f"{median(ours):.2f} s, ratio {median(ours) / median(plain):.3f}",
    )
    extra = median(ours_whole) - median(ours) - (median(plain_whole) - median(plain))
    yield "start, set-up and end of the process beyond the script's own", f"{extra:.2f} s"


def _run(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
