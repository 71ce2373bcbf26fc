"""在几个真的进程里运行同一个函数，它们用 ``torch.distributed``（gloo 后端，走本机的回环网络）互相通信。

每个进程扮演一块卡。没有 GPU 的机器也能真的跑分布式训练：算法与几块 GPU 上的完全一样，只是慢。
"""

import multiprocessing
import os
import pickle
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist


def run_processes(
    function: Callable[..., Any], world_size: int, *args: Any, timeout: float = 120.0
) -> list[Any]:
    """在 ``world_size`` 个新进程里各运行一次 ``function(rank, world_size, *args)``，按 rank 返回结果。

    进程组事先建好，事后拆掉；每个进程只用一个线程。返回时，无论成败，进程都已结束。

    参数:
        function: 必须能从模块里导入：新进程看不见笔记本的格子里定义的函数。
        args: 同返回值一样，要能 pickle；张量是复制过去的，不共享。
        timeout: 全部进程共用的时限，秒；含第一次启动的几秒。

    ``world_size`` 小于 1 或函数不能导入时抛出 ``ValueError``；有进程出错时抛出 ``RuntimeError``，附上那里的
    traceback；超时抛出 ``TimeoutError``。
    """
    if world_size < 1:
        raise ValueError(f"world_size 至少是 1，得到 {world_size}")
    # 普通的 pickle 复制张量；multiprocessing 自己的会改放共享内存，一边先退出，另一边就打不开了。
    task = _pickled(function, args)
    context = _context()
    deadline = time.monotonic() + timeout
    processes, pipes = [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = (Path(folder) / "store").as_uri()  # 各进程在这个文件里交换地址，不占端口
        try:
            for rank in range(world_size):
                ours, theirs = context.Pipe()
                options = (rank, world_size, store, timeout, task, theirs)
                process = context.Process(target=_work, args=options, daemon=True)
                process.start()
                theirs.close()  # 只剩子进程拿着那一头：它一死，这一头就读到结尾
                processes.append(process)
                pipes.append(ours)
            return _collect(pipes, deadline, timeout)
        finally:
            for process in processes:
                process.kill()
            for process, pipe in zip(processes, pipes, strict=False):
                process.join()
                process.close()
                pipe.close()


def _context() -> Any:
    """怎样开新进程。直接 fork 不行：笔记本的内核开着许多线程，复制过去会卡死。

    spawn 处处能用，但每个进程都要重新导入 PyTorch，好几秒。Linux 上先起一个干净的、只导入过 PyTorch 的
    服务进程，以后都从它 fork，十分之二秒。
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver  # Windows 上没有

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch.distributed"])
    name = "OPENBLAS_NUM_THREADS"  # 服务进程里 NumPy 不许开线程，fork 才安全
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        forkserver.ensure_running()
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
    return context


def _pickled(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    in_cell = getattr(function, "__module__", "") == "__main__" and not hasattr(
        sys.modules["__main__"], "__file__"
    )
    try:
        if in_cell:
            raise AttributeError("它是在笔记本的格子里定义的")
        return pickle.dumps((function, args))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"函数要能从模块里导入，参数要能 pickle：{error}") from error


def _collect(pipes: list[Connection], deadline: float, timeout: float) -> list[Any]:
    results: dict[int, Any] = {}
    while len(results) < len(pipes):
        left = [pipe for rank, pipe in enumerate(pipes) if rank not in results]
        ready = wait(left, timeout=max(0.0, deadline - time.monotonic()))
        if not ready:
            waiting = "、".join(str(pipes.index(pipe)) for pipe in left)
            raise TimeoutError(f"{timeout:g} 秒内，进程 {waiting} 没有做完")
        for pipe in ready:
            rank = pipes.index(pipe)  # type: ignore[arg-type]
            try:
                succeeded, value = pickle.loads(pipes[rank].recv_bytes())
            except (EOFError, OSError) as error:
                raise RuntimeError(f"进程 {rank} 没有交回结果就死了") from error
            if not succeeded:
                raise RuntimeError(f"进程 {rank} 出错：\n{value}")
            results[rank] = value
    return [results[rank] for rank in range(len(pipes))]


def _work(rank: int, world_size: int, store: str, timeout: float, task: bytes, pipe: Connection) -> None:
    """子进程的一生：进组，运行，交回结果，等父进程来收。"""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)  # 几个进程争同样几个核，线程再多只会更慢
    try:
        function, args = pickle.loads(task)
        with _group(rank, world_size, store):
            answer = pickle.dumps((True, function(rank, world_size, *args)))
    except BaseException:
        answer = pickle.dumps((False, traceback.format_exc()))
    pipe.send_bytes(answer)
    # 出了错的进程若马上退出，别的进程也会跟着报“连接断了”，盖住真正的原因：所以等父进程来结束。
    threading.Event().wait(timeout)


@contextmanager
def _group(rank: int, world_size: int, store: str) -> Iterator[None]:
    if loopback := {"linux": "lo", "darwin": "lo0"}.get(sys.platform):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)  # 不去查主机名：断网时那要等很久
    with _silenced():
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=world_size)
    yield
    dist.destroy_process_group()  # 出错时不拆：别的进程可能正等着


@contextmanager
def _silenced() -> Iterator[None]:
    """gloo 的 C++ 代码每次连接都往标准输出写一行，页面上不要它。"""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _die_with_parent() -> None:
    """父进程若被强行结束，来不及收拾，子进程自己走：不留下永远等着的进程。"""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
