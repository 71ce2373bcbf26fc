"""The built site, served from a sub-folder, in a real Chromium."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from browsing import SITE, Visit

PREFIX = "/notes"


class Handler(SimpleHTTPRequestHandler):
    """Serves below a sub-folder, as project pages do; anything else is not there."""

    def translate_path(self, path: str) -> str:
        path = urlsplit(path).path
        if not path.startswith(f"{PREFIX}/"):
            return str(SITE / "not-there")
        return super().translate_path(path.removeprefix(PREFIX))

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def site_url() -> Iterator[str]:
    """The address of the built site, with a slash at its end."""
    assert (SITE / "index.html").is_file(), "build the site first: python scripts/build.py site"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium where there is one, else Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(page: Page, site_url: str) -> Visit:
    return Visit(page, site_url)


@pytest.fixture
def visit_without_scripts(browser: Browser, site_url: str) -> Iterator[Visit]:
    context = browser.new_context(java_script_enabled=False)
    yield Visit(context.new_page(), site_url)
    context.close()
