"""The feed of new and changed notes: valid RSS, the newest first."""

from __future__ import annotations

import dataclasses
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

from vaultsite.feed import MOST, Entry, feed

SITE = "https://example.org/notes/"
OLD = Entry(
    "甲 <1> & 乙", f"{SITE}a/?x=1&y=2", "一句 <话>", "2026-01-02", is_new=True, tags=("深度学习", "a&b")
)
NEW = Entry("丙", f"{SITE}c/", "", "2026-03-04", is_new=False)


def channel(*entries: Entry) -> ElementTree.Element:
    found = ElementTree.fromstring(feed("笔记", "说明 & 更多", SITE, entries)).find("channel")
    assert found is not None
    return found


def test_the_newest_comes_first_and_a_change_says_so() -> None:
    titles = [item.findtext("title") for item in channel(OLD, NEW).iter("item")]
    assert titles == ["丙（更新）", "甲 <1> & 乙"]


def test_what_notes_say_arrives_unharmed() -> None:
    (item,) = channel(OLD).iter("item")
    assert item.findtext("link") == OLD.url
    assert item.findtext("description") == "一句 <话>"
    assert [c.text for c in item.iter("category")] == ["深度学习", "a&b"]
    assert parsedate_to_datetime(item.findtext("pubDate") or "").date().isoformat() == OLD.day


def test_a_changed_note_is_another_entry() -> None:
    def identity(entry: Entry) -> str | None:
        return next(channel(entry).iter("item")).findtext("guid")

    assert identity(NEW) == identity(NEW)
    assert identity(NEW) != identity(dataclasses.replace(NEW, day="2026-03-05"))


def test_a_feed_is_short_and_may_be_empty() -> None:
    many = [dataclasses.replace(NEW, url=f"{SITE}{n}/") for n in range(MOST + 5)]
    assert len(list(channel(*many).iter("item"))) == MOST
    assert list(channel().iter("item")) == []
