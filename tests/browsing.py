"""How the browser tests meet the site."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
SITE = ROOT / "site"
FOLDER = "Inbox/study/人工智能/机器学习/深度学习/李沐学深度学习/"
LENET = f"{FOLDER}23 经典卷积神经网络 LeNet/"
LONGEST = "the longest note"
"""Stands for whichever note's page weighs most; `Visit.open` looks which one that is."""


class Visit:
    """A page that remembers what went wrong on it and what it asked for."""

    def __init__(self, page: Page, site_url: str) -> None:
        self.page = page
        self.site_url = site_url
        self.outside: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._request)
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", lambda r: self.errors.append(f"{r.status} {r.url}") if r.status >= 400 else None)

    def open(self, path: str = "") -> Page:
        """Go to a page of the site, its path written as in the vault."""
        path = longest_note() if path == LONGEST else path
        self.page.goto(self.site_url + quote(path), wait_until="load")
        return self.page

    @property
    def path(self) -> str:
        """Where the page is, as in the vault."""
        return unquote(self.page.url.partition("#")[0]).removeprefix(self.site_url)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.site_url, "data:", "blob:")):
            self.outside.append(request.url)


@cache
def longest_note() -> str:
    """Return the path of the page in the notes' folder whose HTML is largest."""
    pages = (SITE / FOLDER).glob("*/index.html")
    return f"{max(pages, key=lambda page: page.stat().st_size).parent.relative_to(SITE).as_posix()}/"
