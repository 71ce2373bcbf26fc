"""Addresses last: what was served once leads somewhere for ever, or the build fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaults import MakeVault
from vaultsite.addresses import (
    GONE,
    clashes,
    read_ledger,
    redirect_page,
    relative_url,
    settle,
    url_of,
    write_ledger,
)
from vaultsite.model import VaultError
from vaultsite.reader import read_vault

NOTE = "---\naliases: [Perceptron, A/B]\npermalink: old/place\n---\n# 感知机\n"


@pytest.mark.parametrize(
    ("target", "base", "expected"),
    [
        ("a/b/", "a/c/", "../b/"),
        ("a/b/", "", "a/b/"),
        ("", "a/b/", "../../"),
        ("a/", "a/", "./"),
        ("x/y.png", "a/b/", "../../x/y.png"),
        ("a/b/c/", "a/b/", "c/"),
    ],
)
def test_a_url_is_seen_from_its_page(target: str, base: str, expected: str) -> None:
    assert relative_url(target, base) == expected


def test_a_url_is_percent_encoded() -> None:
    assert url_of("Q&A 100% + ?#") == "Q%26A%20100%25%20%2B%20%3F%23/"


def test_alias_and_vault_path_lead_to_the_permalink(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"f/感知机.md": NOTE}))
    ledger = settle(vault, {})
    assert ledger.places["old/place"] == "f/感知机.md"
    assert ledger.redirects == {"f/感知机": "old/place", "Perceptron": "old/place", "A/B": "old/place"}


def test_an_alias_of_two_notes_leads_nowhere_and_none_hides_a_page(make_vault: MakeVault) -> None:
    files = {"a.md": "---\naliases: [x, c]\n---\n", "b.md": "---\naliases: [X]\n---\n", "c.md": ""}
    ledger = settle(read_vault(make_vault(files)), {})
    assert ledger.redirects == {}


def test_a_note_that_moved_to_another_folder_is_found_again(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"new/感知机.md": "# x\n"}))
    ledger = settle(vault, {"old/感知机": "old/感知机.md"})
    assert ledger.redirects == {"old/感知机": "new/感知机"}
    assert ledger.places["old/感知机"] == "new/感知机.md"
    assert ledger.problems == ()


def test_a_note_that_keeps_its_old_name_as_an_alias_is_found_again(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"b.md": "---\naliases: [a]\n---\n"}))
    assert settle(vault, {"a": "a.md"}).redirects == {"a": "b"}


def test_a_former_permalink_leads_to_the_new_one(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"a.md": "---\npermalink: /two/\n---\n"}))
    assert settle(vault, {"one": "a.md"}).redirects == {"a": "two", "one": "two"}


def test_an_address_that_would_die_is_a_problem_with_its_line(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"b.md": ""}))
    (problem,) = settle(vault, {"b": "b.md", "gone": "gone.md"}).problems
    assert (problem.path, problem.line) == (".addresses.json", 3)
    assert "/gone/ was served and would die" in problem.message


def test_one_given_up_on_purpose_is_none(make_vault: MakeVault) -> None:
    ledger = settle(read_vault(make_vault({"b.md": ""})), {"gone": GONE})
    assert ledger.problems == ()
    assert ledger.places["gone"] == GONE


def test_a_tag_that_nobody_uses_any_more_leads_to_all_tags(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"b.md": ""}))
    assert settle(vault, {"wiki/tags/x": "wiki/tags/x"}, ["wiki/tags"]).redirects == {
        "wiki/tags/x": "wiki/tags"
    }


def test_the_ledger_is_written_one_address_a_line_and_only_when_it_changed(tmp_path: Path) -> None:
    places = {"b": "b.md", "a": "甲.md"}
    assert write_ledger(tmp_path, places)
    assert (tmp_path / ".addresses.json").read_text(encoding="utf-8").splitlines()[1] == '  "a": "甲.md",'
    assert read_ledger(tmp_path) == places
    assert not write_ledger(tmp_path, places)


def test_a_damaged_ledger_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / ".addresses.json").write_text('{\n  "a": \n}', encoding="utf-8")
    with pytest.raises(VaultError, match=r"\.addresses\.json:3: the ledger of addresses is damaged"):
        read_ledger(tmp_path)


def test_two_notes_with_one_address_are_a_problem(make_vault: MakeVault) -> None:
    files = {
        "a.md": "---\npermalink: x\n---\n",
        "b.md": "---\npermalink: /X/\n---\n",
        "c.md": "---\npermalink: assets/x\n---\n",
    }
    messages = [problem.message for problem in clashes(read_vault(make_vault(files)))]
    assert "same address as a.md" in messages[0]
    assert "of the site's own" in messages[1]


def test_a_note_at_the_address_of_one_of_the_sites_pages_is_a_problem(make_vault: MakeVault) -> None:
    vault = read_vault(make_vault({"wiki/tags.md": ""}))
    (problem,) = settle(vault, {}, ["wiki/tags"]).problems
    assert "a page of the site's own" in problem.message


def test_a_redirect_keeps_anchor_and_query_and_needs_no_script() -> None:
    page = redirect_page("a/字", "b/c/")
    assert 'location.replace("../../a/%E5%AD%97/"+location.search+location.hash)' in page
    assert 'http-equiv="refresh" content="0; url=../../a/%E5%AD%97/"' in page
