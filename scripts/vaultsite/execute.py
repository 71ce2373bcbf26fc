"""Cells to outputs: one fresh Jupyter kernel a note, its cells in order.

Jupyter's own client runs the kernel, so that any library's rich display works. Figures come back as SVG; one
that would be larger than a picture comes back as WebP.
"""

from __future__ import annotations

import asyncio
import json
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vaultsite.model import Cell, CellRun, Note, NoteRun, Output, Problem

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
LIBRARY = re.compile(r"site-packages|dist-packages|[\\/]lib[\\/]python3|^<", re.IGNORECASE)
LONGEST_TEXT = 20_000
"""Characters of text that one output may have; the rest is cut, and said so."""
DISPLAYED = (
    "image/svg+xml",
    "image/webp",
    "image/png",
    "image/jpeg",
    "text/html",
    "text/markdown",
    "text/plain",
)

PRELUDE = """
def _start(setup, large=250_000):
    import random, sys
    random.seed(0)
    exec(setup, {})
    ip = get_ipython()
    try:
        import matplotlib
    except ImportError:
        return
    import matplotlib_inline.backend_inline as inline
    matplotlib.use("module://matplotlib_inline.backend_inline")
    from matplotlib.figure import Figure
    import io

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
"""


class CellFailed(Exception):  # noqa: N818
    """A cell did not do what it should. *problem* names the note's line; *traceback* is plain text."""

    def __init__(self, problem: Problem, traceback: str = "") -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.traceback = traceback


def run_note(
    note: Note,
    *,
    setup: str = "",
    environment: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    python: str = sys.executable,
    timeout: float = 1800,
    memory_mib: int | None = None,
    on_cell: Callable[[Cell], None] | None = None,
) -> NoteRun:
    """Run the cells of *note* in a process of its own and return what they gave.

    *setup* is code that runs first, in a namespace of its own; *environment* an expression whose value, a
    dictionary of texts, says where the note ran, in the namespace of *setup*. *timeout* is for the whole
    note, in seconds; *memory_mib* for its process and those that it starts.

    Raises:
        CellFailed: a cell raised, ran out of time or memory, or its process died.
    """
    started = time.monotonic()
    runs: list[CellRun] = []
    with _kernel(python, dict(env or {}), cwd or Path.cwd(), note) as (kernel, watch):
        watch.limit = memory_mib
        _quiet(kernel, note, f"{PRELUDE}\n_start({setup!r})\ndel _start")
        for cell in note.cells:
            if on_cell is not None:
                on_cell(cell)
            left = timeout - (time.monotonic() - started)
            runs.append(_run_cell(kernel, watch, note, cell, left, timeout))
        place = _environment(kernel, note, setup, environment)
    return NoteRun(tuple(runs), time.monotonic() - started, round(watch.peak_mib), place)


def _run_cell(kernel: _Kernel, watch: _Watch, note: Note, cell: Cell, left: float, limit: float) -> CellRun:
    started = time.monotonic()
    code = cell.source if cell.kind == "live" else f"print(({cell.source}), end='')"
    try:
        content, messages = kernel.execute(code, left)
    except TimeoutError as error:
        message = f"cell {cell.index} was still running at the note's limit of {limit:g} s"
        raise CellFailed(Problem(note.path, cell.line, message)) from error
    except ProcessLookupError as error:
        raise CellFailed(Problem(note.path, cell.line, _death(cell, watch))) from error
    seconds = time.monotonic() - started
    expected = cell.options.get("raises", "")
    outputs = _outputs(messages)
    if content["status"] == "error":
        if expected and expected in _ancestry(kernel, content["ename"]):
            last = f"{content['ename']}: {_plain(content['evalue'])}".rstrip(": ")
            return CellRun((*outputs, Output("stderr", {"text/plain": last})), seconds)
        raise _failure(note, cell, content)
    if expected:
        message = f"cell {cell.index} should raise {expected} and did not"
        raise CellFailed(Problem(note.path, cell.line, message))
    if cell.kind == "inline":
        text = "".join(o.data.get("text/plain", "") for o in outputs if o.kind == "stdout")
        if not text.strip() or "\n" in text.strip():
            message = f"inline value `{cell.source}` must give one line of text, not {text[:60]!r}"
            raise CellFailed(Problem(note.path, cell.line, message))
        return CellRun((Output("display", {"text/plain": text.strip()}),), seconds)
    return CellRun(outputs, seconds)


