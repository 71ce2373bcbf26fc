"""What is kept between builds: by whom it may be written, and what happens to it when it is damaged."""

from __future__ import annotations

from pathlib import Path

from vaultsite.cache import Cache


def test_a_build_and_a_run_beside_it_both_keep_what_they_learn(tmp_path: Path) -> None:
    build, run = Cache(tmp_path), Cache(tmp_path)
    build.put("note", "a", b"1")
    run.put("note", "b", b"2")  # waits for nothing that the build has still to do
    build.put("content", "c", b"3")
    assert (run.get("note", "a"), build.get("note", "b"), run.get("content", "c")) == (b"1", b"2", b"3")


def test_what_was_kept_before_an_interruption_is_there_afterwards(tmp_path: Path) -> None:
    Cache(tmp_path).put("note", "x", b"1")  # and the program ends here, without closing it
    assert Cache(tmp_path).get("note", "x") == b"1"


def test_what_nobody_asked_for_is_swept(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    first.put("note", "old", b"1")
    first.put("note", "used", b"2")
    first.close()
    second = Cache(tmp_path)
    assert second.get("note", "used") == b"2"
    second.sweep()
    assert second.all_of("note") == {"used": b"2"}


def test_a_damaged_store_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite").write_bytes(b"no database" * 100)
    cache = Cache(tmp_path)
    cache.put("note", "a", b"1")
    assert cache.get("note", "a") == b"1"
