"""The picture that a shared link shows: its Chinese is there, in lines that fit."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from vaultsite import cards
from vaultsite.cards import Card, draw, find_font

FONT = find_font()
CARD = Card("23 经典卷积神经网络 LeNet", "卷积+池化+全连接层", "约 32 分钟", "动手学深度学习笔记")


@pytest.fixture(scope="module")
def font() -> Path:
    assert FONT is not None, "a font that has Chinese is needed: fonts-wqy-microhei, or the wheel mplfonts"
    return FONT


def picture(card: Card, font: Path) -> Image.Image:
    return Image.open(io.BytesIO(draw(card, font))).convert("L")


def ink(image: Image.Image, top: int, bottom: int) -> int:
    """How many dark pixels there are between two heights, right of the edge."""
    return sum(image.crop((30, top, 1200, bottom)).point(lambda v: v < 128 and 255).histogram()[255:])


def test_a_card_is_small_and_has_the_size_that_is_asked_for(font: Path) -> None:
    data = draw(CARD, font)
    assert Image.open(io.BytesIO(data)).size == (1200, 630)
    assert len(data) < 60_000


def test_the_same_card_is_the_same_file_and_another_is_not(font: Path) -> None:
    assert draw(CARD, font) == draw(CARD, font)
    assert draw(CARD, font) != draw(Card("24 AlexNet"), font)


def test_title_summary_and_facts_are_all_drawn(font: Path) -> None:
    empty = picture(Card(""), font)
    full = picture(CARD, font)
    for top, bottom in ((55, 120), (150, 400), (500, 600)):
        assert ink(full, top, bottom) > ink(empty, top, bottom) + 500


def test_a_long_summary_is_cut_before_the_facts(font: Path) -> None:
    long = picture(Card("标题" * 30, "很长的一句话，" * 60, "约 3 分钟"), font)
    assert ink(long, 612, 630) == 0
    assert ink(long, 505, 525) == 0  # the line above the facts is free


@given(st.text("深度学习LeNet-5 a1，。（）《》、", max_size=60))
def test_lines_fit_and_lose_nothing(text: str) -> None:
    assert FONT is not None
    face = cards._font(FONT, 36)
    assert isinstance(face, ImageFont.FreeTypeFont)
    lines = list(cards._lines(text, face, 400))
    assert "".join("".join(lines).split()) == "".join(text.split())
    for line in lines[1:]:
        assert line[0] not in cards.NO_START
