"""Notes to Markdown. The fixtures read as the specification: title, input, expected output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown import markdown

from vaultsite.links import Resolver
from vaultsite.markdown import HtmlWriter, PlainWriter, Surroundings, VaultExtension, expand, output_html
from vaultsite.model import Output, Vault, VaultPath
from vaultsite.reader import note_from_text
from vaultsite.svg import inline_svg

FILES = {
    "B.md": "---\naliases: [Bee]\n---\n# B\n\n## 第二节\n\ntext ^blk\n",
    "sub/C.md": "# C\n",
    "1.2 感知机.md": "# 1.2 感知机\n",
    "draft.md": "---\nstatus: draft\n---\n# draft\n",
}
FIXTURES = Path(__file__).parents[1] / "fixtures" / "markdown"


def vault_with(text: str) -> Vault:
    notes = {VaultPath(p): note_from_text(VaultPath(p), t) for p, t in {**FILES, "A.md": text}.items()}
    return Vault(Path(), notes, frozenset({VaultPath("p.png")}))


def cases() -> list[object]:
    found = []
    for file in sorted(FIXTURES.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        for title, given, expected in re.findall(r"^(.+)\n\.\n(.*?)\n\.\n(.*?)\n\.$", text, re.M | re.S):
            found.append(pytest.param(given, expected, id=f"{file.stem}: {title}"))
    return found


@pytest.mark.parametrize(("given", "expected"), cases())
def test_fixture(given: str, expected: str) -> None:
    vault = vault_with(given)
    around = Surroundings(Resolver(vault), VaultPath("A.md"))
    assert expand(vault.notes[VaultPath("A.md")], HtmlWriter(around, lambda html: html), around) == expected


def render(text: str, **known: object) -> str:
    vault = vault_with(text)
    around = Surroundings(Resolver(vault), VaultPath("A.md"), **known)  # type: ignore[arg-type]
    note = vault.notes[VaultPath("A.md")]
    extension = VaultExtension()
    extension.expand = lambda stash: expand(note, HtmlWriter(around, stash), around)
    return markdown(
        text,
        extensions=[extension, "attr_list", "tables", "toc", "pymdownx.superfences", "pymdownx.quotes"],
        extension_configs={"pymdownx.quotes": {"callouts": True}},
    )


SHOWN = (Output("display", {"text/plain": "61,706"}),)


def test_an_inline_value_stands_in_its_sentence() -> None:
    page = render("共 `= f'{n:,}'` 个", outputs=[SHOWN])
    assert ">61,706</span> 个" in page
    assert "f&#x27;{n:,}&#x27;" in page


def test_a_cell_in_a_callout_stays_inside_it() -> None:
    page = render("> [!tip] T\n> before\n>\n> ```python live\n> x = 1\n> ```\n> after\n", outputs=[SHOWN])
    inside = page[page.index("<blockquote") if "<blockquote" in page else page.index("<d") :]
    assert inside.index("before") < inside.index('id="cell-1"') < inside.index("after")
    assert "&gt; x" not in page


def test_a_number_at_the_head_of_a_callouts_title_is_no_list() -> None:
    page = render("> [!question]- 1. 为什么？\n> 因为。\n")
    assert "<summary>1. 为什么？</summary>" in page
    assert "<ol>" not in page


def test_a_link_in_a_table_and_a_heading_is_a_link() -> None:
    page = render("## [[B\\|标题]]\n\n| a |\n| - |\n| [[B\\|cell]] |\n")
    assert '<h2 id="标题"><a class="wikilink" href="B.md">标题</a></h2>' in page
    assert '<td><a class="wikilink" href="B.md">cell</a></td>' in page


def test_a_comment_never_reaches_the_page() -> None:
    assert "secret" not in render("a %%secret%% b\n\n%%\nsecret\n%%\n")


def test_hidden_source_shows_only_what_it_gave() -> None:
    page = render('```python live hide="source"\nsecret = 1\n```\n', outputs=[SHOWN])
    assert "secret" not in page
    assert "61,706" in page


def test_a_cell_that_has_not_run_says_so() -> None:
    assert "cell-pending" in render("```python live\nx\n```\n")


def test_text_outputs_are_escaped() -> None:
    vault = vault_with("")
    around = Surroundings(Resolver(vault), VaultPath("A.md"))
    shown = output_html(Output("stdout", {"text/plain": "<b>"}), "c1", "x", around)
    assert shown == '<pre class="out-stdout" tabindex="0">&lt;b&gt;</pre>'


def test_plain_markdown_keeps_code_and_gives_outputs() -> None:
    vault = vault_with("```python live\nx\n```\n\n共 `= n`。[[B]]")
    around = Surroundings(Resolver(vault), VaultPath("A.md"), outputs=[SHOWN, SHOWN])
    text = expand(vault.notes[VaultPath("A.md")], PlainWriter(around), around)
    assert "```python\nx\n```\n\n```text\n61,706\n```" in text
    assert "共 61,706。[B](B.md)" in text


def test_an_inlined_figure_follows_the_page_and_touches_nothing_outside_itself() -> None:
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg><svg width="72pt" height="36pt" viewBox="0 0 72 36">'
        '<defs><style type="text/css">*{stroke-linejoin: round}</style></defs>'
        '<g id="unused"><path style="stroke: #1F2328" clip-path="url(#p1)"/></g><clipPath id="p1"/></svg>'
    )
    shown = inline_svg(svg, "c3-0", "损失")
    assert "<style" not in shown
    assert "unused" not in shown
    assert 'stroke: currentColor" clip-path="url(#c3-0-p1)"' in shown
    assert 'id="c3-0-p1"' in shown
    assert 'width="96"' in shown
    assert 'aria-label="损失"' in shown
