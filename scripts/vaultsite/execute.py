"""Cells to outputs: one fresh Jupyter kernel a note, its cells in order.

Jupyter's own client runs the kernel, so that any library's rich display works. Figures come back as SVG; one
that would be larger than a picture comes back as WebP.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vaultsite.kernel import MARKS, PRELUDE, Kernel, KernelError, Watch
from vaultsite.model import Cell, CellRun, Note, NoteRun, Output, Problem

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
LIBRARY = re.compile(r"site-packages|dist-packages|[\\/]lib[\\/]python3|^<", re.IGNORECASE)
LONGEST_TEXT = 20_000
"""Characters of text that one output may have; the rest is cut, and said so."""
LONGEST_HTML = 300_000
"""Characters of one HTML output; a larger one is shown as plain text, and said so."""
DISPLAYED = (
    "image/svg+xml",
    "image/webp",
    "image/png",
    "image/jpeg",
    "text/html",
    "text/markdown",
    "text/plain",
)


class CellFailed(Exception):  # noqa: N818
    """A cell did not do what it should. *problem* names the note's line; *traceback* is plain text."""

    def __init__(self, problem: Problem, traceback: str = "") -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.traceback = traceback


class Session:
    """A note's process, set up, its cells run in it one by one.

    *setup* is code that runs first, in a namespace of its own; *environment* an expression whose value, a
    dictionary of texts, says where the note ran, in the namespace of *setup*. *timeout* is for all cells
    together, in seconds; *memory_mib* for the process and those that it starts. With *forgives*, an assertion
    that fails in a cell that says ``varies`` is kept as the cell's *missed*: what is measured is this
    machine's, and a busy one is no reason to call a record wrong.

    Raises:
        CellFailed: the process does not start, or its set-up fails.
        Stopped: *stop* was set.
    """

    def __init__(
        self,
        note: Note,
        *,
        setup: str = "",
        environment: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        python: str = sys.executable,
        timeout: float = 1800,
        memory_mib: int | None = None,
        forgives: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        self.note = note
        self.timeout = timeout
        self.forgives = forgives
        self._setup = setup
        self._environment = environment
        self._used = 0.0
        try:
            self._kernel = Kernel(python, env or {}, cwd or Path.cwd(), memory_mib, stop)
        except KernelError as error:
            message = f"the note's process does not start: {error}"
            raise CellFailed(Problem(note.path, 1, message)) from error
        try:
            self._quiet(f"{PRELUDE}\n_start({setup!r})\ndel _start")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._kernel.close()

    @property
    def peak_mib(self) -> int:
        return round(self._kernel.watch.peak_mib)

    def run(self, cell: Cell) -> CellRun:
        """Run the note's next cell.

        Raises:
            CellFailed: it raised, ran out of time or memory, or the process died.
            Stopped: nobody wants it any more.
        """
        started = time.monotonic()
        code = cell.source if cell.kind == "live" else f"print(({cell.source}), end='')"
        try:
            content, messages = self._kernel.execute(code, self.timeout - self._used)
        except TimeoutError as error:
            message = f"cell {cell.index} was still running at the note's limit of {self.timeout:g} s"
            raise self._failed(cell, message) from error
        except ProcessLookupError as error:
            raise self._failed(cell, _death(cell, self._kernel.watch)) from error
        seconds = time.monotonic() - started
        self._used += seconds
        expected = cell.options.get("raises", "")
        outputs = _outputs(messages)
        if content["status"] == "error":
            if expected and expected in self._ancestry(content["ename"]):
                last = f"{content['ename']}: {_plain(content['evalue'])}".rstrip(": ")
                return CellRun((*outputs, Output("stderr", {"text/plain": last})), seconds)
            failure = _failure(self.note, cell, content)
            if self.forgives and "varies" in cell.options and content["ename"] == "AssertionError":
                return CellRun(outputs, seconds, failure.problem)
            raise failure
        if expected:
            raise self._failed(cell, f"cell {cell.index} should raise {expected} and did not")
        if cell.kind == "inline":
            text = "".join(o.data.get("text/plain", "") for o in outputs if o.kind == "stdout")
            if not text.strip() or "\n" in text.strip():
                message = f"inline value `{cell.source}` must give one line of text, not {text[:60]!r}"
                raise self._failed(cell, message)
            return CellRun((Output("display", {"text/plain": text.strip()}),), seconds)
        return CellRun(outputs, seconds)

    def where(self) -> dict[str, str]:
        """Say what the note ran on, in the words of *environment*."""
        if not self._environment:
            return {"python": ".".join(map(str, sys.version_info[:3]))}
        code = (
            "def _tell(setup, expression):\n"
            "    import json\n"
            "    space = {}\n"
            "    exec(setup, space)\n"
            "    print(json.dumps(eval(expression, space)), end='')\n"
            f"_tell({self._setup!r}, {self._environment!r})"
        )
        return {str(key): str(value) for key, value in json.loads(self._quiet(code)).items()}

    def mark(self, index: int) -> None:
        """Keep names and random generators as they are before the cell *index*."""
        self._quiet(f"{MARKS}.mark({index})")

    def back(self, index: int) -> None:
        """Put names and random generators back to what they were before the cell *index*.

        What earlier cells made and later ones changed in place stays changed: a network stays trained.
        """
        self._quiet(f"{MARKS}.back({index})")
        self._used = 0.0

    def interrupt(self) -> bool:
        """Stop the cell that runs; return whether the process can go on."""
        return self._kernel.interrupt()

    @property
    def is_alive(self) -> bool:
        return self._kernel.is_alive

    def _failed(self, cell: Cell, message: str) -> CellFailed:
        return CellFailed(Problem(self.note.path, cell.line, message))

    def _ancestry(self, name: str) -> set[str]:
        """Return the names of an exception's class and of its bases."""
        last = "getattr(__import__('sys'), 'last_type', BaseException)"
        _, messages = self._kernel.execute(
            f"print(*[c.__name__ for c in {last}.__mro__], end='')", 30, store_history=False
        )
        return {name, *_printed(messages).split()}

    def _quiet(self, code: str) -> str:
        """Run the engine's own code; a failure is the set-up's, not a cell's."""
        what = "the note's process could not be set up"
        try:
            content, messages = self._kernel.execute(code, 180, store_history=False)
        except (TimeoutError, ProcessLookupError) as error:
            raise CellFailed(Problem(self.note.path, 1, f"{what}: {error}")) from error
        if content["status"] == "error":
            why = f"{content['ename']}: {_plain(content['evalue'])}"
            traceback = _plain("\n".join(content["traceback"]))
            raise CellFailed(Problem(self.note.path, 1, f"{what}: {why}"), traceback)
        return _printed(messages)


def run_note(
    note: Note,
    *,
    on_cell: Callable[[Cell, float | None], None] | None = None,
    **options: Any,
) -> NoteRun:
    """Run the cells of *note* in a process of its own and return what they gave.

    *options* are Session's. *on_cell* is told of each cell before it runs, with None, and after it, with
    its seconds.

    Raises:
        CellFailed: a cell raised, ran out of time or memory, or its process died.
        Stopped: nobody wants it any more.
    """
    started = time.monotonic()
    runs: list[CellRun] = []
    with Session(note, **options) as session:
        for cell in note.cells:
            if on_cell is not None:
                on_cell(cell, None)
            runs.append(session.run(cell))
            if on_cell is not None:
                on_cell(cell, runs[-1].seconds)
        place = session.where()
        return NoteRun(tuple(runs), time.monotonic() - started, session.peak_mib, place)


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
            elif mime == "text/html" and len(text) > LONGEST_HTML:
                plain = str(bundle.get("text/plain", ""))
                found["text/plain"] = (
                    f"{_cut(_plain(plain))}\n……（表格有 {len(text):,} 个字符，太大，没有显示）"
                )
                return found
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


def _printed(messages: list[dict[str, Any]]) -> str:
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")


def _death(cell: Cell, watch: Watch) -> str:
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
    return f"{text[:LONGEST_TEXT]}\n……（后面还有 {len(text) - LONGEST_TEXT:,} 个字符，没有显示）"
