"""What a reader sees of the code that ran: where, at what cost, and as a notebook."""

from __future__ import annotations

import json
from urllib.parse import unquote

import nbformat
import pytest
from playwright.sync_api import expect

from browsing import LENET, SITE, Visit

NOTEBOOK = f"{LENET}notebook/"


def test_one_quiet_line_opens_to_how_the_outputs_came_to_be(visit: Visit) -> None:
    page = visit.open(LENET)
    line = page.locator("details.provenance > summary")
    table = page.locator(".provenance-table")
    expect(table).not_to_be_visible()
    line.press("Enter")  # by key: the page may still be moving under a pointer
    expect(table).to_be_visible()
    rows = dict(table.locator("tr").evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.innerText))"))
    assert rows["状态"].startswith("与代码一致")
    assert {
        "设备",
        "型号",
        "规模",
        "随机种子",
        "Python",
        "PyTorch",
        "总用时",
        "内存峰值",
        "代码指纹",
    } <= rows.keys()
    page.locator("details.provenance a").click()
    expect(page.locator(".run-table tbody a", has_text="23 经典卷积神经网络 LeNet")).to_have_count(1)
    assert visit.path == "wiki/runs/"
    assert visit.errors == []


def test_a_long_source_shows_its_beginning_and_opens(visit: Visit) -> None:
    page = visit.open(LENET)
    card = page.locator(".code-embed.long").first
    source = card.locator(".highlight")
    before = source.evaluate("e => [e.clientHeight, e.scrollHeight]")
    assert before[0] < before[1]
    card.locator("summary").click()
    after = source.evaluate("e => [e.clientHeight, e.scrollHeight]")
    assert after[0] == after[1] > before[0]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_notebook_is_shown_as_the_note_is_and_fits(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.open(LENET)
    note_ids = page.locator("article :is(h2, h3)[id]").evaluate_all("hs => hs.map(h => h.id)")
    page.locator(".note-notebook a").first.click()
    page.wait_for_load_state("load")
    assert visit.path == NOTEBOOK
    ids = page.locator("article [id]").evaluate_all("es => es.map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert [i for i in note_ids if i in ids] == [i for i in ids if i in note_ids]
    assert len([i for i in note_ids if i in ids]) >= 8
    assert page.locator("h1").count() == 1
    assert page.locator(".jp-OutputArea-output svg").count() >= 10
    assert page.locator(".katex").count() >= 20
    assert page.locator(".jupyter-wrapper :is(style, script)").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for leftover in ("xdln", "![[", "hide-input", "$$"):
        assert leftover not in page.locator("article").inner_text()
    assert visit.errors == []
    assert visit.outside == []


def test_the_notebook_to_download_is_whole(visit: Visit) -> None:
    page = visit.open(LENET)
    with page.expect_download() as download:
        page.locator(".note-notebook a[download]").click()
    assert unquote(download.value.suggested_filename) == "23 经典卷积神经网络 LeNet.ipynb"
    text = download.value.path().read_text(encoding="utf-8")
    nbformat.validate(nbformat.reads(text, 4))  # type: ignore[no-untyped-call]
    cells = json.loads(text)["cells"]
    figures = [o for c in cells for o in c.get("outputs", ()) if "image/svg+xml" in o.get("data", {})]
    assert len(figures) >= 10
    assert not any("![[" in line for c in cells if c["cell_type"] == "markdown" for line in c["source"])


def test_only_a_notebook_loads_its_style_sheet() -> None:
    assert "notebook.css" in (SITE / NOTEBOOK / "index.html").read_text(encoding="utf-8")
    assert "notebook.css" not in (SITE / LENET / "index.html").read_text(encoding="utf-8")