def _outputs(messages: list[dict[str, Any]]) -> tuple[Output, ...]:
    """Turn a cell's messages into outputs: streams merged, displays updated and cleared as Jupyter does."""
    found: list[tuple[str | None, Output]] = []
    clear_next = False

    def add(output: Output, display_id: str | None = None) -> None:
        nonlocal clear_next
        if clear_next:
            found.clear()
            clear_next = False
        last = found[-1][1] if found else None
        if last is not None and output.kind != "display" and last.kind == output.kind:
            text = last.data["text/plain"] + output.data["text/plain"]
            found[-1] = (None, Output(output.kind, {"text/plain": text}))
        else:
            found.append((display_id, output))

    for message in messages:
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            add(Output(content["name"], {"text/plain": content["text"]}))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            shown = Output("display", _display(content["data"]))
            display_id = content.get("transient", {}).get("display_id")
            known = [n for n, (name, _) in enumerate(found) if name is not None and name == display_id]
            if kind == "update_display_data":
                for n in known:
                    found[n] = (display_id, shown)
            elif shown.data:
                add(shown, display_id)
        elif kind == "clear_output":
            if content.get("wait"):
                clear_next = True
            else:
                found.clear()
    outputs = []
    for _, output in found:
        if output.kind == "display":
            outputs.append(output)
        elif text := _cut(_terminal(_plain(output.data["text/plain"]))).rstrip("\n"):
            outputs.append(Output(output.kind, {"text/plain": text}))
    return tuple(outputs)


def _display(bundle: Mapping[str, Any]) -> dict[str, str]:
    """Keep the richest form and the plain text that stands for it."""
    found: dict[str, str] = {}
    for mime in DISPLAYED:
        if mime in bundle and (not found or mime == "text/plain"):
            value = bundle[mime]
            text = "".join(value) if isinstance(value, list) else str(value)
            if mime.startswith("image/") and mime != "image/svg+xml":
                text = text.replace("\n", "")
            elif mime == "text/plain":
                text = _cut(ADDRESS.sub("0x…", _plain(text)))
            found[mime] = text
    if len(found) > 1 and next(iter(found)).startswith("image/"):
        found.pop("text/plain", None)  # `<Figure size 640x480 …>` says nothing
    return found


def _failure(note: Note, cell: Cell, content: Mapping[str, Any]) -> CellFailed:
    """Say where an exception came from: the note's line and, inside the package, the package's."""
    traceback = _plain("\n".join(content["traceback"]))
    line = cell.line
    inside = re.findall(r"(?:Cell In\s*\[\d+\]|In\s*\[\d+\]), line (\d+)", traceback)
    if inside and cell.kind == "live":
        line += min(int(inside[-1]), cell.source.count("\n") + 1) - 1
    elif cell.kind == "live" and (marked := re.findall(r"^-+> ?(\d+)", traceback, re.MULTILINE)):
        line += min(int(marked[0]), cell.source.count("\n") + 1) - 1
    what = f"{content['ename']}: {_plain(content['evalue'])}".strip().removesuffix(":")
    frames = re.findall(r"^File (.+?\.py):(\d+)", traceback, re.MULTILINE)
    own = [(file, at) for file, at in frames if not LIBRARY.search(file)]
    where = ""
    if own:
        file, at = own[-1]
        parts = Path(file.strip()).parts
        shown = "/".join(parts[parts.index("code") :]) if "code" in parts else file.strip()
        where = f" (at {shown}:{at})"
    name = "inline value" if cell.kind == "inline" else f"cell {cell.index}"
    return CellFailed(Problem(note.path, line, f"{name} raised {what}{where}"), traceback)


def _ancestry(kernel: _Kernel, name: str) -> set[str]:
    """Return the names of an exception's class and of its bases."""
    code = (
        "print(*[c.__name__ for c in getattr(__import__('sys'), 'last_type', BaseException).__mro__], end='')"
    )
    _, messages = kernel.execute(code, 30, store_history=False)
    printed = "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")
    return {name, *printed.split()}


def _environment(kernel: _Kernel, note: Note, setup: str, expression: str) -> dict[str, str]:
    if not expression:
        return {"python": ".".join(map(str, sys.version_info[:3]))}
    code = (
        "def _tell(setup, expression):\n"
        "    import json\n"
        "    space = {}\n"
        "    exec(setup, space)\n"
        "    print(json.dumps(eval(expression, space)), end='')\n"
        f"_tell({setup!r}, {expression!r})"
    )
    told = _quiet(kernel, note, code)
    return {str(key): str(value) for key, value in json.loads(told).items()}


