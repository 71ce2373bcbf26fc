"""Unlinked mentions in Chinese and Latin text."""

from __future__ import annotations

import pytest

from vaults import MakeVault
from vaultsite.mentions import mentions_in, names_of
from vaultsite.model import VaultPath
from vaultsite.reader import read_vault

NOTES = {
    "05 线性代数.md": "",
    "注意力.md": "",
    "注意力机制.md": "",
    "24 AlexNet.md": "---\naliases: [AlexNet, NiN]\n---\n",
    "网.md": "",
}


def mentioned(make_vault: MakeVault, text: str) -> list[tuple[str, str]]:
    vault = read_vault(make_vault({**NOTES, "x.md": text}))
    found = mentions_in(vault.notes[VaultPath("x.md")], names_of(vault))
    return [(path, mention.sentence) for path, mention in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "先学线性代数吧。再说。", [("05 线性代数.md", "先学线性代数吧。")], id="without its number"
        ),
        pytest.param("注意力机制很好", [("注意力机制.md", "注意力机制很好")], id="the longest name wins"),
        pytest.param("用 alexnet 训练", [("24 AlexNet.md", "用 alexnet 训练")], id="case does not matter"),
        pytest.param("Shannin 与 ninety", [], id="a Latin name stands as a word"),
        pytest.param("神经网络", [], id="one character is too short a name"),
        pytest.param(
            "[[注意力]] `注意力` $注意力$ %%注意力%% #注意力\n## 注意力\n",
            [],
            id="links, code, math, tags, headings",
        ),
        pytest.param("```\n注意力\n```\n", [], id="code"),
        pytest.param("注意力。注意力！", [("注意力.md", "注意力。")], id="the first place counts"),
    ],
)
def test_mentions(make_vault: MakeVault, text: str, expected: list[tuple[str, str]]) -> None:
    assert mentioned(make_vault, text) == expected


def test_a_name_that_two_notes_share_names_neither(make_vault: MakeVault) -> None:
    vault = read_vault(
        make_vault(
            {"a.md": "---\naliases: [同名]\n---\n", "b.md": "---\naliases: [同名]\n---\n", "x.md": "同名"}
        )
    )
    assert mentions_in(vault.notes[VaultPath("x.md")], names_of(vault)) == []
