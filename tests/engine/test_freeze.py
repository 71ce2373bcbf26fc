"""Records: whole or not there, trusted only when untouched, and left alone when nothing changed."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaultsite.freeze import (
    CellPrint,
    CellRecord,
    DamagedRecord,
    Record,
    adopt,
    load,
    orphans,
    prune,
    record_path,
    save,
    verdict,
)
from vaultsite.model import Output, VaultError, VaultPath

NOTE = VaultPath("甲/23 经典：LeNet.md")
SVG = "<svg>图</svg>"
WEBP = base64.b64encode(b"RIFF\x00\x01").decode()
CELL = CellRecord(
    "aa",
    {"dlnotes.train:fit": "11", "dlnotes.metrics:accuracy": "22"},
    (
        Output("stdout", {"text/plain": "第一行\n第二行"}),
        Output("display", {"image/svg+xml": SVG}),
        Output("display", {"image/webp": WEBP, "text/plain": "x"}),
    ),
    1.5,
)
RECORD = Record(
    NOTE, (CELL, CellRecord("bb", {}, (), 0.1)), {"profile": "full", "torch": "2"}, 9.0, 300, "2026-01-01"
)


def prints(record: Record) -> list[CellPrint]:
    return [CellPrint(cell.hash, cell.symbols) for cell in record.cells]


def snapshot(vault: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in vault.rglob("*") if p.is_file()}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    assert save(tmp_path, RECORD)
    assert load(tmp_path, NOTE) == RECORD


def test_a_note_without_a_record_has_none(tmp_path: Path) -> None:
    assert load(tmp_path, NOTE) is None
    assert verdict(prints(RECORD), None).state == "missing"


texts = st.text(max_size=30)
outputs = st.lists(
    st.builds(
        Output,
        st.sampled_from(["stdout", "stderr", "display"]),
        st.dictionaries(st.sampled_from(["text/plain", "text/html", "image/svg+xml"]), texts, min_size=1),
    ),
    max_size=3,
).map(tuple)


@settings(max_examples=40, deadline=None)
@given(st.lists(outputs, max_size=3))
def test_any_outputs_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[Output, ...]]
) -> None:
    vault = tmp_path_factory.mktemp("vault")
    record = replace(RECORD, cells=tuple(CellRecord("h", {"a:b": "1"}, c, 0.0) for c in cells))
    save(vault, record)
    assert load(vault, NOTE) == record


def test_an_equal_run_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    before = snapshot(tmp_path)
    assert not save(tmp_path, replace(RECORD, seconds=1.0, recorded="2027-01-01", peak_mib=1))
    assert snapshot(tmp_path) == before


def test_a_quick_run_never_replaces_a_full_one_of_the_same_code(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    other = replace(CELL, outputs=(Output("stdout", {"text/plain": "quick"}),))
    quick = replace(RECORD, cells=(other, RECORD.cells[1]), environment={"profile": "quick"})
    assert not save(tmp_path, quick)
    assert load(tmp_path, NOTE) == RECORD
    changed = replace(quick, cells=(replace(other, hash="cc"), RECORD.cells[1]))
    assert save(tmp_path, changed)


def test_pictures_that_no_output_shows_any_more_go(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    plain = replace(CELL, hash="cc", outputs=(Output("stdout", {"text/plain": "x"}),))
    save(tmp_path, replace(RECORD, cells=(plain,)))
    assert [p.suffix for p in tmp_path.rglob("*") if p.is_file()] == [".json"]


@pytest.mark.parametrize("suffix", [".json", ".svg", ".webp"])
def test_a_file_changed_by_hand_is_found_out(tmp_path: Path, suffix: str) -> None:
    save(tmp_path, RECORD)
    (path,) = tmp_path.rglob(f"*{suffix}")
    data = path.read_bytes()
    path.write_bytes(data.replace("第一行".encode(), "第二行".encode()) if suffix == ".json" else data + b" ")
    with pytest.raises(DamagedRecord, match="was changed after it was recorded"):
        load(tmp_path, NOTE)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sha256": "x"}'])
def test_a_damaged_record_is_found_out(tmp_path: Path, text: str) -> None:
    save(tmp_path, RECORD)
    record_path(tmp_path, NOTE).write_text(text)
    with pytest.raises(DamagedRecord):
        load(tmp_path, NOTE)


def test_a_missing_picture_is_found_out(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    next(tmp_path.rglob("*.svg")).unlink()
    with pytest.raises(DamagedRecord, match="is missing"):
        load(tmp_path, NOTE)


def test_an_interrupted_write_leaves_the_old_record_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, RECORD)

    def fail(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    monkeypatch.setattr(os, "replace", fail)
    changed = replace(RECORD, cells=(replace(CELL, hash="cc"), RECORD.cells[1]))
    with pytest.raises(VaultError, match="No space left"):
        save(tmp_path, changed)
    assert load(tmp_path, NOTE) == RECORD
    assert not list(tmp_path.rglob(".writing-*"))


def test_a_verdict_says_what_changed_and_where() -> None:
    now = [CellPrint("aa", {"dlnotes.train:fit": "12", "dlnotes.new:f": "33"}), CellPrint("zz", {})]
    judged = verdict(now, RECORD)
    assert judged.state == "stale"
    assert judged.reasons == (
        "cell 1 no longer reaches dlnotes.metrics:accuracy",
        "cell 1 now reaches dlnotes.new:f",
        "cell 1: dlnotes.train:fit changed",
        "cell 2 changed",
    )
    assert verdict(now[:1], RECORD).reasons[0] == "it has 1 cells now, 2 were recorded"


def test_equal_code_is_fresh() -> None:
    same = verdict(prints(RECORD), RECORD)
    assert (same.state, same.quick, same.aged) == ("fresh", False, ())


def test_records_merge_line_by_line(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    text = record_path(tmp_path, NOTE).read_text(encoding="utf-8")
    assert '"第一行",\n' in text
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_prune_takes_the_records_of_notes_that_are_gone(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    other = VaultPath("乙.md")
    save(tmp_path, replace(RECORD, note=other))
    assert prune(tmp_path, [other]) == [record_path(tmp_path, NOTE)]
    assert load(tmp_path, other) is not None
    assert not record_path(tmp_path, NOTE).parent.exists()


def test_a_renamed_note_keeps_its_record(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    new = VaultPath("乙/LeNet.md")
    left = orphans(tmp_path, [new])
    assert left == [record_path(tmp_path, NOTE)]
    other = [CellPrint("zz", {}), CellPrint("bb", {})]
    assert adopt(tmp_path, new, other, left) is None
    assert adopt(tmp_path, new, prints(RECORD), left) == left[0]
    kept = load(tmp_path, new)
    assert kept is not None
    assert kept == replace(RECORD, note=new)
    assert orphans(tmp_path, [new]) == []
    assert not left[0].exists()


def test_the_same_code_keeps_its_times_elsewhere(tmp_path: Path) -> None:
    gpu = replace(RECORD, times={"H100，full": 9.0})
    save(tmp_path, gpu)
    cpu = replace(RECORD, environment={"profile": "quick"}, seconds=60.0, times={"CPU，quick": 60.0})
    assert save(tmp_path, cpu)
    kept = load(tmp_path, NOTE)
    assert kept == replace(gpu, times={"H100，full": 9.0, "CPU，quick": 60.0})
    assert not save(tmp_path, cpu)
    changed = replace(cpu, cells=(replace(CELL, hash="new"), RECORD.cells[1]))
    assert save(tmp_path, changed)
    after = load(tmp_path, NOTE)
    assert after is not None
    assert after.times == {"CPU，quick": 60.0}


def test_other_versions_make_a_record_old_and_another_build_of_them_does_not() -> None:
    record = replace(RECORD, environment={"torch": "2.14.1+cu130", "python": "3.11.7"})
    assert verdict(prints(record), record, {"torch": "2.14.1", "numpy": "9"}).aged == ()
    aged = verdict(prints(record), record, {"torch": "2.15.0"})
    assert (aged.state, aged.aged) == ("fresh", ("torch 2.14.1 → 2.15.0",))
