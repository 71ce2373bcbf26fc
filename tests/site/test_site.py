"""What a reader meets, in a real browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

import build
from browsing import FOLDER, LENET, ROOT, SITE, Visit
from projects import write

HOME = f"{FOLDER}导航/"
PAGES = ["", HOME, LENET, f"{FOLDER}24 深度卷积神经网络 AlexNet/", "code/dlnotes/train/"]


COMPARISON = "Inbox/study/人工智能/机器学习/深度学习/六个卷积网络的比较/"
"""It is not in 导航, but asks with `up` for a place at the end of a section of it."""


def targets_of_home() -> list[str]:
    """The notes that 导航 shows, in its order, each once: those it links to, and COMPARISON."""
    source = Path(__file__).parents[2] / "docs" / f"{FOLDER}导航.md"
    links = re.findall(r"\[\[(.+?)\\\|", source.read_text(encoding="utf-8"))
    found = list(dict.fromkeys(f"{link}/" for link in links))
    found.insert(found.index(f"{FOLDER}29 残差网络 ResNet/") + 1, COMPARISON)
    return found


@pytest.mark.parametrize("start", ["", HOME], ids=["front page", "permalink"])
def test_every_link_of_the_navigation_note_leads_to_its_note(visit: Visit, start: str) -> None:
    page = visit.open(start)
    links = page.locator("article a.wikilink").evaluate_all("links => links.map(a => a.href)")
    assert len(links) == 36
    expected = targets_of_home()
    assert len(expected) == 34
    seen = []
    for link in dict.fromkeys(links):
        page.goto(link)
        name = visit.path.rstrip("/").rpartition("/")[2]
        assert " ".join(page.locator("h1").first.inner_text().replace("#", "").split()) == " ".join(
            name.split()
        )
        seen.append(visit.path)
    assert seen == expected
    assert visit.errors == []
    assert visit.outside == []


def test_next_leads_through_the_whole_course_in_the_order_of_the_navigation_note(visit: Visit) -> None:
    page = visit.open()
    seen = []
    for _ in range(34):
        page.goto(page.locator("a[rel=next]").first.evaluate("a => a.href"))
        seen.append(visit.path)
    assert seen == targets_of_home()


def test_the_lenet_page_shows_what_its_code_gave(visit: Visit) -> None:
    page = visit.open(LENET)
    assert page.locator(".live-cell .out-figure svg").count() >= 10
    assert page.locator(".live-cell table.dataframe").count() >= 4
    assert page.locator(".katex").count() >= 20
    assert page.locator(".code-embed").count() >= 4
    values = page.locator(".live-value").all_text_contents()
    assert "203,530" in values
    text = page.locator("article").text_content() or ""
    for figure in ("61,706", "416,520", "2.303"):
        assert figure in text
    assert page.locator(".cell-pending, .live-value.pending").count() == 0
    prose = page.locator("article").evaluate(
        "a => { a = a.cloneNode(true);"
        " a.querySelectorAll('pre, code, .math').forEach(e => e.remove()); return a.innerText }"
    )
    for leftover in ("[[", "`=", "$", "%%", "wzxhzdk"):
        assert leftover not in prose
    expect(page.locator("details.provenance summary")).to_contain_text("本页结果由代码算出")


@pytest.mark.parametrize("path", PAGES)
def test_nothing_comes_from_elsewhere_and_the_console_stays_empty(visit: Visit, path: str) -> None:
    page = visit.open(path)
    page.wait_for_load_state("networkidle")
    assert visit.outside == []
    assert visit.errors == []


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("path", PAGES[:4])
def test_no_page_scrolls_sideways(visit: Visit, path: str, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_is_there_without_javascript(visit_without_scripts: Visit) -> None:
    visit = visit_without_scripts
    page = visit.open(LENET)
    assert page.locator(".out-figure svg").count() >= 10
    assert page.locator(".katex").count() >= 20
    assert page.locator(".backlinks li").count() >= 2
    page.goto(page.locator("a.wikilink", has_text="AlexNet").first.evaluate("a => a.href"))
    expect(page.locator("h1")).to_contain_text("AlexNet")


def test_the_course_map_is_served_where_the_note_asks_for_it(visit: Visit) -> None:
    page = visit.open()
    image = page.locator("article img").first
    assert image.get_attribute("src") == "img/user/Assets/attachments/tmp/tmp-250.png"
    image.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('article img').complete")
    assert image.evaluate("i => i.naturalWidth") == 250
    assert visit.errors == []


def test_figures_follow_the_theme(browser: Browser, site_url: str) -> None:
    colours = []
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = Visit(context.new_page(), site_url).open(LENET)
        ink = "getComputedStyle(document.querySelector('.out-figure svg text')).fill"
        colours.append(page.evaluate(ink))
        context.close()
    assert colours[0] != colours[1]


@pytest.mark.parametrize(
    ("query", "title"),
    [("LeNet", "LeNet"), ("注意力机制", "注意力"), ("残差", "ResNet"), ("过拟合", "过拟合")],
)
def test_search_finds_a_note_by_its_name(visit: Visit, query: str, title: str) -> None:
    page = visit.open()
    page.keyboard.press("/")
    field = page.locator(".md-search__input")
    field.fill(query)
    field.dispatch_event("keyup")
    first = page.locator(".md-search-result__link h1, .md-search-result__link h2").first
    expect(first).to_contain_text(title, timeout=10_000)


def test_breadcrumbs_lead_from_the_front_page_to_the_section(visit: Visit) -> None:
    page = visit.open(LENET)
    crumbs = page.locator(".md-path a, .md-path li")
    assert [text.strip() for text in crumbs.all_inner_texts() if text.strip()][:1] == ["导航"]
    expect(page.locator(".md-path")).to_contain_text("卷积神经网络")


def test_tags_lead_to_the_notes_that_carry_them(visit: Visit) -> None:
    page = visit.open(LENET)
    page.locator(".note-tags a", has_text="图片分类").click()
    expect(page.locator("h1")).to_contain_text("#图片分类")
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]
    carrying = sum(bool(re.search(r"^tags: \[.*图片分类", text, re.MULTILINE)) for text in texts)
    assert page.locator(".note-list > li").count() == carrying >= 7
    page.get_by_role("link", name="全部标签").click()
    page.locator(".tag-list a", has_text="卷积神经网络").click()
    expect(page.locator(".note-list")).to_contain_text("23 经典卷积神经网络 LeNet")
    assert visit.errors == []


def test_the_ways_through_the_vault_are_on_every_page(visit: Visit) -> None:
    for name in ("关系图", "术语表", "标签", "最近更新", "链接账本"):
        page = visit.open(LENET)
        page.locator(".wiki-ways a", has_text=name).click()
        expect(page.locator("h1")).to_contain_text(name)
    expect(page.locator(".link-table").first).to_contain_text("找到")
    assert visit.errors == []


@pytest.mark.parametrize("old", ["LeNet-5", "Attention Is All You Need", "暂退法"])
def test_an_alias_in_the_address_leads_to_the_note(visit: Visit, old: str) -> None:
    ledger = json.loads((Path(__file__).parents[2] / "docs/.addresses.json").read_text(encoding="utf-8"))
    visit.page.goto(f"{visit.site_url}{quote(old)}/#x")
    wanted = f"{visit.site_url}{quote(ledger[old].removesuffix('.md'))}/#x"
    visit.page.wait_for_function("wanted => location.href === wanted", arg=wanted)
    expect(visit.page.locator("h1").first).to_be_visible()


def test_what_names_a_note_without_a_link_is_offered_below_the_backlinks() -> None:
    texts = (page.read_text(encoding="utf-8") for page in SITE.rglob("index.html"))
    offered = [text for text in texts if 'class="backlinks mentions"' in text]
    assert len(offered) >= 5
    for text in offered:
        assert text.find('aria-labelledby="backlinks"') < text.index('class="backlinks mentions"')
        assert "<mark>" in text[text.index('class="backlinks mentions"') :]


def test_drafts_say_so(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, out = tmp_path / "vault", tmp_path / "site"
    write(vault, {"begun.md": "---\nstatus: draft\n---\n# Begun\n", "written.md": "# Written\n"})
    monkeypatch.setenv("VAULTSITE_CACHE", str(tmp_path / "cache"))
    assert build.main(["site", "--vault", str(vault), "--out", str(out)]) == 0
    page.set_content((out / "begun/index.html").read_text(encoding="utf-8"))
    expect(page.locator(".note-draft")).to_have_text("撰写中")
    page.set_content((out / "written/index.html").read_text(encoding="utf-8"))
    expect(page.locator(".note-draft")).to_have_count(0)


class _Addresses(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("id", "name") and value:
                self.anchors.add(value)
            elif key in ("href", "src") and value and tag != "base":
                self.links.append(value)


def test_every_address_on_every_page_leads_somewhere() -> None:
    pages = {
        p.relative_to(SITE).as_posix(): _Addresses(p.read_text(encoding="utf-8"))
        for p in SITE.rglob("*.html")
    }
    assert len(pages) >= 37
    dead = []
    for path, page in pages.items():
        if path == "404.html":  # its links are absolute: it is shown at any address
            continue
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target, anchor = urldefrag(urljoin(f"https://x/{path.removesuffix('index.html')}", link))
            file = unquote(urlsplit(target).path).lstrip("/")
            file = f"{file}index.html" if file.endswith("/") or not file else file
            if not (SITE / file).is_file():
                dead.append(f"{path}: {link}")
            elif anchor and file in pages and unquote(anchor) not in pages[file].anchors | {"__skip", ""}:
                dead.append(f"{path}: {link} (no such anchor)")
    assert dead == []


def test_no_page_asks_another_host_for_anything() -> None:
    asking = re.compile(
        r"""<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=["']?(?:https?:)?//([^/"' ]+)"""
    )
    outside = {}
    for path in SITE.rglob("*.html"):
        hosts = [
            m[1] for m in asking.finditer(path.read_text(encoding="utf-8")) if 'rel="canonical"' not in m[0]
        ]
        if hosts:
            outside[path.relative_to(SITE).as_posix()] = hosts
    assert outside == {}


def test_the_glossary_leads_to_where_a_term_is_defined(visit: Visit) -> None:
    page = visit.open("")
    page.locator(".home-ways a", has_text="术语表").click()
    row = page.locator("tr", has=page.get_by_role("cell", name="困惑度", exact=True))
    expect(row).to_contain_text("perplexity")
    assert page.locator("tbody tr").count() > 90
    expect(page.locator("tr", has_text="temperature").locator("math")).to_have_count(1)  # its symbol
    row.locator("a.wikilink").first.click()
    expect(page.locator("h1")).to_contain_text("RNN")
    anchor = unquote(page.url.partition("#")[2])
    paragraph = page.locator(f'[id="{anchor}"] ~ p', has_text="困惑度").first
    expect(paragraph).to_contain_text("perplexity")
    assert visit.errors == []
