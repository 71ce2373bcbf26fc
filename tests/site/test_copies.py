"""The site where it is not served: the offline copy from a disk, and what a published site tells others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from browsing import FOLDER, LENET, ROOT, SITE, Visit
from vaultsite.offline import pack

ADDRESS = "https://notes.example/dl/"
DRAWN = "document.querySelector('.graph')?.graphView?.nodes().length"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the unpacked zip, in a folder whose name needs quoting."""
    folder = tmp_path_factory.mktemp("我的 笔记")
    assert pack(SITE, folder / "dlnotes.zip") > 33
    zipfile.ZipFile(folder / "dlnotes.zip").extractall(folder)
    return f"{(folder / 'dlnotes').as_uri()}/"


@pytest.fixture
def offline(browser: Browser, disk: str) -> Iterator[Visit]:
    """A reader without a network, who opens the copy's files."""
    context = browser.new_context(offline=True, reduced_motion="reduce")
    visit = Visit(context.new_page(), disk)
    yield visit
    assert visit.outside == []
    assert visit.errors == []
    context.close()


def test_the_copys_door_leads_to_the_front_page_and_on_to_a_note(offline: Visit) -> None:
    page = offline.open("index.html")
    page.wait_for_url("**/pages/index.html")
    page.locator("article a.wikilink", has_text="LeNet").first.click()
    expect(page.locator("h1").first).to_contain_text("LeNet")
    page.go_back()
    expect(page.locator("article h1").first).to_contain_text("导航")


def test_search_works_from_a_disk(offline: Visit) -> None:
    page = offline.open(f"pages/{LENET}index.html")
    page.keyboard.press("/")
    page.locator(".md-search__input").fill("丢弃法")
    first = page.locator(".md-search-result__link").first
    expect(first.locator("h1")).to_contain_text("13 丢弃法")
    first.click()
    page.wait_for_url("**/index.html*")
    expect(page.locator("article h1").first).to_contain_text("13 丢弃法")


def test_previews_say_where_a_link_leads_from_a_disk_too(offline: Visit) -> None:
    page = offline.open(f"pages/{LENET}index.html")
    link = page.locator("article a.wikilink", has_text="AlexNet").first
    assert "相比LeNet" in (link.get_attribute("title") or "")
    link.click()
    expect(page.locator("article h1").first).to_contain_text("AlexNet")


@pytest.mark.parametrize("path", [f"pages/{LENET}index.html", "pages/wiki/graph/index.html"])
def test_the_graph_is_drawn_from_a_disk(offline: Visit, path: str) -> None:
    page = offline.open(path)
    page.locator(".graph").scroll_into_view_if_needed()
    page.wait_for_function(f"{DRAWN} > 3")


class _Head(HTMLParser):
    """What a page's head tells those that share or index it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lang = ""
        self.meta: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.lang = have.get("lang", "")
        elif tag == "meta":
            self.meta[have.get("property") or have.get("name", "")] = have.get("content", "")
        elif tag == "link":
            self.links[have.get("type") or have.get("rel", "")] = have.get("href", "")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as it is built for an address on the web."""
    out = tmp_path_factory.mktemp("published") / "site"
    command = [sys.executable, str(ROOT / "scripts/build.py"), "site", "--out", str(out)]
    done = subprocess.run(
        command, env={**os.environ, "SITE_URL": ADDRESS}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


def notes_of(site: Path) -> list[Path]:
    return sorted(path for path in (site / FOLDER).glob("*/index.html"))


def test_every_note_tells_its_address_title_and_picture(published: Path) -> None:
    pages = notes_of(published)
    assert len(pages) >= 34
    pictures, titles = set(), set()
    for path in pages:
        head = _Head(path.read_text(encoding="utf-8"))
        address = ADDRESS + quote(f"{path.parent.relative_to(published).as_posix()}/")
        assert head.lang == "zh-CN"
        assert head.links["canonical"] in (address, ADDRESS)  # the navigation note is the front page
        titles.add(head.meta["og:title"].strip())
        assert head.meta["og:description"].strip() == head.meta["description"].strip() != ""
        assert head.meta["og:image"].startswith(ADDRESS)
        picture = published / head.meta["og:image"].removeprefix(ADDRESS)
        with Image.open(picture) as image:
            assert image.size == (1200, 630)
        pictures.add(picture)
    assert len(pictures) == len(titles - {""}) == len(pages)


def test_the_sitemap_names_every_note_once(published: Path) -> None:
    tree = ElementTree.parse(published / "sitemap.xml")
    named = [loc.text for loc in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert len(named) == len(set(named))
    for path in notes_of(published):
        if path.parent.name != "导航":
            assert ADDRESS + quote(f"{path.parent.relative_to(published).as_posix()}/") in named
    dates = [day.text for day in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}lastmod")]
    assert len(dates) >= 34
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", day or "") for day in dates)


def test_the_feed_leads_to_pages_that_are_there(published: Path) -> None:
    head = _Head((published / "index.html").read_text(encoding="utf-8"))
    feed = head.links.get("application/rss+xml") or head.links["application/atom+xml"]
    tree = ElementTree.parse(published / feed.removeprefix(ADDRESS).lstrip("./"))
    links = [
        element.text or element.get("href") or "" for element in tree.iter() if element.tag.endswith("link")
    ]
    inside = [link.removeprefix(ADDRESS) for link in links if link.startswith(ADDRESS) and link != ADDRESS]
    places = {quote(f"{path.parent.relative_to(published).as_posix()}/") for path in notes_of(published)}
    assert len(set(inside) & places) >= 10


def test_a_site_without_an_address_promises_none() -> None:
    head = _Head((SITE / LENET / "index.html").read_text(encoding="utf-8"))
    assert "canonical" not in head.links
    assert "og:image" not in head.meta
    assert not (SITE / "feed.xml").exists()
