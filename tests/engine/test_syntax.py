"""Parsing: what is found where, and that no text breaks it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultsite.syntax import parse, plain_text, slugify

MARKUP = st.text(alphabet="[]|`$%#!\\<->=\n \t>中a0^{}()*", max_size=200)


def test_live_fences_and_inline_values_are_cells_in_the_order_of_the_text() -> None:
    body = '`= 1 + 1`\n\n```python live caption="a b"\nx = 1\n```\n\n| `= x` |\n'
    cells = parse(body).cells
    assert [(c.index, c.kind, c.source, c.line) for c in cells] == [
        (1, "inline", "1 + 1", 1),
        (2, "live", "x = 1", 4),
        (3, "inline", "x", 7),
    ]
    assert cells[1].options["caption"] == "a b"


def test_a_cell_inside_a_callout_loses_the_quote_signs_and_keeps_its_indentation() -> None:
    body = "> [!note]\n> ```python live\n> if 1:\n>     x = 2\n> ```\n> after\n"
    (cell,) = parse(body).cells
    assert cell.source == "if 1:\n    x = 2"
    assert body[cell.start : cell.end].endswith("> ```")


def test_a_callout_that_ends_closes_its_fence() -> None:
    body = "> ```python live\n> x = 1\n\n[[B]]\n"
    parsed = parse(body)
    assert parsed.cells[0].source == "x = 1"
    assert [link.target for link in parsed.links] == ["B"]


def test_plain_fences_are_not_cells() -> None:
    assert parse("```python\nx\n```\n```text live\ny\n```\n").cells == ()


def test_lines_are_those_of_the_file_below_its_front_matter() -> None:
    parsed = parse("\n[[B]]\n", first_line=5)
    assert parsed.links[0].line == 6


def test_headings_get_unique_anchors() -> None:
    slugs = [h.slug for h in parse("# 数学：卷积\n## a b\n## a b\n## [[n|名字]]\n").headings]
    assert slugs == ["数学卷积", "a-b", "a-b_1", "名字"]


def test_block_ids_are_found_at_the_end_of_a_line() -> None:
    assert parse("text ^one\n\n- list\n\n^two\n\n`x ^no`\n").blocks == {"one": 1, "two": 5}


def test_tags_are_of_any_script_and_not_only_digits() -> None:
    assert [t.name for t in parse("#深度学习/卷积 #a1 #12 x#no `#no`\n").tags] == ["深度学习/卷积", "a1"]


def test_display_math_in_a_callout_loses_the_quote_signs() -> None:
    (math,) = parse("> $$\n> a \\\\\n> b\n> $$\n").maths
    assert (math.tex, math.display) == ("a \\\\\nb", True)


def test_a_dollar_before_a_digit_closes_nothing() -> None:
    assert parse("$5 to $6").maths == ()
    assert [m.tex for m in parse("从 $a_1$ 到 $a_n$。").maths] == ["a_1", "a_n"]


def test_plain_text_is_what_a_reader_sees() -> None:
    assert plain_text("看 [[a|甲]]、[[b]] 和 [c](d.md) 的 `code` **粗**") == "看 甲、b 和 c 的 code 粗"


@given(MARKUP)
def test_any_text_parses_and_every_span_lies_in_it(text: str) -> None:
    parsed = parse(text)
    spans = [*parsed.links, *parsed.cells, *parsed.maths, *parsed.comments, *parsed.code_embeds]
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
    for link in parsed.links:
        assert text[link.start : link.end].lstrip("!")[0] == "["


@given(st.text(alphabet="[]|#^ab$%", max_size=60))
def test_nothing_inside_a_fence_is_a_link(text: str) -> None:
    parsed = parse(f"~~~~\n{text}\n~~~~\n")
    assert not parsed.links
    assert not parsed.maths


@given(st.text(max_size=40))
def test_an_anchor_is_never_empty_and_has_no_space(text: str) -> None:
    slug = slugify(text)
    assert slug
    assert not any(char.isspace() for char in slug)


@pytest.mark.parametrize(
    "unit", ["[", "`", "$ ", "%%%", "> ", "[[a ", "![[", "<!--", "[a](", "`a``", "[[" + "[a"]
)
def test_parsing_is_linear(unit: str) -> None:
    """Four times the text takes about four times as long: a ratio, so that a slow machine passes too."""

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            parse(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(200_000) < 12 * max(seconds(50_000), 1e-3)
