"""A note's page: what a reader can do with it, in a real browser, on any screen, by day and by night."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browsing import FOLDER, LENET, LONGEST, ROOT, SITE, Visit

HOME = ""
DRAFTS_AND_LISTS = (
    "wiki/graph/",
    "wiki/glossary/",
    "wiki/runs/",
    "wiki/tags/",
    "wiki/links/",
    "wiki/recent/",
)
NOTEBOOK = f"{LENET}notebook/"
SHOWN = {"导航": HOME, "LeNet": LENET, "notebook": NOTEBOOK, "graph": "wiki/graph/", "runs": "wiki/runs/"}
WIDTHS = (360, 768, 1440)
BUDGET = 250_000
"""Bytes that a note may cost on its first visit, compressed, its pictures apart."""
SHIFTS = """() => new Promise((done) => {
  const moved = [];
  new PerformanceObserver((list) => list.getEntries().filter((e) => !e.hadRecentInput).forEach((e) => {
    moved.push([e.value, ...e.sources.map((source) => source.node?.outerHTML?.slice(0, 100))]);
  })).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(moved), 600);
})"""
"""What moved by itself: how much of the screen, and the elements."""


WALK = """async () => {
  const drawn = () => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(done));
    setTimeout(done, 1000);
  });
  for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight) {
    scrollTo(0, top);
    await drawn();
  }
  scrollTo(0, 0);
  await drawn();
}"""
"""Down the whole page and back, waiting at each screen until it is drawn; a browser without a screen may
stop drawing for good (once in thousands of walks), and then a second has to do."""


@pytest.fixture
def scheme(browser: Browser, site_url: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit in light or dark: ``indirect`` gives which."""
    context = browser.new_context(color_scheme=request.param, reduced_motion="reduce")
    yield Visit(context.new_page(), site_url)
    context.close()


def open_all(page: Page) -> None:
    """Open what is folded and bring what is far away onto the page, as a reader would by and by."""
    page.evaluate("document.querySelectorAll('article details').forEach((box) => (box.open = true))")
    page.add_style_tag(content="* { content-visibility: visible !important }")
    page.evaluate(WALK)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")], indirect=["scheme"])
@pytest.mark.parametrize("path", [HOME, LENET, LONGEST, NOTEBOOK, *DRAFTS_AND_LISTS])
def test_axe_finds_nothing(scheme: Visit, path: str, width: int) -> None:
    scheme.page.set_viewport_size({"width": width, "height": 900})
    page = scheme.open(path)
    open_all(page)
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [node["html"][:160] for node in v["nodes"][:3]]) for v in found] == []


