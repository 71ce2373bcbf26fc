"""Dates in two scripts, and which characters each digit comes from."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from dlnotes.data.dates import NUMERALS, draw, origins, spoken, written


def test_dates_by_hand() -> None:
    assert spoken(date(2026, 11, 26)) == "二〇二六年十一月二十六日"
    assert spoken(date(1000, 1, 1)) == "一〇〇〇年一月一日"
    assert spoken(date(2000, 10, 30)) == "二〇〇〇年十月三十日"
    assert spoken(date(1999, 12, 10)) == "一九九九年十二月十日"
    assert written(date(2026, 3, 5)) == "2026-03-05"


def test_every_day_of_a_year_is_written_differently() -> None:
    days = [date(2024, 1, 1) + timedelta(n) for n in range(366)]
    texts = [spoken(day) for day in days]
    assert len(set(texts)) == len({written(day) for day in days}) == 366
    assert {len(text) for text in texts} == {9, 10, 11, 12}


def test_the_same_seed_draws_the_same_dates() -> None:
    days = draw(500, Random(1))
    assert days == draw(500, Random(1)) != draw(500, Random(2))
    assert all(1000 <= day.year <= 2999 for day in days)
    assert {day.year for day in draw(50, Random(0), years=(2026, 2027))} == {2026, 2027}


def test_the_origins_are_the_year_digit_the_month_and_the_day() -> None:
    for day in draw(200, Random(0)):
        text, places = spoken(day), origins(day)
        assert len(places) == len(written(day)) == 10
        for digit, place in zip(written(day)[:4], places, strict=False):
            assert [text[i] for i in place] == [NUMERALS[int(digit)]]
        assert text[places[5][0] : places[5][-1] + 1].endswith("月")
        assert text[places[9][0] : places[9][-1] + 1].endswith("日")
        assert places[4] == places[6]
