"""Notes to Markdown. The fixtures read as the specification: title, input, expected output."""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given as any_
from hypothesis import settings
from hypothesis import strategies as st

from rendering import render, surroundings, vault_with
from vaultsite.expand import PlainWriter, expand
from vaultsite.katex import inline_math
from vaultsite.markdown import output_html
from vaultsite.model import Output, VaultPath
from vaultsite.svg import SMALL, embedded_pictures, inline_svg
from vaultsite.syntax import parse

FIXTURES = Path(__file__).parents[1] / "fixtures" / "markdown"


def cases() -> list[object]:
    found = []
    for file in sorted(FIXTURES.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        for title, given, expected in re.findall(r"^(.+)\n\.\n(.*?)\n\.\n(.*?)\n\.$", text, re.M | re.S):
            found.append(pytest.param(given, expected, id=f"{file.stem}: {title}"))
    return found


@pytest.mark.parametrize(("given", "expected"), cases())
def test_fixture(given: str, expected: str) -> None:
    assert render(given) == expected


SHOWN = (Output("display", {"text/plain": "61,706"}),)


def test_an_inline_value_stands_in_its_sentence() -> None:
    page = render("共 `= f'{n:,}'` 个", outputs=lambda _: [SHOWN])
    assert ">61,706</span> 个" in page
    assert "f&#x27;{n:,}&#x27;" in page


def test_a_mark_after_a_formula_never_begins_a_line() -> None:
    page = render("宽是 $x_2 - x_1$。另有 $y$ 与 $z$）。")
    whole = '<span class="unbroken"><span class="math inline">{}</span>{}</span>'
    assert whole.format("x_2 - x_1", "。") in page
    assert '<span class="math inline">y</span> 与' in page
    assert whole.format("z", "）。") in page


def test_a_long_formula_may_be_broken_and_keeps_its_mark() -> None:
    base = '<span class="base">x</span>'
    assert inline_math("x", base, "，").startswith('<span class="unbroken">')
    long = inline_math("x = " + " + ".join("abcdefghi"), base * 9, "，")
    assert long == f'<span class="math inline">{base * 9}</span>，'


def test_a_cell_in_a_callout_stays_inside_it() -> None:
    page = render(
        "> [!tip] T\n> before\n>\n> ```python live\n> x = 1\n> ```\n> after\n", outputs=lambda _: [SHOWN]
    )
    inside = page[page.index("<blockquote") if "<blockquote" in page else page.index("<d") :]
    assert inside.index("before") < inside.index('id="cell-1"') < inside.index("after")
    assert "&gt; x" not in page


def test_a_number_at_the_head_of_a_callouts_title_is_no_list() -> None:
    page = render("> [!question]- 1. 为什么？\n> 因为。\n")
    assert "<summary>1. 为什么？</summary>" in page
    assert "<ol>" not in page


def test_a_comment_never_reaches_the_page() -> None:
    assert "secret" not in render("a %%secret%% b\n\n%%\nsecret\n%%\n")


def test_notes_that_ask_for_it_are_listed_at_the_end_of_a_section() -> None:
    added = {"A.md": {"x": ("B.md",), "y": ("draft.md",)}}
    html = render("# A\n\n## x\n\n- [[sub/C]]\n\n### below\n\nlast\n\n## y\n\nwords\n\n## z\n", added=added)
    section, rest = re.split("<h3", html, maxsplit=1)
    items = re.findall(r"<li>(.*?)</li>", section)
    assert len(items) == 2
    assert re.search(r'<a class="wikilink" href="[^"]+" title="关于 B">B</a>：关于 B', items[1])
    assert re.search(r"<p>words</p>\s*<ul>\s*<li><a class=\"wikilink draft\"[^>]+>draft</a></li>", rest)


def test_hidden_source_shows_only_what_it_gave() -> None:
    page = render('```python live hide="source"\nsecret = 1\n```\n', outputs=lambda _: [SHOWN])
    assert "secret" not in page
    assert "61,706" in page


def test_a_cell_that_has_not_run_says_so() -> None:
    assert "cell-pending" in render("```python live\nx\n```\n")


def test_text_outputs_are_escaped() -> None:
    around = surroundings(vault_with(""))
    shown = output_html(Output("stdout", {"text/plain": "<b>"}), "c1", "x", around)
    assert shown == '<pre class="out-stdout">&lt;b&gt;</pre>'


def test_plain_markdown_keeps_code_and_gives_outputs() -> None:
    vault = vault_with("```python live\nx\n```\n\n共 `= n`。[[B]]")
    around = surroundings(vault, outputs=lambda _: [SHOWN, SHOWN])
    text = expand(vault.notes[VaultPath("A.md")], PlainWriter(around), around)
    assert "```python\nx\n```\n\n```text\n61,706\n```" in text
    assert "共 61,706。[B](../old/place/)" in text


def test_an_inlined_figure_follows_the_page_and_touches_nothing_outside_itself() -> None:
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg><svg width="72pt" height="36pt" viewBox="0 0 72 36">'
        '<defs><style type="text/css">*{stroke-linejoin: round}</style></defs>'
        '<g id="unused"><path style="stroke: #1F2328" clip-path="url(#p1)"/></g><clipPath id="p1"/></svg>'
    )
    shown = inline_svg(svg, "c3-0", "损失", lambda *_: "")
    assert "<style" not in shown
    assert "unused" not in shown
    assert 'stroke: currentColor" clip-path="url(#c3-0-p1)"' in shown
    assert 'id="c3-0-p1"' in shown
    assert 'width="96"' in shown
    assert 'aria-label="损失"' in shown


