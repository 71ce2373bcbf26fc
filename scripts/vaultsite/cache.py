"""What was made before, found again by the hash of all that it was made from.

A cache never decides what is right: a key names every ingredient, so a hit is what a fresh run would give.
All of it can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path

KINDS = ("note", "content", "mentions", "search", "prints", "tests", "card")


def cache_folder(root: Path, vault: Path) -> Path:
    """Return where what was made from a vault is kept; ``VAULTSITE_CACHE`` says another place."""
    caches = Path(os.environ.get("VAULTSITE_CACHE") or root / ".cache")
    return caches / f"vault-{hashlib.sha256(str(vault).encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"


class Cache:
    """One folder: small values in a database, finished pages as files that a site can link to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pages = folder / "pages"
        self._pages.mkdir(parents=True, exist_ok=True)
        self._used: dict[str, set[str]] = {kind: set() for kind in (*KINDS, "page")}
        try:
            self._store = _connect(folder / "cache.sqlite")
        except sqlite3.DatabaseError:  # cut short or damaged: all of it can be made again
            (folder / "cache.sqlite").unlink()
            self._store = _connect(folder / "cache.sqlite")

    def get(self, kind: str, key: str) -> bytes | None:
        """Return what is kept under *key*."""
        self._used[kind].add(key)
        row = self._store.execute(f"SELECT value FROM {kind} WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, kind: str, key: str, value: bytes) -> None:
        """Keep *value*."""
        self._used[kind].add(key)
        self._store.execute(f"INSERT OR REPLACE INTO {kind} VALUES (?, ?)", (key, value))

    def all_of(self, kind: str) -> dict[str, bytes]:
        """Return everything of one kind: faster than asking a thousand times."""
        return dict(self._store.execute(f"SELECT key, value FROM {kind}"))

    def keep(self, kind: str, keys: Iterable[str]) -> None:
        """Say that *keys* are still used."""
        self._used[kind].update(keys)

    def page(self, key: str, target: Path) -> bool:
        """Put the finished page *key* at *target*; return whether there is one.

        A page is trusted only as it was written: a file that somebody changed in the site is one and the same
        with the cache's where both are hard links.
        """
        self._used["page"].add(key)
        source = self._pages / key
        row = self._store.execute("SELECT size, mtime FROM page WHERE key = ?", (key,)).fetchone()
        try:
            stat = source.stat()
        except OSError:
            return False
        if row != (stat.st_size, stat.st_mtime_ns):
            return False
        _link(source, target)
        return True

    def put_page(self, key: str, html: bytes, target: Path) -> None:
        """Keep a finished page and put it at *target*."""
        self._used["page"].add(key)
        source = self._pages / key
        source.unlink(missing_ok=True)  # never write into a file that an older site shows
        source.write_bytes(html)
        stat = source.stat()
        self._store.execute(
            "INSERT OR REPLACE INTO page VALUES (?, ?, ?)", (key, stat.st_size, stat.st_mtime_ns)
        )
        _link(source, target)

    def sweep(self) -> None:
        """Forget all that was not asked for since the cache was opened."""
        for kind in KINDS:
            known = [key for (key,) in self._store.execute(f"SELECT key FROM {kind}")]
            gone = [(key,) for key in known if key not in self._used[kind]]
            self._store.executemany(f"DELETE FROM {kind} WHERE key = ?", gone)
        for file in os.scandir(self._pages):
            if file.name not in self._used["page"]:
                Path(file.path).unlink(missing_ok=True)
                self._store.execute("DELETE FROM page WHERE key = ?", (file.name,))

    def close(self) -> None:
        self._store.close()


def _connect(path: Path) -> sqlite3.Connection:
    # Each value is written by itself: a site that is being built must not keep a run beside it waiting.
    store = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
    try:
        store.execute("PRAGMA synchronous = OFF")  # it can all be made again
        store.execute("PRAGMA journal_mode = WAL")
        for kind in KINDS:
            store.execute(
                f"CREATE TABLE IF NOT EXISTS {kind} (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID"
            )
        store.execute(
            "CREATE TABLE IF NOT EXISTS page (key TEXT PRIMARY KEY, size INT, mtime INT) WITHOUT ROWID"
        )
        store.execute("SELECT count(*) FROM page").fetchone()
    except BaseException:
        store.close()
        raise
    return store


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        if not target.samefile(source):
            target.unlink()
            _link(source, target)
    except FileNotFoundError:
        if target.parent.exists():
            raise
        target.parent.mkdir(parents=True)
        _link(source, target)
    except OSError:  # another file system, or one without links
        target.unlink(missing_ok=True)
        shutil.copyfile(source, target)
