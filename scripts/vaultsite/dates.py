"""When a note was last changed: its own word, else its last commit, else its file's time."""

from __future__ import annotations

import datetime
import subprocess

from vaultsite.model import Vault, VaultPath

KEYS = ("updated", "modified", "date", "created")


def dates_of(vault: Vault) -> dict[VaultPath, str]:
    """Return each note's day as ``2026-11-23``."""
    found: dict[VaultPath, str] = {}
    rest: list[VaultPath] = []
    for path, note in vault.notes.items():
        days = (_day(note.meta.get(key)) for key in KEYS)
        if day := next(filter(None, days), ""):
            found[path] = day
        else:
            rest.append(path)
    committed = _committed(vault) if rest else {}
    for path in rest:
        if path in committed:
            found[path] = committed[path]
        else:
            changed = (vault.root / path).stat().st_mtime
            found[path] = datetime.date.fromtimestamp(changed).isoformat()
    return found


def _day(value: object) -> str:
    if isinstance(value, datetime.date):  # a datetime is one too
        return value.isoformat()[:10]
    text = str(value or "")[:10].replace("/", "-")
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _committed(vault: Vault) -> dict[VaultPath, str]:
    """The day of each file's last commit, newest first; nothing where there is no git."""
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
    days: dict[VaultPath, str] = {}
    day = ""
    for item in done.stdout.split("\0") if done.returncode == 0 else ():
        name = item.strip("\n")
        if len(name) == 10 and name[4:5] == "-" and name[7:8] == "-" and name.replace("-", "").isdigit():
            day = name
        elif name:
            days.setdefault(VaultPath(name), day)
    return days
