"""Real processes that talk to each other: results, errors, the time limit, and nothing left behind."""

import importlib
import multiprocessing
import operator
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

import __main__
from dlnotes.processes import run_processes

HERE = Path(__file__).parent
CODE = HERE.parents[1] / "code"


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(HERE)  # spawned processes get our path
    return importlib.import_module("gloo_workers")


def test_processes_meet_and_results_come_in_the_order_of_ranks(workers: ModuleType) -> None:
    x = torch.ones(3)
    results = run_processes(workers.meet, 2, x, timeout=60)
    assert [result[:3] for result in results] == [(0, 2, 1), (1, 2, 1)]
    for *_, total in results:
        torch.testing.assert_close(total, torch.full((3,), 3.0))
    assert x.tolist() == [1.0] * 3  # tensors are copied, not shared
    assert not multiprocessing.active_children()


def test_an_error_comes_back_with_its_traceback_though_others_wait(workers: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="进程 1 出错") as caught:
        run_processes(workers.fail_in_last, 2, timeout=60)
    assert "ZeroDivisionError: the last one fails" in str(caught.value)
    assert "gloo_workers.py" in str(caught.value)
    assert not multiprocessing.active_children()


def test_a_process_that_dies_is_an_error(workers: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="进程 0 没有交回结果就死了"):
        run_processes(workers.die, 1, timeout=60)


def test_the_time_limit_ends_every_process(workers: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=r"进程 0、1 没有做完"):
        run_processes(workers.stay, 2, tmp_path / "pid", timeout=0.2)
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill with 0 ends a process there")
def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = tmp_path / "parent.py"
    script.write_text(
        "import gloo_workers, pathlib\n"
        "from dlnotes.processes import run_processes\n"
        "if __name__ == '__main__':\n"
        f"    run_processes(gloo_workers.stay, 1, pathlib.Path({str(file)!r}))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CODE), str(HERE)])}
    with subprocess.Popen([sys.executable, str(script)], env=env) as parent:
        _wait_until(file.exists)
        parent.kill()
    child = int(file.read_text())
    _wait_until(lambda: not _is_alive(child))


@pytest.mark.parametrize("function", [lambda rank, size: rank + size, None])
def test_what_cannot_be_imported_is_refused_before_anything_starts(
    function: Callable[..., int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if function is None:  # as if defined in a notebook's cell

        def in_cell(rank: int, world_size: int) -> int:
            return rank

        in_cell.__module__ = "__main__"
        monkeypatch.delattr(__main__, "__file__", raising=False)
        function = in_cell
    with pytest.raises(ValueError, match="要能从模块里导入"):
        run_processes(function, 1)


def test_no_process_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="world_size 至少是 1"):
        run_processes(operator.add, 0)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # an orphan that nobody waits for is a zombie: it has ended
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
