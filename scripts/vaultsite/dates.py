"""When a note came and when it was last changed: its own word, else its commits, else its file's time."""

from __future__ import annotations

import datetime
import subprocess
from dataclasses import dataclass

from vaultsite.model import Note, Vault, VaultPath

CHANGED = ("updated", "modified", "date", "created")
CREATED = ("created", "date")


@dataclass(frozen=True)
class Days:
    """A note's first day and its last, as ``2026-11-23``."""

    created: str
    changed: str


def dates_of(vault: Vault) -> dict[VaultPath, Days]:
    """Return the days of each note."""
    said = {path: (_said(note, CREATED), _said(note, CHANGED)) for path, note in vault.notes.items()}
    committed = _committed(vault) if any("" in days for days in said.values()) else {}
    found: dict[VaultPath, Days] = {}
    for path, (created, changed) in said.items():
        known = committed.get(path)
        if known is None and not (created and changed):
            changed_file = (vault.root / path).stat().st_mtime
            day = datetime.date.fromtimestamp(changed_file).isoformat()
            known = Days(day, day)
        changed = changed or (known.changed if known else "")
        created = created or (min(known.created, changed) if known else "")
        found[path] = Days(created, changed)
    return found


def _said(note: Note, keys: tuple[str, ...]) -> str:
    return next(filter(None, (_day(note.meta.get(key)) for key in keys)), "")


def _day(value: object) -> str:
    if isinstance(value, datetime.date):  # a datetime is one too
        return value.isoformat()[:10]
    text = str(value or "")[:10].replace("/", "-")
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _committed(vault: Vault) -> dict[VaultPath, Days]:
    """The days of each file's first and last commit; nothing where there is no git."""
    command = [
        "git",
        "-c",
        "core.quotePath=false",
        "log",
        "--format=%x00%cs",
        "--name-only",
        "--relative",
        "-z",
        "--",
        ".",
    ]
    try:
        done = subprocess.run(
            command, cwd=vault.root, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError:
        return {}
    days: dict[VaultPath, Days] = {}
    day = ""
    for item in done.stdout.split("\0") if done.returncode == 0 else ():  # the newest first
        name = item.strip("\n")
        if len(name) == 10 and name[4:5] == "-" and name[7:8] == "-" and name.replace("-", "").isdigit():
            day = name
        elif name:
            path = VaultPath(name)
            days[path] = Days(day, days[path].changed if path in days else day)
    return days
