"""What crosses notes: navigation, summaries, backlinks, the learning path."""

from __future__ import annotations

from vaults import MakeVault
from vaultsite.coursemap import course_map, digest_in, draw_png
from vaultsite.graph import Graph, NavItem, build_graph, learning_path, prerequisite_cycles
from vaultsite.links import Resolver
from vaultsite.model import Vault, VaultPath
from vaultsite.reader import read_vault

HOME = """---
title: 导航
---
# 导航

## 🔗基础
### 🍉线性
- [[a\\|甲]]：第一个
- [[b\\|乙]]：第二个
### 空
## 🌐卷积
- [[c]]
- [[a\\|又是甲]]

# References
plain words
"""
FILES = {
    "导航.md": HOME,
    "a.md": "# A\n\n先读 [[b|乙]]。再说别的。\n",
    "b.md": '---\nprerequisites: ["[[a]]"]\n---\n# B\n',
    "c.md": '---\nprerequisites: ["[[b]]"]\nsummary: 自己的话\n---\n# C\n',
    "d.md": "# D\n",
}


def graph_of(make_vault: MakeVault, files: dict[str, str]) -> tuple[Vault, Graph]:
    vault = read_vault(make_vault(files))
    return vault, build_graph(vault, Resolver(vault), VaultPath("导航.md"))


def outline(items: tuple[NavItem, ...]) -> list[object]:
    return [[i.title, *outline(i.children)] if i.path is None else i.title for i in items]


def test_the_sidebar_is_the_navigation_note_each_page_once(make_vault: MakeVault) -> None:
    _, graph = graph_of(make_vault, FILES)
    assert outline(graph.nav) == [
        "导航",
        ["🔗基础", ["🍉线性", "甲", "乙"]],
        ["🌐卷积", "C"],
        ["其他笔记", "D"],
    ]


def test_a_note_can_ask_for_a_place_in_the_navigation(make_vault: MakeVault) -> None:
    more = {
        "e.md": '---\nup: "[[导航#🌐卷积]]"\n---\n# E\n',
        "f.md": '---\nup: "[[导航#🔗基础#🍉线性]]"\n---\n# F\n',
        "g.md": '---\nup: ["[[导航#🔗基础]]", "[[导航]]", "[[d#D]]"]\n---\n# G\n',
    }
    _, graph = graph_of(make_vault, FILES | more)
    assert outline(graph.nav) == [
        "导航",
        ["🔗基础", "G", ["🍉线性", "甲", "乙", "F"]],
        ["🌐卷积", "C", "E"],
        ["其他笔记", "D"],
    ]
    assert graph.added["d.md"] == {"d": ("g.md",)}


def test_a_vault_without_a_navigation_note_is_listed_by_folder(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"x/y.md": "# Y\n", "z.md": "# Z\n"}))
    graph = build_graph(vault, Resolver(vault), None)
    assert outline(graph.nav) == [["x", "Y"], "Z"]


def test_a_summary_is_the_notes_own_else_the_words_after_its_first_link(make_vault: MakeVault) -> None:
    _, graph = graph_of(make_vault, FILES)
    assert graph.summaries == {"a.md": "第一个", "b.md": "第二个", "c.md": "自己的话"}


def test_a_backlink_carries_its_sentence(make_vault: MakeVault) -> None:
    _, graph = graph_of(make_vault, FILES)
    assert [(b.source, b.line, b.sentence) for b in graph.backlinks[VaultPath("b.md")]] == [
        ("a.md", 3, "先读 乙。"),
        ("c.md", 2, ""),  # from its front matter
        ("导航.md", 9, "乙：第二个"),
    ]


def test_the_learning_path_can_be_read_in_its_order(make_vault: MakeVault) -> None:
    _, graph = graph_of(make_vault, FILES)
    assert learning_path(VaultPath("c.md"), graph) == ("a.md", "b.md")


def test_prerequisites_in_a_circle_are_a_problem_that_shows_the_circle(make_vault: MakeVault) -> None:
    files = FILES | {"a.md": '---\nprerequisites: ["[[c]]"]\n---\n# A\n'}
    vault, graph = graph_of(make_vault, files)
    (problem,) = prerequisite_cycles(vault, graph)
    assert problem.line == 2
    assert "a → c → b → a" in problem.message or "→" in problem.message


def test_the_course_map_carries_the_hash_of_what_it_shows(make_vault: MakeVault) -> None:
    vault, graph = graph_of(make_vault, FILES)
    chart = course_map(vault, graph)
    png = draw_png(chart)
    assert digest_in(png) == chart.digest
    assert int.from_bytes(png[16:20], "big") == 250
    changed = FILES | {
        "d.md": '---\nprerequisites: ["[[c]]"]\n---\n',
        "导航.md": HOME.replace("[[c]]", "[[d]]"),
    }
    assert course_map(*graph_of(make_vault, changed)).digest != chart.digest


def test_a_damaged_map_carries_no_hash(make_vault: MakeVault) -> None:
    png = bytearray(draw_png(course_map(*graph_of(make_vault, FILES))))
    at = png.index(b"Vault-Links") + 14
    png[at] ^= 1
    assert digest_in(bytes(png)) == ""
