"""The pages that the vault makes by itself: graph, glossary, tags, recent notes and the ledger of links."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from vaultsite.addresses import relative_url, url_of
from vaultsite.graph import NavItem
from vaultsite.links import Resolver, all_links
from vaultsite.model import Link, Note, Term, Vault, VaultPath

GLOSSARY = "wiki/glossary"
GRAPH = "wiki/graph"
TAGS = "wiki/tags"
RECENT = "wiki/recent"
LINKS = "wiki/links"
VERDICTS = {
    "resolved": "找到",
    "alias": "按别名找到",
    "ambiguous": "有歧义",
    "unresolved": "还没有这篇",
    "dead heading": "没有这个标题",
    "dead block": "没有这个块",
}


@dataclass(frozen=True)
class WikiPage:
    """A page that is no note. *body* is its HTML below the title."""

    title: str
    body: str


@dataclass(frozen=True)
class Shelf:
    """What the wiki's pages are made from: the vault, where its pages are, and what each is about."""

    vault: Vault
    resolver: Resolver
    urls: Mapping[VaultPath, str]
    summaries: Mapping[VaultPath, str]
    nav: tuple[NavItem, ...]
    tags: Mapping[str, tuple[VaultPath, ...]]
    dates: Mapping[VaultPath, str]
    math: Mapping[tuple[str, bool], str]
    """The formulas of the notes as HTML, by their TeX and whether they stand apart."""


def notes_by_tag(vault: Vault) -> dict[str, tuple[VaultPath, ...]]:
    """Return for each tag, in the spelling met first, its notes; `#a/b` belongs to `a` too."""
    spelling: dict[str, str] = {}
    found: dict[str, dict[VaultPath, None]] = {}
    for path, note in vault.notes.items():
        for tag in note.tags:
            parts = [part for part in tag.split("/") if part]
            for depth in range(1, len(parts) + 1):
                name = "/".join(parts[:depth])
                key = spelling.setdefault(name.casefold(), name)
                found.setdefault(key, {})[path] = None
    return {tag: tuple(found[tag]) for tag in sorted(found, key=str.casefold)}


def tag_address(tag: str, tags: Iterable[str]) -> str:
    """Return the address of a tag's page, whatever case *tag* is written in."""
    key = tag.strip("/").casefold()
    return next((f"{TAGS}/{name}" for name in tags if name.casefold() == key), TAGS)


def wiki_pages(shelf: Shelf) -> Iterator[tuple[str, WikiPage]]:
    """Yield every page with its address."""
    yield GRAPH, WikiPage("关系图", _graph(shelf, url_of(GRAPH)))
    yield GLOSSARY, WikiPage("术语表", _glossary(shelf, url_of(GLOSSARY)))
    yield TAGS, WikiPage("标签", _tags(shelf, url_of(TAGS)))
    for tag, paths in shelf.tags.items():
        yield f"{TAGS}/{tag}", WikiPage(f"#{tag}", _tag(shelf, tag, paths, url_of(f"{TAGS}/{tag}")))
    yield RECENT, WikiPage("最近更新", _recent(shelf, url_of(RECENT)))
    yield LINKS, WikiPage("链接账本", _links(shelf, url_of(LINKS)))


def graph_data(shelf: Shelf, home: VaultPath | None) -> dict[str, Any]:
    """Return the nodes and links of the whole vault for the browser; the navigation note is left out.

    It links to every note: with it in the picture each note would be two steps from each other.
    """
    sections = _sections(shelf.nav)
    names = list(dict.fromkeys(sections.values()))
    tags = list(shelf.tags)
    tag_at = {tag: n for n, tag in enumerate(tags)}
    tags_of: dict[VaultPath, list[int]] = {}
    for tag, tagged in shelf.tags.items():
        for path in tagged:
            tags_of.setdefault(path, []).append(tag_at[tag])
    paths = [path for path in shelf.vault.notes if path != home]
    at = {path: n for n, path in enumerate(paths)}
    nodes = []
    for path in paths:
        node: dict[str, Any] = {
            "title": shelf.vault.notes[path].title,
            "url": shelf.urls[path],
            "section": names.index(sections[path]) if path in sections else -1,
            "tags": tags_of.get(path, []),
        }
        if shelf.vault.notes[path].is_draft:
            node["draft"] = True
        nodes.append(node)
    links = {
        (at[path], at[target.path])
        for path in paths
        for target in shelf.resolver.all_targets(shelf.vault.notes[path])
        if target.path in at and target.path != path
    }
    return {"sections": names, "tags": tags, "notes": nodes, "links": sorted(links)}


