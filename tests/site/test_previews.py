"""What a link leads to, shown before it is followed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browsing import FOLDER, LENET, Visit

HOME = f"{FOLDER}导航/"
ALEXNET = f"{FOLDER}24 深度卷积神经网络 AlexNet/"
FIXTURE = """<!doctype html><meta charset="utf-8"><title>夹具</title>
<article class="md-content__inner md-typeset">
<h1 id="夹具">夹具<a class="headerlink" href="#夹具">#</a></h1>
<div class="note-head"><p class="note-summary">一页夹具</p></div>
<p>开头。<a class="wikilink" href="../">上一层</a> <a class="wikilink" href="#^claim">论断</a></p>
<h2 id="甲">甲<a class="headerlink" href="#甲">#</a></h2>
<p>甲的正文 <img src="a.png" srcset="a.png 1x, b.png 2x" onerror="void 0"></p>
<h3 id="甲之一">甲之一</h3><p>更深一层</p>
<h2 id="乙">乙</h2>
<p>前一段</p><p>一句论断。<span class="block-id" id="^claim"></span></p>
<ul><li>第一项</li><li>第二项 <span class="block-id" id="^item"></span></li></ul>
<blockquote><p>引文</p></blockquote><p><span class="block-id" id="^quote"></span></p>
<table><tr><td>表格</td></tr></table><p><span class="block-id" id="^table"></span></p>
<svg width="9" height="9" role="img" aria-labelledby="t"><title id="t">图</title>
<clipPath id="c"><path id="p"/></clipPath><use href="#p" clip-path="url(#c)" style="fill: url(#c)"/></svg>
<footer class="note-foot"><a href="../">不该出现</a></footer></article>"""


def previews(page: Page) -> Locator:
    return page.locator(".preview[role=dialog]")


def preview(page: Page) -> Locator:
    return previews(page).last


def link_to(page: Page, href: str, name: str = "试") -> Locator:
    """Write a wikilink into the page, at the beginning of its text."""
    page.locator("article h1").evaluate(
        "(h1, [href, textContent]) => h1.after(Object.assign(document.createElement('a'),"
        " { className: 'wikilink', href, textContent }), ' ')",
        [href, name],
    )
    return page.get_by_role("link", name=name, exact=True).first


@pytest.fixture
def note(visit: Visit) -> Iterator[Page]:
    """The page of LeNet, beside a page made for these tests; its console must stay empty."""
    visit.page.route("**/fixture/", lambda route: route.fulfill(body=FIXTURE, content_type="text/html"))
    visit.page.route("**/fixture/*.png", lambda route: route.fulfill(body=b"", content_type="image/png"))
    yield visit.open(LENET)
    assert visit.errors == []
    assert visit.outside == []


def test_resting_on_a_link_shows_the_beginning_of_its_note(note: Page) -> None:
    link = note.locator("article a.wikilink", has_text="AlexNet").first
    tip = link.get_attribute("title")
    link.hover()
    expect(preview(note)).to_have_accessible_name("预览：24 深度卷积神经网络 AlexNet")
    expect(preview(note).locator(".note-summary")).to_contain_text("相比LeNet")
    assert link.get_attribute("aria-controls") == preview(note).get_attribute("id")
    preview(note).locator(".preview-body").hover()
    note.wait_for_timeout(500)
    expect(previews(note)).to_have_count(1)
    note.mouse.move(1, 1)
    expect(previews(note)).to_have_count(0)
    assert link.get_attribute("title") == tip


def test_passing_over_a_link_shows_nothing(note: Page) -> None:
    note.locator("article a.wikilink").first.hover()
    note.mouse.move(1, 1)
    note.wait_for_timeout(500)
    expect(previews(note)).to_have_count(0)


def test_a_heading_link_shows_its_section_only(note: Page) -> None:
    link_to(note, "../fixture/#甲").hover()
    expect(preview(note)).to_have_accessible_name("预览：夹具 › 甲")
    body = preview(note).locator(".preview-body")
    assert body.inner_text().split() == ["甲", "甲的正文", "甲之一", "更深一层"]
    image = body.locator("img")
    assert image.evaluate("i => i.src").endswith("/fixture/a.png")
    assert image.get_attribute("onerror") is None
    assert (image.get_attribute("srcset") or "").count("/fixture/") == 2


BLOCKS = [("claim", "p", "一句论断。"), ("item", ".block-id", "第二项"), ("quote", "blockquote", "引文")]


@pytest.mark.parametrize(("block", "tag", "text"), [*BLOCKS, ("table", "table", "表格")])
def test_a_block_link_shows_its_block_only(note: Page, block: str, tag: str, text: str) -> None:
    link_to(note, f"../fixture/#^{block}").hover()
    body = preview(note).locator(".preview-body")
    expect(body).to_have_text(text)
    expect(body.locator(tag)).to_have_count(1)


def test_a_link_within_the_page_takes_its_section_from_the_page(note: Page) -> None:
    asked: list[str] = []
    note.on("request", lambda request: asked.append(request.url))
    link_to(note, "#数学卷积池化与感受野").hover()
    expect(preview(note).locator("h2")).to_have_text("数学：卷积、池化与感受野")
    expect(preview(note).locator(".katex").first).to_be_visible()
    assert not [url for url in asked if "LeNet" in url or "%20LeNet" in url]


def test_no_id_is_doubled_and_drawings_keep_their_parts(note: Page) -> None:
    link_to(note, "../fixture/#乙", "画").hover()
    svg = preview(note).locator("svg[role=img]")
    expect(svg).to_have_accessible_name("图")
    prefix = svg.locator("path").evaluate("p => p.id").removesuffix("p")
    assert svg.locator("use").get_attribute("href") == f"#{prefix}p"
    assert svg.locator("use").get_attribute("clip-path") == f"url(#{prefix}c)"
    link_to(note, "#训练", "训").hover()
    expect(preview(note)).to_have_accessible_name("预览：23 经典卷积神经网络 LeNet › 训练")
    ids = note.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_focus_opens_and_escape_closes(note: Page) -> None:
    link = note.locator("article a.wikilink").first
    note.keyboard.press("Tab")
    link.focus()
    expect(previews(note)).to_have_count(1)
    note.keyboard.press("Escape")
    expect(previews(note)).to_have_count(0)
    expect(link).to_be_focused()
    note.keyboard.press("Alt+ArrowDown")
    expect(preview(note).locator(".preview-body")).to_be_focused()
    note.keyboard.press("Escape")
    expect(previews(note)).to_have_count(0)
    expect(link).to_be_focused()
    note.keyboard.press("Tab")
    expect(link).not_to_be_focused()


def test_links_in_a_preview_open_further_ones(note: Page) -> None:
    link_to(note, "../fixture/").hover()
    preview(note).get_by_role("link", name="论断").hover()
    expect(previews(note)).to_have_count(2)
    expect(preview(note).locator(".preview-body")).to_have_text("一句论断。")
    note.wait_for_timeout(500)
    note.mouse.move(1, 1)
    expect(previews(note)).to_have_count(0)
    note.get_by_role("link", name="试", exact=True).hover()
    preview(note).get_by_role("link", name="论断").click()
    note.wait_for_url("**/fixture/#^claim")


def test_a_pinned_preview_stays_moves_and_closes(note: Page) -> None:
    link_to(note, "../fixture/").hover()
    kept = previews(note).first
    kept.get_by_role("button", name="固定").click()
    note.mouse.move(1, 1)
    note.wait_for_timeout(500)
    expect(kept).to_be_visible()
    kept.locator(".preview-title").hover()
    note.mouse.down()
    note.mouse.move(400, 500)
    note.mouse.up()
    kept.get_by_role("button", name="移动").press("ArrowLeft")
    assert kept.evaluate("p => p.getBoundingClientRect().bottom") > 500
    link_to(note, "../fixture/#^claim", "又").hover()
    expect(previews(note)).to_have_count(2)
    kept.get_by_role("button", name="关闭").click()
    expect(note.locator(".preview--pinned")).to_have_count(0)


def test_a_failed_fetch_shows_nothing(note: Page) -> None:
    note.route("**/gone/", lambda route: route.fulfill(body="{}", content_type="application/json"))
    link_to(note, "../gone/").hover()
    note.wait_for_timeout(600)
    expect(previews(note)).to_have_count(0)


def test_a_long_press_opens_a_sheet_and_a_tap_follows_the_link(browser: Browser, site_url: str) -> None:
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740})
    visit = Visit(context.new_page(), site_url)
    page = visit.open(LENET)
    link = page.locator("article a.wikilink", has_text="AlexNet").first
    link.evaluate("a => a.scrollIntoView({ block: 'center' })")
    page.wait_for_timeout(200)  # what comes near is laid out
    finger = context.new_cdp_session(page)
    point = link.evaluate("a => { const { x, y } = a.getClientRects()[0]; return { x: x + 8, y: y + 8 } }")
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    page.wait_for_timeout(900)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(".preview--sheet")).to_be_visible()
    assert visit.path == LENET
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert round(preview(page).evaluate("p => p.getBoundingClientRect().bottom")) == 740
    expect(preview(page).get_by_role("link", name="打开")).to_be_visible()
    preview(page).get_by_role("button", name="关闭").tap()
    expect(previews(page)).to_have_count(0)
    link.tap()
    page.wait_for_url("**AlexNet/")
    assert visit.errors == []
    context.close()


@pytest.mark.parametrize("width", [360, 1440])
def test_a_preview_lies_inside_the_window(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 640})
    page = visit.open(HOME)
    page.wait_for_load_state("networkidle")  # a late image would move the link from under the pointer
    for link in page.locator("article a.wikilink").all()[::8]:
        link.hover()
        expect(previews(page)).to_have_count(1)
        box = preview(page).evaluate("p => p.getBoundingClientRect().toJSON()")
        assert 0 <= box["left"] < box["right"] <= width
        assert 0 <= box["top"] < box["bottom"] <= 640
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.mouse.move(1, 1)
        expect(previews(page)).to_have_count(0)
    assert visit.errors == []
