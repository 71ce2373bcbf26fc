"""A Jupyter kernel as a note's process: takes code, gives back messages, is watched and surely ended."""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PRELUDE = '''
def _start(setup, large=250_000):
    """Set up figures, the note's own set-up and the marks that a kept process goes back to."""
    import io, random, sys, types
    random.seed(0)
    exec(setup, {})
    ip = get_ipython()

    class Marks(types.ModuleType):
        def __init__(self):
            super().__init__("_note_marks")
            self.kept = {}

        def mark(self, index):
            """Keep the names and the random generators as they are before a cell."""
            state = {"random": random.getstate(), "names": dict(ip.user_ns)}
            if numpy := sys.modules.get("numpy"):
                state["numpy"] = numpy.random.get_state()
            if torch := sys.modules.get("torch"):
                state["torch"] = torch.get_rng_state()
                if torch.cuda.is_initialized():
                    state["cuda"] = torch.cuda.get_rng_state_all()
            if matplotlib := sys.modules.get("matplotlib"):
                state["style"] = dict(matplotlib.rcParams)
            self.kept[index] = state

        def back(self, index):
            state = self.kept[index]
            for name in set(ip.user_ns) - set(state["names"]):
                del ip.user_ns[name]
            ip.user_ns.update(state["names"])
            random.setstate(state["random"])
            if "numpy" in state:
                sys.modules["numpy"].random.set_state(state["numpy"])
            if "torch" in state:
                sys.modules["torch"].set_rng_state(state["torch"])
            if "cuda" in state:
                sys.modules["torch"].cuda.set_rng_state_all(state["cuda"])
            if "style" in state:
                dict.update(sys.modules["matplotlib"].rcParams, state["style"])

    sys.modules["_note_marks"] = Marks()
    try:
        import matplotlib
    except ImportError:
        return
    import matplotlib_inline.backend_inline as inline
    matplotlib.use("module://matplotlib_inline.backend_inline")
    from matplotlib.figure import Figure

    def svg(figure):
        target = io.StringIO()
        figure.savefig(target, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
        text = target.getvalue()
        return text if len(text) <= large else None

    def webp(figure):
        if svg(figure) is not None:
            return None
        target = io.BytesIO()
        figure.savefig(target, format="webp", bbox_inches="tight", dpi=160, pil_kwargs={"quality": 85})
        return target.getvalue()

    formatters = ip.display_formatter.formatters
    inline.set_matplotlib_formats("svg")
    formatters["image/svg+xml"].for_type(Figure, svg)
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class WebpFormatter(BaseFormatter):
        format_type = Unicode("image/webp")
        print_method = ObjectName("_repr_webp_")
        _return_type = (bytes, str)

    formatter = WebpFormatter(parent=ip.display_formatter)
    formatters["image/webp"] = formatter
    formatter.for_type(Figure, webp)
'''
MARKS = "__import__('sys').modules['_note_marks']"


class KernelError(Exception):
    """The process does not start."""


class Stopped(Exception):  # noqa: N818
    """Somebody wants no more of this run."""


