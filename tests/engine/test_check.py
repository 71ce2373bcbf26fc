"""The check: every problem with its place, and counts of what the vault holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import build
from vaults import MakeVault
from vaultsite.addresses import address
from vaultsite.check import Report, check
from vaultsite.workspace import open_workspace, read_settings

ROOT = Path(__file__).parents[2]


def report_of(vault: Path, *, strict: bool = True) -> Report:
    return check(open_workspace(read_settings(ROOT, vault)), strict=strict)


def test_every_link_is_counted_by_its_verdict(make_vault: MakeVault) -> None:
    text = "---\naliases: [甲]\n---\n# A\n[[b]] [[甲]] [[no]] [[b#no]] [[b#^no]]\n"
    report = report_of(make_vault({"a.md": text, "b.md": "# B\n"}))
    assert report.links == {"resolved": 1, "alias": 1, "unresolved": 1, "dead heading": 1, "dead block": 1}
    assert [(p.path, p.line) for p in report.fatal] == [("a.md", 5)] * 3


def test_dead_links_of_another_vault_are_problems_but_not_fatal(make_vault: MakeVault) -> None:
    report = report_of(make_vault({"a.md": "[[no]]\n"}), strict=False)
    assert len(report.problems) == 1
    assert report.fatal == ()


def test_drafts_are_counted_and_are_no_problem(make_vault: MakeVault) -> None:
    report = report_of(make_vault({"a.md": "---\nstatus: draft\n---\n", "b.md": ""}))
    assert (report.notes, report.drafts, report.problems) == (2, ("a.md",), ())


def test_options_that_do_not_exist_are_named_with_their_line(make_vault: MakeVault) -> None:
    text = '\n```python live hide="all"\n1\n```\n\n```python embed="dlnotes.train:fit" size="3"\n```\n'
    messages = [str(p) for p in report_of(make_vault({"a.md": text})).problems]
    assert 'a.md:2: hide must be "source" or "output", not "all"' in messages
    assert "a.md:6: unknown embed option `size`" in messages


def test_an_address_is_the_permalink_else_the_path(make_vault: MakeVault) -> None:
    vault = open_workspace(
        read_settings(ROOT, make_vault({"x/a.md": "", "b.md": "---\npermalink: /p/q/\n---\n"}))
    ).vault
    assert {path: address(note) for path, note in vault.notes.items()} == {"x/a.md": "x/a", "b.md": "p/q"}


def test_a_circle_of_prerequisites_a_shared_address_and_a_stale_cell_are_fatal(make_vault: MakeVault) -> None:
    files = {
        "a.md": "---\nprerequisites: '[[b]]'\npermalink: /b/\n---\n",
        "b.md": "---\nprerequisites: '[[a]]'\n---\n```python live\n1\n```\n",
    }
    text = "\n".join(map(str, report_of(make_vault(files)).fatal))
    assert "prerequisites run in a circle" in text
    assert "has the same address as" in text
    assert "b.md:5: missing outputs: never recorded" in text


def test_every_link_has_a_verdict_for_other_programs(
    make_vault: MakeVault, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "a.md": "---\naliases: [Alias]\n---\n## h\n\ntext ^b\n",
        "x/t.md": "",
        "y/t.md": "",
        "b.md": "[[a]] [[Alias]] [[t]] [[no]] [[a#no]] [[a#^no]] [[a#h]] ![[a#^b]] [m](a.md)\n",
    }
    assert build.main(["check", "--json", "--vault", str(make_vault(files))]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(link["target"], link["verdict"]) for link in found["links"]] == [
        ("a", "resolved"),
        ("Alias", "alias"),
        ("t", "ambiguous"),
        ("no", "unresolved"),
        ("a#no", "dead heading"),
        ("a#^no", "dead block"),
        ("a#h", "resolved"),
        ("a#^b", "resolved"),
        ("a.md", "resolved"),
    ]
    assert found["links"][7]["kind"] == "embed"
    assert {problem["line"] for problem in found["problems"]} == {1}
    assert not any(problem["fatal"] for problem in found["problems"])
    assert build.main(["check", "--json", "--strict", "--vault", str(make_vault(files))]) == 1


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a.md": "![[a]]\n"}, id="itself"),
        pytest.param({"a.md": "![[b]]\n", "b.md": "![[a]]\n"}, id="by way of another"),
        pytest.param({"a.md": "## h\n\n![[#h]]\n"}, id="its own section"),
    ],
)
def test_a_note_that_embeds_itself_is_a_problem(make_vault: MakeVault, files: dict[str, str]) -> None:
    problems = report_of(make_vault(files)).problems
    assert any("embeds the note that it stands in" in problem.message for problem in problems)


def test_another_section_of_the_same_note_may_be_embedded(make_vault: MakeVault) -> None:
    assert report_of(make_vault({"a.md": "## h\n\nx\n\n## i\n\n![[#h]]\n"})).problems == ()