@pytest.mark.parametrize("scheme", ["light", "dark"], indirect=True)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_kept_as_pictures_to_look_at(scheme: Visit, width: int) -> None:
    folder = ROOT / "test-artifacts"
    folder.mkdir(exist_ok=True)
    scheme.page.set_viewport_size({"width": width, "height": 900})
    dark = scheme.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    for name, path in SHOWN.items():
        page = scheme.open(path)
        if path == "wiki/graph/":
            page.locator(".graph canvas").wait_for()
        page.wait_for_timeout(200)
        target = folder / f"{name}-{width}-{'dark' if dark else 'light'}.png"
        page.screenshot(path=target)
        assert target.stat().st_size > 10_000  # something is on it
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_begins_with_the_mark_after_a_formula(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = visit.open(LONGEST)
    open_all(page)
    together, apart = page.evaluate("""() => {
      const found = [...document.querySelectorAll("article .unbroken")].filter((e) => e.offsetParent);
      const apart = found.filter((whole) => {
        const mark = document.createRange();
        mark.selectNode(whole.lastChild);
        const formula = whole.firstElementChild.getBoundingClientRect();
        return mark.getBoundingClientRect().left < formula.left;
      });
      return [found.length, apart.map((whole) => whole.textContent)];
    }""")
    assert together > 20
    assert apart == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", [HOME, LENET, LONGEST])
def test_the_first_visit_of_a_note_costs_little(visit: Visit, path: str) -> None:
    costs: dict[str, int] = {}

    def weigh(response: object) -> None:
        if response.request.resource_type != "image":  # type: ignore[attr-defined]
            costs[response.url] = len(gzip.compress(response.body()))  # type: ignore[attr-defined]

    visit.page.on("response", weigh)
    visit.open(path)
    visit.page.wait_for_timeout(500)
    assert sum(costs.values()) < BUDGET, costs
    assert not [url for url in costs if re.search(r"search\.json|graph\.json|mermaid|force-graph", url)]


@pytest.mark.parametrize("path", [HOME, LENET, LONGEST])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_moves_while_a_page_loads(visit: Visit, path: str, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    # Pictures and scripts come after the first thing is drawn, as on a slow network.
    late = re.compile(r"\.(png|webp|js)$")
    visit.page.route(late, lambda route: (time.sleep(0.2), route.continue_()))
    moved = visit.open(path).evaluate(SHIFTS)
    assert sum(value for value, *_ in moved) < 0.01, moved


def test_lines_of_prose_have_the_length_that_reads_well(visit: Visit) -> None:
    """34 to 40 characters on a wide screen."""
    visit.page.set_viewport_size({"width": 1440, "height": 900})
    page = visit.open(LENET)
    width, size = page.locator("article > p").first.evaluate(
        "p => [p.clientWidth, parseFloat(getComputedStyle(p).fontSize)]"
    )
    assert 34 <= width / size <= 40


@pytest.mark.parametrize("width", [360, 1440])
def test_a_picture_opens_large_and_closes(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.open(LENET)
    figure = page.locator(".out-figure svg").first
    figure.scroll_into_view_if_needed()
    before = figure.bounding_box()
    figure.click()
    sheet = page.locator("dialog.picture")
    expect(sheet).to_be_visible()
    large = sheet.locator("svg").bounding_box()
    assert before
    assert large
    assert large["width"] >= before["width"]
    page.keyboard.press("+")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_what_is_read_is_marked_here_and_on_the_navigation_note(visit: Visit) -> None:
    page = visit.open(LENET)
    page.get_by_role("button", name="已读").click()
    page.get_by_role("button", name="想复习").click()
    page = visit.open(HOME)
    words = page.locator(".progress-words")
    expect(words).to_contain_text("已读 1 / 34 篇")
    expect(words).to_contain_text("想复习 LeNet")
    assert page.locator("article a.is-read").count() == 1
    page = visit.open(LENET)
    assert page.get_by_role("button", name="已读").get_attribute("aria-pressed") == "true"
    page.keyboard.press("m")  # the same by key, back again
    page.keyboard.press("r")
    page = visit.open(HOME)
    expect(page.locator(".progress")).to_be_hidden()


def test_light_and_dark_are_the_readers_choice_and_kept(visit: Visit) -> None:
    page = visit.open(LENET)
    body = page.locator("body")
    expect(body).to_have_attribute("data-md-color-scheme", "default")
    page.keyboard.press("d")
    expect(body).to_have_attribute("data-md-color-scheme", "slate")
    expect(visit.open(HOME).locator("body")).to_have_attribute("data-md-color-scheme", "slate")


def test_code_is_copied_as_it_stands(browser: Browser, site_url: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = Visit(context.new_page(), site_url).open(LENET)
    code = page.locator("article pre:has(code)").first
    code.hover()
    code.locator("button[data-md-type=copy]").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import pandas as pd\nimport torch\n")
    assert copied.endswith("seeds = range(lab.pick(quick=1, full=3))")
    context.close()


def test_help_on_keys_opens_and_closes_by_key(visit: Visit) -> None:
    page = visit.open(LENET)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("n")
    expect(page.locator("h1")).to_contain_text("AlexNet")


def test_answers_are_folded_and_open(visit: Visit) -> None:
    page = visit.open(LENET)
    question = page.locator("details.question").first
    assert not question.evaluate("box => box.open")
    question.locator("summary").click()
    assert question.evaluate("box => box.open")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("LeNet-5x/", "23 经典卷积神经网络 LeNet"), (f"{FOLDER}多层感知机/", "10 多层感知机 + 代码实现")],
)
def test_a_wrong_address_offers_the_nearest_note(
    browser: Browser, site_url: str, wanted: str, found: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    text = (SITE / "404.html").read_text(encoding="utf-8")
    page.route(
        f"**/{quote(wanted)}", lambda route: route.fulfill(status=404, body=text, content_type="text/html")
    )
    page.goto(site_url + quote(wanted))
    first = page.locator("#near li a").first
    expect(first).to_have_text(found)
    first.click()
    expect(page.locator("h1")).to_contain_text(found)
    context.close()


def test_paper_has_the_whole_note_and_nothing_of_the_screen(visit: Visit, tmp_path: Path) -> None:
    page = visit.open(LENET)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".md-header").is_hidden()
    assert page.locator("details.question").last.evaluate("box => box.open")
    cut = "codes => codes.filter((c) => c.scrollWidth > c.clientWidth + 1).length"
    assert page.locator("article pre > code").evaluate_all(cut) == 0
    pdf = page.pdf(path=tmp_path / "lenet.pdf", format="A4")
    assert pdf.count(b"/Type /Page\n") >= 8


def test_still_pages_stay_still(browser: Browser, site_url: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = Visit(context.new_page(), site_url).open(LENET)
    longest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('*')].map("
        "e => parseFloat(getComputedStyle(e).transitionDuration) || 0))"
    )
    assert longest < 0.001
    context.close()