@contextmanager
def event_loop() -> Iterator[None]:
    """Close at the end the event loop that Jupyter's client makes for a thread of ours."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    try:
        yield
    finally:
        loop.close()


class Kernel:
    """A running kernel. Ends its process when closed, or when left as a context.

    Args:
        python: the interpreter; it needs ipykernel.
        env: environment variables on top of this process's.
        cwd: the folder that the code runs in.
        memory_mib: the largest memory of the process and of those that it starts; it is ended beyond.
        stop: when set, whatever runs ends with Stopped.

    Raises:
        KernelError: it does not start.
    """

    def __init__(
        self,
        python: str,
        env: Mapping[str, str],
        cwd: Path,
        memory_mib: int | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        from jupyter_client.manager import KernelManager

        if sys.platform == "win32":  # zmq needs it; deprecated in 3.14, still there
            asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
        self.watch = Watch(memory_mib)
        self._stop = stop or threading.Event()
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._client: Any = None
        manager: Any = KernelManager(
            kernel_name="note",
            kernel_spec_manager=_one_spec(python),
            connection_file=str(Path(self._folder.name) / "kernel.json"),
            **_sockets(Path(self._folder.name)),
        )
        self._manager = manager
        whole = {
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "IPYTHONDIR": self._folder.name,
            "MPLBACKEND": "agg",
            **env,
        }
        try:
            self._manager.start_kernel(cwd=str(cwd), env=whole, stderr=subprocess.DEVNULL)
            self.watch.start(self._manager.provisioner.pid)
            self._client = self._manager.blocking_client()
            self._client.start_channels()
            self._client.wait_for_ready(timeout=120)
        except (OSError, RuntimeError) as error:
            self.close()
            raise KernelError(str(error)) from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(
        self, code: str, timeout: float, store_history: bool = True
    ) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
        """Run *code*; return the reply's content and the messages that came before it was idle.

        Raises:
            TimeoutError: it ran longer than *timeout* seconds.
            ProcessLookupError: the kernel's process ended.
            Stopped: somebody wants no more of it.
        """
        deadline = time.monotonic() + timeout
        request = self._client.execute(code, store_history=store_history, allow_stdin=False)
        messages: list[dict[str, Any]] = []
        while True:
            message = self._next(self._client.get_iopub_msg, request, deadline)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            messages.append(message)
        return self._next(self._client.get_shell_msg, request, deadline)["content"], messages

    @property
    def is_alive(self) -> bool:
        return self._client is not None and bool(self._manager.is_alive())

    def interrupt(self, timeout: float = 5) -> bool:
        """Stop what runs; return whether the process is ready for more within *timeout* seconds."""
        try:
            self._manager.interrupt_kernel()
            self.execute("", timeout, store_history=False)
        except (OSError, RuntimeError, TimeoutError, ProcessLookupError, Stopped):
            return False
        return True

    def close(self) -> None:
        """End the process; a second time nothing happens."""
        self.watch.stop()
        if self._client is not None:
            self._client.stop_channels()
            self._client = None
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
        self._folder.cleanup()

    def _next(self, receive: Callable[..., Any], request: str, deadline: float) -> dict[str, Any]:
        while True:
            if self._stop.is_set():
                raise Stopped
            try:
                message = receive(timeout=0.25)
            except queue.Empty:
                if not self._manager.is_alive():
                    raise ProcessLookupError("its process ended") from None
                message = None
            if message is not None and message["parent_header"].get("msg_id") == request:
                return dict(message)
            if time.monotonic() > deadline:
                raise TimeoutError("it took too long")


class Watch:
    """Measures the largest memory of a process and of those that it starts; ends them over *limit* MiB."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.peak_mib = 0.0
        self.exceeded = False
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, pid: int) -> None:
        self._thread = threading.Thread(target=self._watch, args=(pid,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, pid: int) -> None:
        import psutil

        while not self._done.wait(0.15):
            try:
                process = psutil.Process(pid)
                family = [process, *process.children(recursive=True)]
                now = sum(p.memory_info().rss for p in family) / 2**20
            except psutil.Error:
                continue
            self.peak_mib = max(self.peak_mib, now)
            if self.limit is not None and now > self.limit:
                self.exceeded = True
                for each in reversed(family):
                    each.kill()
                return


def _sockets(folder: Path) -> dict[str, str]:
    """Say that kernel and client talk by files of their own: two kernels that start at the same moment in
    two processes can be given the same free TCP port, and then one never answers. Windows has ports only."""
    return {} if sys.platform == "win32" else {"transport": "ipc", "ip": str(folder / "socket")}


def _one_spec(python: str) -> Any:
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    spec = KernelSpec(
        argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="note",
        language="python",
    )

    class OneSpec(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002
            return spec

    return OneSpec()
