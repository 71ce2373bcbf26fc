"""Search as a reader meets it, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from browsing import FOLDER, LENET, SITE, Visit

FIELD = ".md-search__input"
LINKS = ".md-search-result__link"
MINE = ["search.json", "search-worker.js"]


def asked_for(page: Page) -> list[str]:
    """Watch which of search's own files the page asks for; the worker's requests count too."""
    seen: list[str] = []
    page.context.on("request", lambda request: seen.append(request.url.rpartition("/")[2]))
    return seen


def search(page: Page, query: str) -> Locator:
    """Type *query* into the open dialog and return the first result, once it is there."""
    page.locator(FIELD).fill(query)
    expect(page.locator(".md-search-result__meta")).to_contain_text("找到")
    return page.locator(LINKS).first


@pytest.fixture
def phone(browser: Browser, site_url: str) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    yield Visit(context.new_page(), site_url)
    context.close()


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("注意力机制", "66 使用注意力机制的seq2seq"),
        ("意力机", "66 使用注意力机制的seq2seq"),
        ("注意利机制", "66 使用注意力机制的seq2seq"),
        ("BatchNorm", "14 数值稳定性 + 模型初始化和激活函数"),
        ("BatchNrom", "14 数值稳定性 + 模型初始化和激活函数"),
        ("残差", "29 残差网络 ResNet"),
        ("卷积 padding", "23 经典卷积神经网络 LeNet"),
    ],
)
def test_the_note_that_is_meant_comes_first(visit: Visit, query: str, title: str) -> None:
    page = visit.open()
    page.keyboard.press("/")
    expect(search(page, query).locator("h1")).to_contain_text(title)
    assert visit.errors == []
    assert visit.outside == []


def test_no_page_asks_for_the_index_before_search_is_used(visit: Visit) -> None:
    seen = asked_for(visit.page)
    page = visit.open(LENET)
    page.wait_for_load_state("networkidle")
    assert not set(seen) & {*MINE, "search_index.json"}
    with page.context.expect_event("request", lambda r: r.url.endswith("assets/search.json")):
        page.keyboard.press("/")
    search(page, "残差")
    assert [seen.count(name) for name in MINE] == [1, 1]


def test_a_match_in_the_text_leads_to_its_heading_and_is_marked(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("s")
    first = search(page, "lr=0.9")
    expect(first.locator("mark").first).to_have_text("lr=0.9")
    first.click()
    page.wait_for_url("**/*LeNet/#*")
    assert visit.path == LENET
    slug = page.evaluate("decodeURIComponent(location.hash.slice(1))")
    expect(page.locator(f'[id="{slug}"]')).to_be_in_viewport()
    expect(page.locator(FIELD)).not_to_be_focused()


def test_every_address_in_the_index_leads_to_a_page_and_a_heading() -> None:
    from urllib.parse import unquote

    index = json.loads((SITE / "assets" / "search.json").read_text(encoding="utf-8"))
    for note in index["notes"]:
        page = (SITE / unquote(note["url"]) / "index.html").read_text(encoding="utf-8")
        for slug, _, _ in note["parts"]:
            assert not slug or f'id="{slug}"' in page, (note["title"], slug)


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.open()
    field = page.locator(FIELD)
    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    search(page, "循环神经网络")
    page.keyboard.press("ArrowDown")
    expect(page.locator(LINKS).nth(0)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(LINKS).nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    assert not page.locator("#__search").is_checked()
    page.keyboard.press("f")
    expect(field).to_be_focused()
    assert field.input_value() == "循环神经网络"
    page.keyboard.press("Enter")
    page.wait_for_url("**/*RNN/")
    assert visit.path == f"{FOLDER}54 循环神经网络 RNN/"
    assert visit.errors == []


def test_enter_before_the_answer_follows_the_answer(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("/")
    page.keyboard.insert_text("门控循环单元")
    page.keyboard.press("Enter")
    page.wait_for_url("**/56%20*/")


def test_letters_that_an_input_method_is_still_composing_are_not_searched(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("/")
    meta = page.locator(".md-search-result__meta")
    client = page.context.new_cdp_session(page)
    client.send("Input.imeSetComposition", {"selectionStart": 4, "selectionEnd": 4, "text": "juan"})
    page.wait_for_timeout(200)
    expect(meta).not_to_contain_text("找")
    client.send("Input.insertText", {"text": "卷积"})
    expect(meta).to_contain_text("找到")
    assert page.locator(FIELD).input_value() == "卷积"


def test_an_address_with_a_query_opens_with_its_results(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.site_url}?q=丢弃法")
    expect(page.locator(f"{LINKS} h1").first).to_contain_text("13 丢弃法")
    expect(page.locator(FIELD)).to_be_focused()


def test_the_count_is_announced_and_the_list_can_be_cleared(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("/")
    search(page, "LSTM")
    assert page.locator(".md-search-result__meta").get_attribute("role") == "status"
    page.locator(FIELD).fill("查无此词的词")
    page.locator(FIELD).fill("qqqqzzzz")
    expect(page.locator(".md-search-result__meta")).to_contain_text("没有找到")
    page.locator(".md-search__options button").click()
    expect(page.locator(LINKS)).to_have_count(0)
    expect(page.locator(FIELD)).to_be_focused()


def test_a_lost_index_is_said_and_asked_for_again(visit: Visit) -> None:
    page = visit.open()

    def lose(route: Route) -> None:
        route.abort()

    page.context.route("**/search.json", lose)
    page.keyboard.press("/")
    expect(page.locator(".md-search-result__meta")).to_contain_text("没有读到")
    page.context.unroute("**/search.json", lose)
    search(page, "残差")


def test_a_phone_shows_it_over_the_whole_screen(phone: Visit) -> None:
    page = phone.open(LENET)
    page.get_by_role("button", name="搜索", exact=True).tap()
    expect(page.locator(FIELD)).to_be_focused()
    search(page, "注意力").wait_for()
    page.wait_for_timeout(500)
    box = page.locator(".md-search__inner").bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 800)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator(".md-search__icon[for=__search]").tap()
    assert not page.locator("#__search").is_checked()


def test_without_scripts_nothing_offers_a_search(visit_without_scripts: Visit) -> None:
    page = visit_without_scripts.open()
    expect(page.locator(".md-search")).to_be_hidden()
    expect(page.locator(".opens-search")).to_be_hidden()


def test_the_time_to_an_answer_is_printed(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("/")
    search(page, "残差")
    times = page.evaluate(
        """async () => {
            const input = document.querySelector(".md-search__input");
            const meta = document.querySelector(".md-search-result__meta");
            const list = document.querySelector(".md-search-result__list");
            const times = [];
            for (const query of ["注意力机制", "意力机", "注意利机制", "lr=0.9", "卷积 padding"]) {
                const begin = performance.now();
                const done = new Promise((resolve) => new MutationObserver((_, watch) => {
                    watch.disconnect();
                    resolve();
                }).observe(list, { childList: true }));
                input.value = query;
                input.dispatchEvent(new InputEvent("input"));
                await done;
                times.push(performance.now() - begin);
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    print(f"from the last key to the results: median {times[2]:.1f} ms, at most {times[-1]:.1f} ms")