def test_a_photograph_in_a_figure_gets_a_file_and_a_small_picture_stays() -> None:
    photo, dot = "A" * SMALL + "\nBBBB", "CCCC"
    svg = "<svg>" + "".join(
        f'<image xlink:href="data:image/png;base64,{data}" width="9"/>' for data in (photo, dot)
    )
    shown = inline_svg(svg + "</svg>", "c1-0", "", lambda mime, data: f"{mime}/{len(data)}?a&b")
    assert f'<image xlink:href="image/png/{SMALL + 4}?a&amp;b" width="9"/>' in shown
    assert 'xlink:href="data:image/png;base64,CCCC"' in shown
    assert list(embedded_pictures(svg)) == [("image/png", "A" * SMALL + "BBBB")]


def test_groups_that_say_nothing_are_dropped_and_the_others_stay() -> None:
    svg = (
        '<svg><g id="figure_1"><g id="axes" clip-path="url(#c)"><g id="text"><text>1</text></g></g>'
        '<g id="empty"/><g id="c"><path/></g></g></svg>'
    )
    shown = inline_svg(svg, "c1-0", "", lambda *_: "")
    inside = shown[shown.index(">") + 1 : -len("</svg>")]
    assert inside == '<g clip-path="url(#c1-0-c)"><text>1</text></g><g/><g id="c1-0-c"><path/></g>'
    assert "</g></g>" in inline_svg("<svg></g></g></svg>", "c1-0", "", lambda *_: "")


PIECES = [
    "[[",
    "]]",
    "![[",
    "|",
    "#",
    "^",
    "`",
    "```\n",
    "$",
    "$$",
    "%%",
    "> ",
    "- ",
    "\n",
    "\n\n",
    "B",
    "D#一",
    "D#^p",
    "p.png",
    "a",
    "字",
    "\\",
    "](",
    ")",
    "[^1]",
    "[^1]: ",
    "> [!tip]- ",
    "==",
    "*",
    "_",
    "<!--",
    "-->",
    "<b>",
    "&",
    "1. ",
]


@settings(max_examples=150, deadline=None)
@any_(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_gives_a_page_and_leaves_none_of_its_marks_behind(text: str) -> None:
    page = render(text)
    assert "vault:" not in page
    assert "wzxhzdk" not in page
    assert "\x02" not in page


@settings(max_examples=50, deadline=None)
@any_(
    st.lists(st.sampled_from([p for p in PIECES if "`" not in p and "\n" not in p]), min_size=1)
    .map("".join)
    .map(str.strip)
)
def test_code_is_left_alone_letter_by_letter(code: str) -> None:
    shown = re.sub(r"<[^>]*>", "", render(f"```text\n{code}\n```\n"))
    assert unescape(shown).strip("\n") == code


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[[" * 50_000,
        "[[a\n" * 25_000,
        "> " * 50_000,
        ">" * 100_000,
        "![[" * 30_000,
        "[x" * 50_000 + "]" * 50_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_a_hundred_kilobytes_of_brackets_or_quotes_are_no_trouble(text: str) -> None:
    started = time.perf_counter()
    parse(text)
    parsed = time.perf_counter() - started
    render(text)
    assert parsed < 2  # far above the hundredth of a second that it takes: quadratic would be minutes
    assert time.perf_counter() - started < 3
