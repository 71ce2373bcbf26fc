"""The graph as a reader meets it: pointer, keyboard, list, phone and night."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import FOLDER, LENET, ROOT, SITE, Visit

ALEXNET = f"{FOLDER}24 深度卷积神经网络 AlexNet/"
WHOLE = "wiki/graph/"
NOTES = len(list((ROOT / "docs").rglob("*.md")))


def graph_data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((SITE / "assets/graph.json").read_text(encoding="utf-8"))
    return data


def neighbours(path: str) -> set[str]:
    """The titles of a note and of those that it links to or that link to it."""
    data = graph_data()
    me = next(n for n, note in enumerate(data["notes"]) if note["url"] == quote(path))
    near = {me} | {b for a, b in data["links"] if a == me} | {a for a, b in data["links"] if b == me}
    return {data["notes"][n]["title"] for n in near}


def drawn(page: Page) -> list[dict[str, Any]]:
    """Wait until the graph lies still and return its nodes with their places on the screen."""
    page.locator(".graph").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.graph').graphView")
    page.locator(".graph-canvas").scroll_into_view_if_needed()
    places = "JSON.stringify(document.querySelector('.graph').graphView.nodes())"
    before = ""
    for _ in range(60):
        page.wait_for_timeout(250)
        now = page.evaluate(places)
        if now == before:
            break
        before = now
    nodes: list[dict[str, Any]] = json.loads(before)
    return nodes


@pytest.fixture
def still(browser: Browser, site_url: str) -> Iterator[Visit]:
    """A reader who asked for no motion."""
    context = browser.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    yield Visit(context.new_page(), site_url)
    context.close()


@pytest.mark.parametrize("path", [LENET, ALEXNET])
def test_a_note_is_drawn_with_its_neighbours(still: Visit, path: str) -> None:
    page = still.open(path)
    assert {node["title"] for node in drawn(page)} == neighbours(path)
    assert still.errors == []
    assert still.outside == []


def test_two_steps_reach_further_than_one(still: Visit) -> None:
    page = still.open(ALEXNET)
    one = len(drawn(page))
    page.get_by_role("button", name="2 步").click()
    assert len(drawn(page)) > one


def test_a_click_on_a_node_leads_to_its_note(still: Visit) -> None:
    page = still.open(ALEXNET)
    node = next(n for n in drawn(page) if "LeNet" in n["title"])
    page.mouse.move(node["x"] - 30, node["y"] - 30)
    page.mouse.move(node["x"], node["y"], steps=5)
    expect(page.locator(".graph-told")).to_contain_text("LeNet")
    page.mouse.click(node["x"], node["y"])
    page.wait_for_url(f"**/{quote(LENET)}")


def test_arrow_keys_walk_from_node_to_node_and_enter_opens_one(still: Visit) -> None:
    page = still.open(ALEXNET)
    drawn(page)
    page.locator(".graph-canvas").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".graph-told")).to_contain_text("AlexNet")
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    told = page.locator(".graph-told").inner_text().partition("（")[0]
    assert told in neighbours(ALEXNET)
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    expect(page.locator("h1").first).to_contain_text(told.split()[-1])


def test_the_list_holds_what_the_picture_shows_and_focus_shows_it_there(still: Visit) -> None:
    page = still.open(ALEXNET)
    drawn(page)
    page.locator(".graph-list summary").click()
    links = page.locator(".graph-list a")
    assert set(links.all_inner_texts()) == neighbours(ALEXNET) - {"24 深度卷积神经网络 AlexNet"}
    links.first.focus()
    expect(page.locator(".graph-told")).to_contain_text(links.first.inner_text())


def test_the_whole_vault_is_drawn_and_listed(still: Visit) -> None:
    page = still.open(WHOLE)
    assert len(drawn(page)) == len(graph_data()["notes"]) == NOTES - 1  # the navigation note is not drawn
    assert page.locator(".graph-list a").count() == NOTES - 1
    assert page.locator(".graph-fallback").count() == 0
    assert still.errors == []


def test_the_field_finds_notes_in_the_picture(still: Visit) -> None:
    page = still.open(WHOLE)
    drawn(page)
    page.get_by_label("在图里找笔记").fill("alexnet")
    expect(page.locator(".graph-told")).to_have_text("找到 1 篇")
    assert [n["title"] for n in drawn(page) if n["bright"]] == ["24 深度卷积神经网络 AlexNet"]


def test_a_section_of_the_legend_stands_out_alone(still: Visit) -> None:
    page = still.open(WHOLE)
    drawn(page)
    page.locator(".graph-legend button", has_text="卷积神经网络").click()
    bright = [n["title"] for n in drawn(page) if n["bright"]]
    data = graph_data()
    section = next(n for n, name in enumerate(data["sections"]) if "卷积神经网络" in name)
    assert set(bright) == {note["title"] for note in data["notes"] if note["section"] == section}
    assert "23 经典卷积神经网络 LeNet" in bright
    page.get_by_role("button", name="标签").click()
    assert all(n["bright"] for n in drawn(page))


def test_without_scripts_the_page_lists_every_note(visit_without_scripts: Visit) -> None:
    page = visit_without_scripts.open(WHOLE)
    assert page.locator(".graph-fallback a").count() == NOTES


def test_the_library_is_asked_for_only_when_a_graph_comes_near(still: Visit) -> None:
    seen: list[str] = []
    still.page.on("request", lambda request: seen.append(request.url.rpartition("/")[2]))
    page = still.open(LENET)
    page.wait_for_load_state("networkidle")
    assert not {"force-graph.min.js", "graph.json"} & set(seen)
    drawn(page)
    assert {"force-graph.min.js", "graph.json"} <= set(seen)


@pytest.mark.parametrize("path", [ALEXNET, WHOLE])
def test_nothing_overflows_on_a_phone_at_night(browser: Browser, site_url: str, path: str) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    visit = Visit(context.new_page(), site_url)
    page = visit.open(path)
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert visit.errors == []
    context.close()
