"""What an edit would run again, told before it is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import live, open_project
from vaultsite.fingerprint import UnknownSymbol
from vaultsite.impact import impact_of
from vaultsite.runner import How, run_notes

FILES = {
    "code/pack/__init__.py": "",
    "code/pack/train.py": """
        from pack.metrics import accuracy

        def fit():
            return accuracy()

        def other():
            return 0
    """,
    "code/pack/metrics.py": "def accuracy():\n    return Mean().value()\n\nclass Mean:\n"
    "    def value(self):\n        return 1\n",
    "docs/a.md": live("x = 1", "from pack.train import fit\nfit()"),
    "docs/b.md": live("from pack.train import other\nother()"),
    "docs/c.md": '# C\n\n```python embed="pack.train:fit"\n```\n',
    "tests/test_train.py": "from pack.train import fit\n\ndef test_fit():\n    assert fit() == 1\n",
}


def test_it_names_notes_cells_cost_pages_and_tests(tmp_path: Path) -> None:
    workspace = open_project(tmp_path, FILES)
    run_notes(workspace, [workspace.vault.notes[p] for p in workspace.prints if p == "a.md"], How())
    found = impact_of(open_project(tmp_path), "pack.metrics:accuracy")
    assert [(note.name, note.cells) for note in found.notes] == [("a", (2,))]
    assert found.notes[0].seconds > 0
    assert [test.name for test in found.tests] == ["test_fit"]
    assert impact_of(workspace, "pack.train:fit").shown == ("c",)


@pytest.mark.parametrize(
    ("symbol", "notes"),
    [
        ("pack.metrics:Mean.value", ["a"]),
        ("pack.metrics:Mean", ["a"]),
        ("pack.train:other", ["b"]),
        ("pack.train", ["a", "b"]),
    ],
)
def test_members_classes_and_modules(tmp_path: Path, symbol: str, notes: list[str]) -> None:
    found = impact_of(open_project(tmp_path, FILES), symbol)
    assert sorted(note.name for note in found.notes) == notes


def test_an_edit_of_the_symbol_makes_just_these_notes_stale(tmp_path: Path) -> None:
    workspace = open_project(tmp_path, FILES)
    run_notes(workspace, workspace.stale, How(jobs=2))
    expected = {note.path for note in impact_of(workspace, "pack.metrics:Mean.value").notes}
    edited = FILES["code/pack/metrics.py"].replace("return 1", "return 2")
    after = open_project(tmp_path, {"code/pack/metrics.py": edited})
    assert {note.path for note in after.stale} == expected


def test_an_unknown_symbol_is_an_error_that_helps(tmp_path: Path) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        impact_of(open_project(tmp_path, FILES), "pack.train:fitt")
    assert "pack.train:fit" in map(str, caught.value.near)
