"""What is new: an RSS feed of the notes that were written or changed last."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from xml.sax.saxutils import escape

MOST = 30


@dataclass(frozen=True)
class Entry:
    """A note in the feed. *url* is absolute, *day* as ``2026-11-23``; *is_new*: not changed since it came."""

    title: str
    url: str
    summary: str
    day: str
    is_new: bool
    tags: tuple[str, ...] = ()


def feed(title: str, description: str, site: str, entries: Sequence[Entry]) -> str:
    """Return the RSS 2.0 document, the newest first.

    An entry's identity holds its day: a note that was changed comes up again in a reader.
    """
    newest = sorted(entries, key=lambda e: (e.day, e.url), reverse=True)[:MOST]
    items = "".join(
        "<item>"
        f"<title>{escape(entry.title if entry.is_new else f'{entry.title}（更新）')}</title>"
        f"<link>{escape(entry.url)}</link>"
        f'<guid isPermaLink="false">{escape(f"{entry.url}#{entry.day}")}</guid>'
        f"<pubDate>{_date(entry.day)}</pubDate>"
        f"<description>{escape(entry.summary)}</description>"
        + "".join(f"<category>{escape(tag)}</category>" for tag in entry.tags)
        + "</item>\n"
        for entry in newest
    )
    built = f"<lastBuildDate>{_date(newest[0].day)}</lastBuildDate>" if newest else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>\n'
        f"<title>{escape(title)}</title><link>{escape(site)}</link>"
        f"<description>{escape(description)}</description><language>zh-CN</language>{built}\n"
        f'<atom:link href="{escape(site)}feed.xml" rel="self" type="application/rss+xml"/>\n'
        f"{items}</channel></rss>\n"
    )


def _date(day: str) -> str:
    noon = datetime.time(12, tzinfo=datetime.UTC)
    return format_datetime(datetime.datetime.combine(datetime.date.fromisoformat(day), noon), usegmt=True)
