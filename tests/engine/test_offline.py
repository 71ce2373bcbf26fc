"""The site as a zip: every link leads to a file in it, and equal sites make equal zips."""

from __future__ import annotations

import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from vaultsite.offline import for_disk, pack


class _Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@pytest.mark.parametrize(
    ("address", "on_disk"),
    [
        ("../b/", "../b/index.html"),
        ("../b/#小节", "../b/index.html#小节"),
        (".", "./index.html"),
        ("..", "../index.html"),
        ("../../", "../../index.html"),
        ("#小节", "#小节"),
        ("a.css?v=12", "a.css"),
        ("p.png?size=2", "p.png?size=2"),
        ("https://example.org/a/", "https://example.org/a/"),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("//example.org/", "//example.org/"),
        ("a&amp;b/", "a&amp;b/index.html"),
    ],
)
def test_an_address_of_a_folder_leads_to_its_page(address: str, on_disk: str) -> None:
    assert for_disk(f'<a class="x" href="{address}">') == f'<a class="x" href="{on_disk}">'


def test_only_tags_are_changed() -> None:
    untouched = '<pre>href="a/"</pre><script>x = \'<a href="b/">\'</script><!-- <a href="c/"> -->'
    page = f"{untouched}\n文<a href='d/'>e</a>"
    assert for_disk(page) == page.replace("'d/'", "'d/index.html'")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    files = {
        "index.html": '<a href="甲/">甲</a><img src="assets/p.png">',
        "甲/index.html": '<a href="../">上</a><a href="../旧/#x">旧</a>',
        "旧/index.html": '<meta http-equiv="refresh" content="0; url=../甲/">',
        "404.html": "gone",
        "assets/p.png": "p",
        "assets/search.json": '{"notes": "</script>"}',
    }
    for name, text in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "site"


def test_a_zip_holds_the_pages_and_a_door(site: Path, tmp_path: Path) -> None:
    assert pack(site, tmp_path / "out" / "notes.zip") == 3
    with zipfile.ZipFile(tmp_path / "out" / "notes.zip") as archive:
        names = archive.namelist()
        pages = {n: archive.read(n).decode() for n in names if n.endswith(".html")}
    assert set(pages) == {"notes/index.html", "notes/pages/index.html", "notes/pages/甲/index.html"}
    assert "notes/pages/assets/search.json.js" in names
    assert _Links(pages["notes/index.html"]).found == ["pages/index.html"]
    assert unquote(_Links(pages["notes/pages/index.html"]).found[0]) == "甲/index.html"


def test_equal_sites_make_equal_zips(site: Path, tmp_path: Path) -> None:
    pack(site, tmp_path / "a.zip")
    (site / "index.html").touch()
    pack(site, tmp_path / "b" / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b" / "a.zip").read_bytes()


def test_a_failure_leaves_the_old_zip(site: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    target.write_bytes(b"old")
    (site / "bad.html").write_bytes(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        pack(site, target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.glob("*.part")) == []
