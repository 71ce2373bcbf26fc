"""Where pages live, and the ledger that lets no address die.

An address is a path below the site's root, unquoted, without slashes at its ends:
``Inbox/study/05 线性代数``. The ledger, ``.addresses.json`` in the vault, holds every address that was ever
served and the note that it leads to. It is committed: a note that moves leaves its old addresses behind as
redirects, and a build that would let one die fails.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from vaultsite.model import Note, Problem, Vault, VaultError, VaultPath

LEDGER = ".addresses.json"
GONE = ""
"""The ledger's word for an address that was given up on purpose."""

RESERVED = ("assets", "code", "wiki", "search")
ODD = re.compile(r"[\x00-\x1f\\:*?\"<>|]")


@dataclass(frozen=True)
class Ledger:
    """*places* maps each address to the vault path of its note; another page's address maps to itself."""

    places: Mapping[str, str] = field(default_factory=dict)
    redirects: Mapping[str, str] = field(default_factory=dict)
    """From each address that is no page of its own to the address that it leads to."""
    problems: tuple[Problem, ...] = ()


def address(note: Note) -> str:
    """Return a note's page below the site's root: its permalink, else its vault path."""
    permalink = str(note.meta.get("permalink") or "").strip().strip("/")
    return permalink or note.path.removesuffix(".md")


def url_of(address: str) -> str:
    """Return an address as a URL seen from the site's root."""
    return f"{quote(address)}/" if address else ""


def relative_url(target: str, base: str) -> str:
    """Return the URL *target* as seen from the page at *base*; both are seen from the site's root."""
    here = base.split("/")[:-1]
    there = target.split("/")
    common = 0
    for a, b in zip(here, there[:-1], strict=False):
        if a != b:
            break
        common += 1
    return "../" * (len(here) - common) + "/".join(there[common:]) or "./"


def read_ledger(vault: Path) -> dict[str, str]:
    """Return the ledger of a vault; a vault without one has served nothing.

    Raises:
        VaultError: the file is damaged.
    """
    path = vault / LEDGER
    try:
        places = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(places, dict) or not all(isinstance(v, str) for v in places.values()):
            raise ValueError("it must map addresses to vault paths")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise VaultError(Problem(LEDGER, 1, f"cannot be read: {error.strerror}")) from error
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise VaultError(Problem(LEDGER, line, f"the ledger of addresses is damaged: {error}")) from error
    return places


def write_ledger(vault: Path, places: Mapping[str, str]) -> bool:
    """Write the ledger, one address a line, so that two branches merge; return whether it changed."""
    lines = [
        f"  {json.dumps(a, ensure_ascii=False)}: {json.dumps(places[a], ensure_ascii=False)}"
        for a in sorted(places)
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    path = vault / LEDGER
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        fresh = path.with_name(f"{LEDGER}.new")
        fresh.write_text(text, encoding="utf-8", newline="\n")
        fresh.replace(path)
    except OSError as error:
        raise VaultError(Problem(LEDGER, 1, f"cannot be written: {error.strerror or error}")) from error
    return True


def settle(vault: Vault, known: Mapping[str, str], others: Iterable[str] = ()) -> Ledger:
    """Say where every address leads: those of the vault's notes now, and all that the ledger *known* holds.

    *others* are the addresses of pages that are no notes. A note that only moved to another folder, or that
    keeps its old name as an alias, is found again; anything else that is missing is a problem.
    """
    pages = {address(note): note.path for note in vault.notes.values()}
    served = dict.fromkeys(others)
    taken = {page.casefold() for page in (*pages, *served)}
    places: dict[str, str] = {**pages, **{page: page for page in served}}
    redirects: dict[str, str] = {}
    problems = [
        Problem(path, 1, f"/{page}/ is a page of the site's own; give the note another permalink")
        for page, path in pages.items()
        if page in served
    ]
    for wanted, path in _other_names(vault):
        if wanted.casefold() not in taken and wanted not in known:
            places[wanted] = path
            redirects[wanted] = address(vault.notes[path])
    by_name = _by_old_name(vault)
    for line, (old, place) in enumerate(sorted(known.items()), 2):
        if old in pages or old in served:
            continue
        places[old] = place
        if place == GONE:
            continue
        note = vault.notes.get(VaultPath(place))
        if note is None and place not in served:
            moved = by_name.get(place.rpartition("/")[2].removesuffix(".md").casefold(), [])
            if len(moved) == 1:
                note = vault.notes[moved[0]]
            elif place.startswith("wiki/tags/"):
                places[old] = redirects[old] = "wiki/tags"
                continue
        if note is not None:
            places[old] = note.path
            redirects[old] = address(note)
        elif place in served:
            redirects[old] = place
        else:
            problems.append(
                Problem(
                    LEDGER,
                    line,
                    f"/{old}/ was served and would die: {place} is gone; say where it leads now: "
                    f'python scripts/build.py address "{old}" NEW-NOTE (or --gone)',
                )
            )
    redirects = {old: new for old, new in redirects.items() if old.casefold() not in taken}
    return Ledger(places, redirects, tuple(problems))


def clashes(vault: Vault) -> Iterator[Problem]:
    """Yield the notes whose address is another's, or one that the site needs itself."""
    owners: dict[str, VaultPath] = {}
    for path, note in vault.notes.items():
        where = address(note)
        key = where.casefold()
        if key in owners:
            yield Problem(path, 1, f"has the same address as {owners[key]}: /{where}/")
        elif key.partition("/")[0] in RESERVED and note.meta.get("permalink"):
            yield Problem(
                path, 1, f"permalink /{where}/ is in a folder of the site's own: {', '.join(RESERVED)}"
            )
        owners.setdefault(key, path)


def redirect_page(target: str, base: str) -> str:
    """Return a page that leads on, with the anchor and the query that came along."""
    url = html.escape(relative_url(url_of(target), base), quote=True)
    name = html.escape(target.rpartition("/")[2])
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="robots" content="noindex"><link rel="canonical" href="{url}">'
        f'<script>location.replace("{url}"+location.search+location.hash)</script>'
        f'<meta http-equiv="refresh" content="0; url={url}"></head>'
        f'<body><p>这一页搬到了<a href="{url}">{name}</a>。</p></body></html>\n'
    )


def _other_names(vault: Vault) -> Iterator[tuple[str, VaultPath]]:
    """Yield the addresses that lead to a note besides its own: its vault path, and each alias of it alone."""
    owners: dict[str, list[tuple[str, VaultPath]]] = {}
    for path, note in vault.notes.items():
        if (plain := path.removesuffix(".md")) != address(note):
            yield plain, path
        for alias in note.aliases:
            name = alias.strip().strip("/")
            if name and not ODD.search(name) and name not in (".", "..") and len(name.encode()) < 200:
                owners.setdefault(name.casefold(), []).append((name, path))
    for found in owners.values():
        if len({path for _, path in found}) == 1 and found[0][0].partition("/")[0] not in RESERVED:
            yield found[0]


def _by_old_name(vault: Vault) -> dict[str, list[VaultPath]]:
    names: dict[str, list[VaultPath]] = {}
    for path, note in vault.notes.items():
        for name in {note.name.casefold(), *(alias.casefold() for alias in note.aliases)}:
            names.setdefault(name, []).append(path)
    return names