def listing(items: Sequence[NavItem], urls: Mapping[VaultPath, str], base: str) -> str:
    """Return the whole navigation as a list: the front page of a vault that has none of its own."""
    if not items:
        return ""
    rows = []
    for item in items:
        text = html.escape(item.title)
        if item.path is not None:
            text = f'<a class="wikilink" href="{relative_url(urls[item.path], base)}">{text}</a>'
        rows.append(f"<li>{text}{listing(item.children, urls, base)}</li>")
    return f"<ul>{''.join(rows)}</ul>"


def _sections(nav: Sequence[NavItem]) -> dict[VaultPath, str]:
    """Each note's section: the navigation's first level."""
    found: dict[VaultPath, str] = {}

    def visit(item: NavItem, names: tuple[str, ...]) -> None:
        if item.path is not None and names:
            found[item.path] = names[0]
        for child in item.children:
            visit(child, (*names, item.title) if item.path is None else names)

    for item in nav:
        visit(item, ())
    return found


def _entry(shelf: Shelf, path: VaultPath, base: str, more: str = "") -> str:
    note = shelf.vault.notes[path]
    draft = ' <span class="note-draft">撰写中</span>' if note.is_draft else ""
    summary = html.escape(shelf.summaries.get(path, ""))
    about = f"<p>{summary}</p>" if summary else ""
    url = relative_url(shelf.urls[path], base)
    return f'<li><a class="wikilink" href="{url}">{html.escape(note.title)}</a>{draft}{more}{about}</li>'


def _graph(shelf: Shelf, base: str) -> str:
    return (
        "<p>每个点是一篇笔记，每条线是一个链接。点一下就去那一篇；用方向键也能在点与点之间走。</p>"
        '<div class="graph graph--all" data-graph="all"></div>'
        f'<div class="graph-fallback">{listing(shelf.nav, shelf.urls, base)}</div>'
    )


def _glossary(shelf: Shelf, base: str) -> str:
    """Every term in the order of its English, with each place that defines it, in the order of the course."""
    defined: dict[str, list[tuple[VaultPath, Term]]] = {}
    for path in _in_course_order(shelf):
        for term in shelf.vault.notes[path].terms:
            defined.setdefault(term.name, []).append((path, term))
    if not defined:
        return "<p>还没有术语。笔记里写 <code>**词**（english，缩写）</code>，这里就有它。</p>"

    def linked(path: VaultPath, term: Term, text: str) -> str:
        anchor = f"#{quote(term.anchor)}" if term.anchor else ""
        url = relative_url(shelf.urls[path], base)
        return f'<a class="wikilink" href="{url}{anchor}">{html.escape(text)}</a>'

    rows = []
    for name, places in sorted(defined.items(), key=lambda item: _english(item[1]).casefold()):
        signs = dict.fromkeys(term.sign for _, term in places if term.sign)
        english = next((term.english for _, term in places if term.english), "")
        first: dict[VaultPath, Term] = {}
        for path, term in places:
            first.setdefault(path, term)
        notes = [linked(path, term, shelf.vault.notes[path].title) for path, term in first.items()]
        rows.append(
            [
                linked(*places[0], name),
                html.escape(english),
                "，".join(_sign(sign, shelf.math) for sign in signs),
                "、".join(notes),
            ]
        )
    count = f"<p>{len(rows)} 个术语，都取自笔记里第一次说明它的地方，按英文排序。</p>"
    return count + _table(["中文", "英文", "缩写与记号", "在哪里说明"], rows)


def _in_course_order(shelf: Shelf) -> list[VaultPath]:
    listed = [path for path in _sections(shelf.nav) if path in shelf.vault.notes]
    return list(dict.fromkeys([*listed, *shelf.vault.notes]))


def _english(places: Sequence[tuple[VaultPath, Term]]) -> str:
    return next((term.english or term.sign for _, term in places), "")


