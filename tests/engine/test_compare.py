"""Whether a run says what its record says, within the tolerance that processors need."""

from __future__ import annotations

import pytest

from vaultsite.compare import differences, picked
from vaultsite.freeze import CellRecord, Record
from vaultsite.model import CellRun, NoteRun, Output, VaultPath
from vaultsite.reader import note_from_text

NOTE = note_from_text(VaultPath("a.md"), "# A\n\n```python live\nfit()\n```\n")


def printed(text: str, mime: str = "text/plain") -> Output:
    return Output("stdout" if mime == "text/plain" else "display", {mime: text})


def compared(before: tuple[Output, ...], after: tuple[Output, ...]) -> list[str]:
    record = Record(NOTE.path, (CellRecord("", {}, before, 1.0),), {}, 1.0, 1, "2026-01-01")
    found = differences(NOTE, record, NoteRun((CellRun(after, 2.0),), 2.0, 1, {}))
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("准确率 .874", "准确率 .861"),
        ("损失 2.303, 步 1,000", "损失 2.31,  步 1,000"),
        ("87.4%", "86.1 %".replace(" ", "")),
        ("1e-7", "3e-7"),
        ("-0.001", "0.004"),
        ("LeNet5 有 61,706", "LeNet5 有 61,706"),
    ],
)
def test_what_is_within_tolerance_is_the_same(before: str, after: str) -> None:
    assert compared((printed(before),), (printed(after),)) == []


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("准确率 .874", "准确率 .7", ".7, recorded is .874"),
        ("61,706", "41,706", "41,706, recorded is 61,706"),
        ("损失 2.3", "损失 nan", "“损失 nan”, recorded is “损失 2.3”"),
        ("[1, 2]", "[1, 2, 3]", "“[1, 2, 3]”"),
    ],
)
def test_what_is_not_is_named_with_its_line(before: str, after: str, what: str) -> None:
    (problem,) = compared((printed(before),), (printed(after),))
    assert problem.startswith("a.md:4: cell 1 does not reproduce: ")
    assert what in problem


def test_a_missing_figure_and_another_kind_of_output_are_found() -> None:
    figure = printed("<svg>1</svg>", "image/svg+xml")
    assert compared((figure,), (printed("<svg>2</svg>", "image/svg+xml"),)) == []
    assert "it gave nothing, recorded is image/svg+xml" in compared((figure,), ())[0]


def test_a_cell_that_measures_time_may_give_any_numbers_but_must_give_them() -> None:
    text = "```python live varies\nms = 3\nprint(ms)\n```\n\n用了 `= f'{ms}'` 毫秒，`= 2 + 2` 次\n"
    note = note_from_text(VaultPath("a.md"), text)

    def found(*texts: str) -> list[str]:
        before = tuple(CellRecord("", {}, (printed(t),), 1.0) for t in ("3", "3", "4"))
        record = Record(note.path, before, {}, 1.0, 1, "2026-01-01")
        runs = tuple(CellRun((printed(t),) if t else (), 1.0) for t in texts)
        return [p.message for p in differences(note, record, NoteRun(runs, 1.0, 1, {}))]

    assert found("90", "90", "4") == []
    assert found("90", "90", "5") == ["cell 3 does not reproduce: 5, recorded is 4"]
    assert found("", "90", "4") == ["cell 1 does not reproduce: it gave nothing, recorded is stdout"]


def test_in_time_every_note_has_its_day() -> None:
    notes = [VaultPath(f"{n}.md") for n in range(34)]
    days = [picked(notes, 2, f"2026-{month:02}-{day:02}") for month in range(1, 13) for day in range(1, 29)]
    assert all(len(set(day)) == 2 for day in days)
    assert {note for day in days for note in day} == set(notes)
    assert picked(notes, 2, "2026-01-01") == picked(reversed(notes), 2, "2026-01-01")
