"""The vault itself: what must stay as it came, and what a written note must have."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import autocorrect_py
import pytest

from vaultsite.addresses import address, read_ledger, settle
from vaultsite.model import Note
from vaultsite.reader import read_vault

ROOT = Path(__file__).parents[2]
FOLDER = "Inbox/study/人工智能/机器学习/深度学习/李沐学深度学习"
HOME = ROOT / "docs" / FOLDER / "导航.md"
VAULT = read_vault(ROOT / "docs")
LINK = re.compile(r"- \[\[(.+?)\\\|(.+?)\]\](?:：(.*))?")
SECTIONS = ("问题", "直觉", "数学", "实现", "形状与代价", "训练", "实验", "常见误区", "自测", "参考")


def notes() -> list[Note]:
    return [note for path, note in VAULT.notes.items() if path.startswith(FOLDER) and note.name != "导航"]


def written() -> list[Note]:
    return [note for note in notes() if not note.is_draft]


def by_name(note: Note) -> str:
    return note.name


def test_the_navigation_note_is_as_it_came() -> None:
    assert (
        hashlib.sha256(HOME.read_bytes()).hexdigest()
        == "7b99bc2202a883a80d7aac31303ffe97b0e1420cd705b16759a87b21f2a9d7dc"
    )


def test_every_note_that_it_links_to_stands_under_exactly_that_name() -> None:
    targets = {match[1] for match in LINK.finditer(HOME.read_text(encoding="utf-8"))}
    assert len(targets) == 33
    assert {note.path.removesuffix(".md") for note in notes()} == targets


@pytest.mark.parametrize("note", notes(), ids=by_name)
def test_a_notes_summary_is_the_words_of_the_navigation_note(note: Note) -> None:
    words = [
        m[3].strip()
        for m in LINK.finditer(HOME.read_text(encoding="utf-8"))
        if m[3] and m[1] == note.path.removesuffix(".md")
    ]
    summary = str(note.meta["summary"])
    assert summary == "；".join(words) if words else summary


@pytest.mark.parametrize("note", notes(), ids=by_name)
def test_a_note_has_its_front_matter_and_its_place_in_the_course(note: Note) -> None:
    assert note.meta["title"] == note.name
    assert note.headings[0].text == note.name
    assert note.tags
    assert note.aliases
    assert note.meta_links.get("prerequisites") or note.name.startswith("05 ")
    assert "prerequisites" in note.meta
    assert "leads_to" in note.meta
    assert "contrasts" in note.meta


@pytest.mark.parametrize("note", notes(), ids=by_name)
def test_the_mark_and_the_status_of_a_draft_agree(note: Note) -> None:
    assert ("撰写中" in note.body) == note.is_draft


@pytest.mark.parametrize("note", written(), ids=by_name)
def test_a_written_note_has_every_part(note: Note) -> None:
    assert "一句话" in note.body
    titles = [heading.text for heading in note.headings if heading.level == 2]
    for section in SECTIONS:
        assert any(title.startswith(section) for title in titles), section
    assert note.body.count("[!question]-") >= 3
    assert any("assert " in cell.source for cell in note.cells)
    assert note.code_embeds
    for word in ("前置", "后续", "对比"):
        assert f"**{word}**" in note.body


@pytest.mark.parametrize("note", written(), ids=by_name)
def test_a_written_note_fits_one_sitting(note: Note) -> None:
    spans = [*note.cells, *note.code_embeds, *note.maths]
    texts = [note.body, *(note.body[s.start : s.end] for s in spans)]
    whole, *apart = (len("".join(text.split())) for text in texts)
    unseen = sum(len(link.target) for link in note.links if link.display)
    assert 1_500 <= whole - sum(apart) - unseen <= 6_000


@pytest.mark.parametrize("note", written(), ids=by_name)
def test_lines_of_code_fit_the_page(note: Note) -> None:
    """A line of 80 columns is the widest that a laptop shows without scrolling; Chinese counts double."""
    for cell in note.cells:
        if cell.kind == "live" and cell.options.get("hide") != "source":
            for n, line in enumerate(cell.source.split("\n")):
                columns = sum(2 if ord(char) > 0x2E7F else 1 for char in line)
                assert columns <= 80, f"line {cell.line + n}: {line}"


@pytest.mark.parametrize("note", written(), ids=by_name)
def test_prose_keeps_the_rules_of_chinese_typography(note: Note) -> None:
    text = note.body
    said = [(c.start, c.end, "" if c.kind == "live" else "0") for c in note.cells]
    said += [(e.start, e.end, "") for e in note.code_embeds]
    said += [(m.start, m.end, "" if m.display else "x") for m in note.maths]
    said += [(link.start, link.end, link.display or link.target) for link in note.links]
    for start, end, words in sorted(said, reverse=True):
        text = text[:start] + words + text[end:]
    faults = []
    for line in text.split("\n"):
        if line.startswith(("# ", "```")) or str(note.meta["summary"]) in line:
            continue
        if (better := autocorrect_py.format(line)) != line:
            faults.append(f"{line!r} should read {better!r}")
    assert faults == []


def test_every_address_of_the_vault_is_in_the_ledger() -> None:
    ledger = read_ledger(ROOT / "docs")
    vault = read_vault(ROOT / "docs")
    assert {address(note) for note in vault.notes.values()} <= ledger.keys()
    assert settle(vault, {k: v for k, v in ledger.items() if v.endswith(".md")}).problems == ()