def _sign(sign: str, math: Mapping[tuple[str, bool], str]) -> str:
    if not sign.startswith("$"):
        return html.escape(sign)
    return math.get((sign.strip("$"), False), f"<code>{html.escape(sign)}</code>")


def _tags(shelf: Shelf, base: str) -> str:
    if not shelf.tags:
        return "<p>还没有标签。</p>"
    rows = []
    for tag, paths in shelf.tags.items():
        depth = tag.count("/")
        url = relative_url(f"{TAGS}/{quote(tag)}/", base)
        name = html.escape(tag)
        rows.append(
            f'<li style="--depth: {depth}"><a class="tag" href="{url}">#{name}</a> '
            f'<span class="count">{len(paths)} 篇</span></li>'
        )
    return f'<ul class="tag-list">{"".join(rows)}</ul>'


def _tag(shelf: Shelf, tag: str, paths: Sequence[VaultPath], base: str) -> str:
    below = [other for other in shelf.tags if other.startswith(f"{tag}/")]
    links = " ".join(
        f'<a class="tag" href="{relative_url(f"{TAGS}/{quote(name)}/", base)}">#{html.escape(name)}</a>'
        for name in below
    )
    up = relative_url(url_of(TAGS), base)
    return (
        f'<p>{len(paths)} 篇笔记。<a href="{up}">全部标签</a>{"　下一级：" + links if links else ""}</p>'
        f'<ul class="note-list">{"".join(_entry(shelf, path, base) for path in paths)}</ul>'
    )


def _recent(shelf: Shelf, base: str) -> str:
    by_day: dict[str, list[VaultPath]] = {}
    for path in sorted(shelf.vault.notes, key=lambda p: (shelf.dates.get(p, ""), p), reverse=True)[:100]:
        by_day.setdefault(shelf.dates.get(path, ""), []).append(path)
    parts = []
    for day, paths in by_day.items():
        title = f'<time datetime="{day}">{day}</time>' if day else "日期不明"
        rows = "".join(_entry(shelf, path, base) for path in sorted(paths))
        parts.append(f'<h2>{title}</h2><ul class="note-list">{rows}</ul>')
    return "".join(parts)


def _links(shelf: Shelf, base: str) -> str:
    counts: Counter[str] = Counter()
    out: Counter[VaultPath] = Counter()
    into: Counter[VaultPath] = Counter()
    odd: list[tuple[Note, Link, str]] = []
    wanted: Counter[str] = Counter()
    for path, note in shelf.vault.notes.items():
        for link, target in all_links(note, shelf.resolver):
            counts[target.verdict] += 1
            out[path] += 1
            if target.path is not None:
                into[target.path] += 1
            if target.verdict != "resolved":
                odd.append((note, link, target.verdict))
            if target.verdict == "unresolved":
                wanted[link.target.partition("#")[0]] += 1

    def named(note: Note) -> str:
        url = relative_url(shelf.urls[note.path], base)
        return f'<a class="wikilink" href="{url}">{html.escape(note.title)}</a>'

    verdicts = [[name, str(counts[key])] for key, name in VERDICTS.items()]
    parts = [
        f"<p>{len(shelf.vault.notes)} 篇笔记，{counts.total()} 个链接，每次构建都逐个核对。</p>",
        _table(["结论", "链接数"], verdicts),
    ]
    if wanted:
        names = "".join(f"<li>{html.escape(name)}（{n} 处）</li>" for name, n in wanted.most_common())
        parts.append(f"<h2>等着写的笔记</h2><ul>{names}</ul>")
    if odd:
        rows = [
            [
                f"{named(note)} 第 {link.line} 行",
                f"<code>{html.escape(link.target)}</code>",
                VERDICTS[verdict],
            ]
            for note, link, verdict in odd
        ]
        parts.append("<h2>不是直接找到的链接</h2>" + _table(["在哪里", "写的是", "结论"], rows))
    else:
        parts.append("<p>没有一个是死的，也没有一个要靠别名。</p>")
    rows = [[named(note), str(out[path]), str(into[path])] for path, note in shelf.vault.notes.items()]
    parts.append("<h2>每篇笔记</h2>" + _table(["笔记", "链出", "链入"], rows))
    return "".join(parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        '<div class="link-table" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
