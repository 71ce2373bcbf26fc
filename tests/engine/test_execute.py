"""Running a note: real kernels, so each test costs about a second."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vaultsite.execute import CellFailed, _terminal, run_note
from vaultsite.model import Note, NoteRun, VaultPath
from vaultsite.reader import note_from_text


def note(*cells: str) -> Note:
    return note_from_text(VaultPath("笔记.md"), "# 标题\n\n" + "\n\n".join(cells) + "\n")


def live(source: str, options: str = "") -> str:
    return f"```python live {options}\n{source}\n```"


def texts(run: NoteRun) -> list[list[tuple[str, str]]]:
    return [[(o.kind, o.data.get("text/plain", "")) for o in cell.outputs] for cell in run.cells]


def failure(text: Note, **options: object) -> CellFailed:
    with pytest.raises(CellFailed) as caught:
        run_note(text, **options)  # type: ignore[arg-type]
    return caught.value


def test_cells_run_in_order_in_one_process_and_give_what_they_print_and_show() -> None:
    run = run_note(
        note(
            live("print('甲'); print('乙')\nn = 61_706"),
            "共 `= f'{n:,}'` 个",
            live("import sys\nprint('\\r1/2\\r2/2', end='')\nprint('警告', file=sys.stderr)\nn + 1"),
            live("n;"),
        )
    )
    assert texts(run) == [
        [("stdout", "甲\n乙")],
        [("display", "61,706")],
        [("stdout", "2/2"), ("stderr", "警告"), ("display", "61707")],
        [],
    ]
    assert run.peak_mib > 10
    assert all(cell.seconds >= 0 for cell in run.cells)


def test_the_set_up_runs_first_and_leaves_no_name_behind(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def start():\n    pass\ndef tell():\n    return {'device': 'cpu'}\n")
    run = run_note(
        note(live("sorted(n for n in dir() if n in ('mine', '_start', '_tell', 'setup'))")),
        setup="import mine; mine.start()",
        environment="mine.tell()",
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert texts(run) == [[("display", "[]")]]
    assert run.environment == {"device": "cpu"}


def test_a_failing_cell_is_named_with_its_line_in_the_note() -> None:
    error = failure(note(live("x = 1"), live("y = 2\n\nx / 0")))
    assert str(error) == "笔记.md:10: cell 2 raised ZeroDivisionError: division by zero"
    assert "----> 3 x / 0" in error.traceback
    assert "\x1b" not in error.traceback


def test_an_error_inside_the_package_names_its_file_and_line(tmp_path: Path) -> None:
    package = tmp_path / "code" / "pack"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "bad.py").write_text("def f():\n    raise ValueError('坏')\n")
    error = failure(note(live("from pack.bad import f\nf()")), env={"PYTHONPATH": str(tmp_path / "code")})
    assert str(error) == "笔记.md:5: cell 1 raised ValueError: 坏 (at code/pack/bad.py:2)"


def test_an_inline_value_that_raises_or_gives_no_single_line_is_an_error() -> None:
    assert "笔记.md:3: inline value raised NameError" in str(failure(note("`= nothing`")))
    assert "must give one line of text" in str(failure(note("`= 'a\\nb'`")))
    assert "must give one line of text" in str(failure(note("`= ''`")))


def test_an_expected_exception_is_shown_and_a_missing_one_is_an_error() -> None:
    run = run_note(note(live("{}['x']", 'raises="LookupError"'), live("1")))
    assert texts(run)[0] == [("stderr", "KeyError: 'x'")]
    assert "should raise ValueError and did not" in str(failure(note(live("1", 'raises="ValueError"'))))
    assert "raised TypeError" in str(failure(note(live("len(1)", 'raises="ValueError"'))))


def test_a_cell_that_takes_too_long_is_stopped() -> None:
    error = failure(note(live("import time\ntime.sleep(60)")), timeout=2)
    assert str(error) == "笔记.md:4: cell 1 was still running at the note's limit of 2 s"


def test_a_process_that_dies_is_an_error_and_not_a_hang() -> None:
    assert "the note's process died in cell 1" in str(failure(note(live("import os\nos._exit(3)"))))


def test_a_note_over_its_memory_limit_is_stopped() -> None:
    error = failure(note(live("x = bytearray(600_000_000)\nimport time\ntime.sleep(20)")), memory_mib=400)
    assert "needed more than the note's limit of 400 MiB" in str(error)


def test_a_python_without_a_kernel_is_a_clear_error(tmp_path: Path) -> None:
    error = failure(note(live("1")), python=str(tmp_path / "no-python"))
    assert "the note's process does not start" in str(error)


def test_a_figure_comes_as_the_same_svg_each_time_and_a_huge_one_as_webp() -> None:
    source = (
        "import matplotlib.pyplot as plt\nplt.rcParams['svg.hashsalt'] = 'x'\n"
        "plt.rcParams['svg.fonttype'] = 'none'\n"
        "figure, axes = plt.subplots()\naxes.plot([1, 2])\naxes.set_title('loss')\nplt.close(figure)\nfigure"
    )
    huge = (
        "import random\nfigure, axes = plt.subplots()\n"
        "axes.scatter(*[[random.random() for _ in range(9000)] for _ in 'xy'])\nplt.close(figure)\nfigure"
    )
    runs = [run_note(note(live(source), live(huge))) for _ in range(2)]
    first, second = (run.cells[0].outputs[0].data for run in runs)
    assert list(first) == ["image/svg+xml"]
    assert "loss" in first["image/svg+xml"]
    assert first == second
    assert list(runs[0].cells[1].outputs[0].data) == ["image/webp"]


def test_any_librarys_html_is_kept_and_addresses_do_not_make_runs_differ() -> None:
    run = run_note(
        note(live("class T:\n    def _repr_html_(self):\n        return '<b>x</b>'\nT()"), live("object()"))
    )
    assert run.cells[0].outputs[0].data["text/html"] == "<b>x</b>"
    assert texts(run)[1] == [("display", "<object at 0x…>")]


def test_input_is_refused() -> None:
    assert "StdinNotImplementedError" in str(failure(note(live("input()"))))


@pytest.mark.parametrize(
    ("printed", "shown"), [("a\rb", "b"), ("abc\rd", "dbc"), ("1\n2\r3\n", "1\n3\n"), ("x\r\ny", "x\ny")]
)
def test_carriage_returns_are_resolved_as_a_terminal_does(printed: str, shown: str) -> None:
    assert _terminal(printed) == shown


def test_no_kernel_outlives_its_note() -> None:
    import psutil

    run_note(note(live("1")))
    alive = [p for p in psutil.Process().children(recursive=True) if "ipykernel" in " ".join(p.cmdline())]
    assert alive == []
    assert sys.executable


def test_a_measurement_that_comes_out_otherwise_is_forgiven_only_where_it_is_asked_for() -> None:
    measured = note(live("seconds = 3\nprint(seconds)\nassert seconds < 2", "varies"), live("seconds + 1"))
    assert "AssertionError" in failure(measured).problem.message
    forgiven = run_note(measured, forgives=True)
    assert [str(cell.missed or "") for cell in forgiven.cells] == [
        "笔记.md:6: cell 1 raised AssertionError",
        "",
    ]
    assert texts(forgiven) == [[("stdout", "3")], [("display", "4")]]
    assert "AssertionError" in failure(note(live("assert 3 < 2")), forgives=True).problem.message
    assert "NameError" in failure(note(live("no", "varies")), forgives=True).problem.message