def _quiet(kernel: _Kernel, note: Note, code: str) -> str:
    """Run the engine's own code; a failure is the set-up's, not a cell's."""
    try:
        content, messages = kernel.execute(code, 180, store_history=False)
    except (TimeoutError, ProcessLookupError) as error:
        raise CellFailed(Problem(note.path, 1, f"the note's process could not be set up: {error}")) from error
    if content["status"] == "error":
        what = f"{content['ename']}: {_plain(content['evalue'])}"
        raise CellFailed(
            Problem(note.path, 1, f"the note's process could not be set up: {what}"),
            _plain("\n".join(content["traceback"])),
        )
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")


class _Kernel:
    """A running kernel: takes code, gives back what came of it, and notices when its process is gone."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager = manager
        self.client = client

    def execute(
        self, code: str, timeout: float, store_history: bool = True
    ) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
        """Run *code*; return the reply's content and the messages that came before it was idle.

        Raises:
            TimeoutError: it ran longer than *timeout* seconds.
            ProcessLookupError: the kernel's process ended.
        """
        deadline = time.monotonic() + timeout
        request = self.client.execute(code, store_history=store_history, allow_stdin=False)
        messages: list[dict[str, Any]] = []
        while True:
            message = self._next(self.client.get_iopub_msg, request, deadline)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            messages.append(message)
        return self._next(self.client.get_shell_msg, request, deadline)["content"], messages

    def _next(self, receive: Callable[..., Any], request: str, deadline: float) -> dict[str, Any]:
        while True:
            try:
                message = receive(timeout=0.5)
            except queue.Empty:
                if not self.manager.is_alive():
                    raise ProcessLookupError("its process ended") from None
                if time.monotonic() > deadline:
                    raise TimeoutError("it took too long") from None
                continue
            if message["parent_header"].get("msg_id") == request:
                return dict(message)
            if time.monotonic() > deadline:
                raise TimeoutError("it took too long")


class _Watch:
    """Measures the largest memory of a process and of those that it starts; ends them over a limit."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self.limit: int | None = None
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


@contextmanager
def _kernel(python: str, env: dict[str, str], cwd: Path, note: Note) -> Iterator[tuple[_Kernel, _Watch]]:
    """Start a kernel of *python*; shut it down whatever happens."""
    import os

    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import KernelManager

    if sys.platform == "win32":  # zmq needs it; deprecated in 3.14, still there
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())

    spec = KernelSpec(
        argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="note",
        language="python",
    )

    class OneSpec(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002
            return spec

    watch = _Watch()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        manager = KernelManager(
            kernel_name="note",
            kernel_spec_manager=OneSpec(),
            connection_file=str(Path(folder) / "kernel.json"),
        )
        whole = {
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "IPYTHONDIR": folder,
            "MPLBACKEND": "agg",
            **env,
        }
        client = None
        try:
            manager.start_kernel(cwd=str(cwd), env=whole, stderr=subprocess.DEVNULL)
            watch.start(manager.provisioner.pid)  # type: ignore[union-attr]
            client = manager.blocking_client()
            client.start_channels()
            client.wait_for_ready(timeout=120)
        except (OSError, RuntimeError) as error:
            _shut(manager, client, watch)
            message = f"the note's process does not start: {error}"
            raise CellFailed(Problem(note.path, 1, message)) from error
        except BaseException:
            _shut(manager, client, watch)
            raise
        try:
            yield _Kernel(manager, client), watch
        finally:
            _shut(manager, client, watch)


def _shut(manager: Any, client: Any, watch: _Watch) -> None:
    watch.stop()
    if client is not None:
        client.stop_channels()
    if manager.has_kernel:
        manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def _death(cell: Cell, watch: _Watch) -> str:
    if watch.exceeded:
        return f"cell {cell.index} needed more than the note's limit of {watch.limit} MiB"
    return f"the note's process died in cell {cell.index}: killed, out of memory, or it ended itself"


def _plain(text: str) -> str:
    return ANSI.sub("", text)


def _terminal(text: str) -> str:
    """Resolve carriage returns as a terminal shows them: a progress bar leaves its last state."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown)
    return "\n".join(lines)


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}\n… ({len(text) - LONGEST_TEXT:,} more characters)"
