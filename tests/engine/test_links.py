"""Resolution, rule by rule; the numbers are those of the rules in links.py."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaults import MakeVault
from vaultsite.links import Resolver
from vaultsite.model import Link, VaultPath
from vaultsite.reader import note_from_text, read_vault

FILES = {
    "导航.md": "# 导航\n",
    "a/同名.md": "# 一\n",
    "b/同名.md": "# 二\n",
    "b/c/同名.md": "# 三\n",
    "1.2 感知机.md": "# 感知机\n## 定义: x\n## A\n### B\n## C\n### B\n\n段落 ^blk-1\n",
    "别名.md": "---\naliases: [Perceptron]\npermalink: /old/place/\n---\n",
    "15  实战：Kaggle + 竞赛【v2】.md": "# x\n",
    "img/p.png": "",
    "a/Only.md": "",
}


def link(target: str, kind: str = "wiki") -> Link:
    return Link(target, None, 1, 0, 0, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "source", "verdict", "path"),
    [
        pytest.param("", "导航.md", "resolved", "导航.md", id="0: an empty path is the note itself"),
        pytest.param("导航", "a/Only.md", "resolved", "导航.md", id="2: one candidate wins wherever it is"),
        pytest.param("only", "导航.md", "resolved", "a/Only.md", id="1: case does not matter"),
        pytest.param("1.2 感知机", "导航.md", "resolved", "1.2 感知机.md", id="1: a dot is part of the name"),
        pytest.param("p.png", "导航.md", "resolved", "img/p.png", id="1: an attachment by its name"),
        pytest.param(
            "15  实战：Kaggle + 竞赛【v2】",
            "导航.md",
            "resolved",
            "15  实战：Kaggle + 竞赛【v2】.md",
            id="1: two spaces, plus, full width",
        ),
        pytest.param(
            "./同名", "b/同名.md", "resolved", "b/同名.md", id="3: a relative path from the note's folder"
        ),
        pytest.param("../a/同名", "b/同名.md", "resolved", "a/同名.md", id="3: dots lead up"),
        pytest.param("b/同名", "导航.md", "resolved", "b/同名.md", id="4: an exact vault path wins"),
        pytest.param(
            "/img/p.png", "导航.md", "resolved", "img/p.png", id="4: a leading slash is the vault's root"
        ),
        pytest.param("/c/同名", "导航.md", "unresolved", None, id="4: a leading slash allows no suffix"),
        pytest.param(
            "c/同名", "导航.md", "resolved", "b/c/同名.md", id="5: whole segments at the path's end"
        ),
        pytest.param("同名", "b/c/同名.md", "resolved", "b/c/同名.md", id="5: the own folder first"),
        pytest.param("同名", "导航.md", "ambiguous", None, id="5: a true tie is ambiguous"),
        pytest.param("Perceptron", "导航.md", "alias", "别名.md", id="6: an alias, after all else"),
        pytest.param("/old/place/", "导航.md", "alias", "别名.md", id="6: a permalink"),
        pytest.param("没有", "导航.md", "unresolved", None, id="nothing has that name"),
    ],
)
def test_path(make_vault: MakeVault, target: str, source: str, verdict: str, path: str | None) -> None:
    vault = read_vault(make_vault(FILES))
    found = Resolver(vault).resolve(link(target), vault.notes[VaultPath(source)])
    assert (found.verdict, found.path) == (verdict, path)


@pytest.mark.parametrize(
    ("target", "verdict", "anchor"),
    [
        ("1.2 感知机#感知机", "resolved", "感知机"),
        ("1.2 感知机#定义 x", "resolved", "定义-x"),
        ("1.2 感知机#C#B", "resolved", "b_1"),
        ("1.2 感知机#没有", "dead heading", ""),
        ("1.2 感知机#^BLK-1", "resolved", "^blk-1"),
        ("1.2 感知机#^no", "dead block", ""),
    ],
)
def test_subpath(make_vault: MakeVault, target: str, verdict: str, anchor: str) -> None:
    vault = read_vault(make_vault(FILES))
    found = Resolver(vault).resolve(link(target), vault.notes[VaultPath("导航.md")])
    assert (found.verdict, found.anchor) == (verdict, anchor)


def test_a_markdown_link_is_percent_decoded_first(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault(FILES))
    found = Resolver(vault).resolve(link("1.2%20感知机.md", "markdown"), vault.notes[VaultPath("导航.md")])
    assert found.path == "1.2 感知机.md"


def test_names_compare_in_nfc(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"Café.md": "", "x.md": ""}))
    found = Resolver(vault).resolve(
        link(unicodedata.normalize("NFD", "Café")), vault.notes[VaultPath("x.md")]
    )
    assert found.path == "Café.md"


def test_a_near_miss_is_answered_with_the_note_that_was_meant(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"23 经典卷积神经网络 LeNet.md": "", "x.md": ""}))
    resolver, wrong = Resolver(vault), link("23 经典卷积网络 LeNet")
    found = resolver.resolve(wrong, vault.notes[VaultPath("x.md")])
    assert "[[23 经典卷积神经网络 LeNet]]" in resolver.advice(wrong, found)


@given(st.text(alphabet="ab./#^ \\%", max_size=20))
def test_any_target_gets_a_verdict_and_a_resolved_one_exists(target: str) -> None:
    from pathlib import Path

    from vaultsite.model import Vault

    notes = {VaultPath(p): note_from_text(VaultPath(p), "# a\n") for p in ("a.md", "b/a.md", "b/ab.md")}
    vault = Vault(Path(), notes)
    for source in notes.values():
        for kind in ("wiki", "markdown"):
            found = Resolver(vault).resolve(link(target, kind), source)
            assert (found.path in notes) == (found.path is not None)
            assert found.is_dead or found.path is not None
