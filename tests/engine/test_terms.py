"""The terms that notes define, and the glossary made of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rendering import vault_with
from vaultsite.model import Term, VaultPath
from vaultsite.reader import read_vault


def terms(text: str) -> tuple[Term, ...]:
    return vault_with(text).notes[VaultPath("A.md")].terms


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("**困惑度**（perplexity）是", ("困惑度", "perplexity", "")),
        (
            "**全卷积网络**（fully convolutional network，FCN）",
            ("全卷积网络", "fully convolutional network", "FCN"),
        ),
        ("**温度**（temperature，$\\tau$）：", ("温度", "temperature", "$\\tau$")),
        ("**$K$ 折交叉验证**（K-fold cross-validation）", ("K 折交叉验证", "K-fold cross-validation", "")),
        ("叫**n 元语法**（n-gram）。", ("n 元语法", "n-gram", "")),
        ("**奇异值分解**（SVD）", ("奇异值分解", "", "SVD")),
        ("**最小门控单元**(Minimal Gated Unit, MGU)", ("最小门控单元", "Minimal Gated Unit", "MGU")),
    ],
)
def test_a_term_is_bold_with_its_english_behind_it(text: str, term: tuple[str, str, str]) -> None:
    (found,) = terms(text)
    assert (found.name, found.english, found.sign) == term


@pytest.mark.parametrize(
    "text",
    [
        "困惑度（perplexity）",
        "**同一种初始化**（He）",
        "**一步的**（SSD、YOLO）",
        "**论文**（Gatys et al. 2016, §2）",
        "**Dropout**（dropout）",
        "**要紧**（见 [[B]]）",
        "`**困惑度**（perplexity）`",
        "```\n**困惑度**（perplexity）\n```",
        "%%**困惑度**（perplexity）%%",
        "**困惑度**\n（perplexity）",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert terms(text) == ()


def test_a_term_knows_the_heading_that_it_stands_under() -> None:
    found = terms("# 题\n\n**甲**（a）\n\n## 二\n\n文 **乙**（b）\n\n### 三\n\n**丙**（c）\n")
    assert [(term.name, term.anchor) for term in found] == [("甲", ""), ("乙", "二"), ("丙", "三")]


def test_a_line_of_stars_takes_no_time() -> None:
    assert terms("**" * 20_000 + "（" * 20_000) == ()


def test_the_project_defines_its_terms_in_many_notes() -> None:
    notes = read_vault(Path(__file__).parents[2] / "docs").notes.values()
    found = [term for note in notes for term in note.terms]
    assert len({term.name for term in found}) > 90
    assert sum(bool(note.terms) for note in notes) >= 25
    for term in found:
        assert not re.search(r"[，。：、]", term.name), term
