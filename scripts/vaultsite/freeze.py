"""Recorded outputs: one small, mergeable JSON a note in ``.freeze/``, its pictures beside it.

A record holds the hash of its own content, and a picture's name is the hash of its bytes: what was damaged or
edited by hand is found out, never trusted. Nothing is written twice that is equal, so diffs stay small.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vaultsite.model import Note, NoteRun, Output, Problem, VaultError, VaultPath

FOLDER = ".freeze"
PICTURES = {"image/svg+xml": "svg", "image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}


class DamagedRecord(Exception):  # noqa: N818
    """A record or one of its pictures is not what was written."""


@dataclass(frozen=True, slots=True)
class CellPrint:
    """What a cell's code means: its own hash, and those of the symbols that it reaches."""

    hash: str
    symbols: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CellRecord:
    """A cell as it was when it ran, and what it gave. *seconds* is its time."""

    hash: str
    symbols: Mapping[str, str]
    outputs: tuple[Output, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Record:
    """A note's run. *recorded* is an ISO date; *peak_mib* the largest memory of its process.

    *times* are the seconds that the same code took wherever it was recorded: by device and profile.
    """

    note: VaultPath
    cells: tuple[CellRecord, ...]
    environment: Mapping[str, str]
    seconds: float
    peak_mib: int
    recorded: str
    times: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a record may be published: only when ``fresh``. *reasons* say what changed.

    *aged* names the packages whose versions alone have changed.
    """

    state: Literal["fresh", "missing", "damaged", "stale"]
    reasons: tuple[str, ...] = ()
    quick: bool = False
    aged: tuple[str, ...] = ()


def from_run(note: Note, prints: Sequence[CellPrint], run: NoteRun) -> Record:
    """Join what the code said with what it gave."""
    cells = tuple(
        CellRecord(now.hash, dict(now.symbols), ran.outputs, round(ran.seconds, 3))
        for now, ran in zip(prints, run.cells, strict=True)
    )
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    seconds = round(run.seconds, 1)
    there = run.environment
    where = f"{there.get('device_name') or there.get('device', '')}，{there.get('profile', '')}".strip("，")
    return Record(
        note.path, cells, dict(there), seconds, run.peak_mib, today, {where: seconds} if where else {}
    )


def is_quick(record: Record) -> bool:
    """Whether the note ran in the small profile."""
    return record.environment.get("profile") == "quick"


def fingerprint(prints: Sequence[CellPrint | CellRecord]) -> str:
    """Return a short name for the meaning of all of a note's code."""
    return _digest({"cells": [[p.hash, dict(p.symbols)] for p in prints]})[:12]


def verdict(
    prints: Sequence[CellPrint], record: Record | None, versions: Mapping[str, str] | None = None
) -> Verdict:
    """Compare what the code means now with what was recorded; *versions* are those of packages in use."""
    if record is None:
        return Verdict("missing", ("never recorded",))
    reasons: list[str] = []
    if len(prints) != len(record.cells):
        reasons.append(f"it has {len(prints)} cells now, {len(record.cells)} were recorded")
    told: set[str] = set()  # a symbol that many cells reach is named once
    for n, (now, then) in enumerate(zip(prints, record.cells, strict=False), 1):
        if now.hash != then.hash:
            reasons.append(f"cell {n} changed")
            continue
        for symbol in sorted((now.symbols.keys() | then.symbols.keys()) - told):
            if symbol not in then.symbols:
                reasons.append(f"cell {n} now reaches {symbol}")
            elif symbol not in now.symbols:
                reasons.append(f"cell {n} no longer reaches {symbol}")
            elif now.symbols[symbol] != then.symbols[symbol]:
                reasons.append(f"cell {n}: {symbol} changed")
            else:
                continue
            told.add(symbol)
    aged = tuple(
        f"{name} {_release(record.environment[name])} → {_release(version)}"
        for name, version in sorted((versions or {}).items())
        if name in record.environment and _release(record.environment[name]) != _release(version)
    )
    return Verdict("stale" if reasons else "fresh", tuple(reasons), is_quick(record), aged)


def _release(version: str) -> str:
    """A version without its build: `2.14.1+cu130` is 2.14.1."""
    return version.partition("+")[0]


def load(vault: Path, note: VaultPath) -> Record | None:
    """Read a note's record; none if it has none.

    Raises:
        DamagedRecord: it, or one of its pictures, is not what was written.
    """
    path = record_path(vault, note)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedRecord(f"{path.name} cannot be read: {error}") from error
    try:
        table = json.loads(text)
        claimed = table.pop("sha256")
        if claimed != _digest(table):
            raise DamagedRecord(f"{path.name} was changed after it was recorded")
        # A symbol's hash stands once in the file; cells name the symbols that they reach.
        symbols = table["symbols"]
        cells = tuple(
            CellRecord(
                cell["hash"],
                {name: symbols[name] for name in cell["symbols"]},
                tuple(_output(path, output) for output in cell["outputs"]),
                cell["seconds"],
            )
            for cell in table["cells"]
        )
        return Record(
            VaultPath(table["note"]),
            cells,
            table["environment"],
            table["seconds"],
            table["peak_mib"],
            table["recorded"],
            table.get("times", {}),
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise DamagedRecord(f"{path.name} is not a whole record: {error}") from error


def save(vault: Path, record: Record) -> bool:
    """Write a record whole or not at all; return whether anything was written.

    An equal record stays as it is, dates and durations aside; a quick one never replaces a full one of the
    same code, and leaves it only its time.

    Raises:
        VaultError: the vault cannot be written.
    """
    path = record_path(vault, record.note)
    try:
        old = load(vault, record.note)
    except DamagedRecord:
        old = None
    if old is not None and _prints(old) == _prints(record):
        times = {**record.times, **old.times}
        if is_quick(record) and not is_quick(old):
            record = replace(old, times=times)
        same_outputs = [c.outputs for c in old.cells] == [c.outputs for c in record.cells]
        if same_outputs and old.environment == record.environment and old.times == times:
            return False
        record = replace(record, times={**old.times, **record.times})
    pictures: dict[str, bytes] = {}
    table = _table(record, pictures)
    table["sha256"] = _digest(table)
    try:
        folder = _pictures(path)
        for name, data in pictures.items():
            if not (folder / name).is_file() or (folder / name).read_bytes() != data:
                folder.mkdir(parents=True, exist_ok=True)
                _write(folder / name, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(table, ensure_ascii=False, indent=1, sort_keys=True)
        _write(path, f"{text}\n".encode())
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name not in pictures:
                file.unlink()
        if folder.is_dir() and not pictures:
            folder.rmdir()
    except OSError as error:
        place = str(error.filename or path)
        raise VaultError(Problem(place, 1, f"cannot be written: {error.strerror or error}")) from error
    return True


def orphans(vault: Path, notes: Collection[VaultPath]) -> list[Path]:
    """Return the records that belong to none of *notes*."""
    root = vault / FOLDER
    kept = {record_path(vault, note) for note in notes}
    return [path for path in sorted(root.rglob("*.json")) if path not in kept] if root.is_dir() else []


def adopt(vault: Path, note: VaultPath, prints: Sequence[CellPrint], left: Collection[Path]) -> Path | None:
    """Give a note without a record the one among those *left* over that is of the same code: it was renamed.

    Return the record's old place, which is empty then; None if there is no such record.

    Raises:
        VaultError: the vault cannot be written.
    """
    for path in left:
        former = VaultPath(path.relative_to(vault / FOLDER).with_suffix(".md").as_posix())
        try:
            record = load(vault, former)
        except DamagedRecord:
            continue
        if record is not None and verdict(prints, record).state == "fresh":
            save(vault, replace(record, note=note))
            _delete(vault, path)
            return path
    return None


def prune(vault: Path, notes: Collection[VaultPath]) -> list[Path]:
    """Delete the records and pictures of notes that are not in *notes*; return what was deleted."""
    gone = orphans(vault, notes)
    for path in gone:
        _delete(vault, path)
    return gone


def _delete(vault: Path, path: Path) -> None:
    folder = _pictures(path)
    for file in folder.iterdir() if folder.is_dir() else ():
        file.unlink()
    if folder.is_dir():
        folder.rmdir()
    path.unlink()
    for parent in path.parents:
        if parent == vault or any(parent.iterdir()):
            break
        parent.rmdir()


def record_path(vault: Path, note: VaultPath) -> Path:
    """Return where a note's record stands: the note's own path below ``.freeze/``."""
    return vault / FOLDER / f"{note.removesuffix('.md')}.json"


def _pictures(record: Path) -> Path:
    return record.with_name(f"{record.stem}.files")


def _prints(record: Record) -> list[tuple[str, dict[str, str]]]:
    return [(cell.hash, dict(cell.symbols)) for cell in record.cells]


def _table(record: Record, pictures: dict[str, bytes]) -> dict[str, Any]:
    symbols: dict[str, str] = {}
    cells = []
    for cell in record.cells:
        symbols.update(cell.symbols)
        outputs = []
        for output in cell.outputs:
            data: dict[str, Any] = {}
            for mime, text in output.data.items():
                if mime in PICTURES:
                    content = text.encode() if mime == "image/svg+xml" else base64.b64decode(text)
                    name = f"{hashlib.sha256(content).hexdigest()[:16]}.{PICTURES[mime]}"
                    pictures[name] = content
                    data[mime] = {"file": name}
                else:
                    data[mime] = text.split("\n")  # a line a line: merges and diffs read well
            outputs.append({"kind": output.kind, "data": data})
        cells.append(
            {
                "hash": cell.hash,
                "outputs": outputs,
                "seconds": cell.seconds,
                "symbols": sorted(cell.symbols),
            }
        )
    return {
        "cells": cells,
        "environment": dict(record.environment),
        "note": record.note,
        "peak_mib": record.peak_mib,
        "recorded": record.recorded,
        "seconds": record.seconds,
        "symbols": symbols,
        **({"times": dict(record.times)} if record.times else {}),
    }


def _output(record: Path, table: Mapping[str, Any]) -> Output:
    data = {}
    for mime, value in table["data"].items():
        if isinstance(value, dict):
            name = value["file"]
            try:
                content = (_pictures(record) / name).read_bytes()
            except OSError as error:
                raise DamagedRecord(f"picture {name} of {record.name} is missing") from error
            if hashlib.sha256(content).hexdigest()[:16] != name.partition(".")[0]:
                raise DamagedRecord(f"picture {name} of {record.name} was changed after it was recorded")
            is_svg = mime == "image/svg+xml"
            data[mime] = content.decode("utf-8") if is_svg else base64.b64encode(content).decode()
        else:
            data[mime] = "\n".join(value)
    return Output(table["kind"], data)


def _digest(table: Mapping[str, Any]) -> str:
    text = json.dumps(table, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Write beside, then rename: a reader sees the old file or the new one, never half of one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)  # noqa: PTH101
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
