"""A build after an edit gives byte for byte what a build from nothing gives."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import build
from generate import EDITS, edit, generate


def tree(site: Path) -> dict[str, bytes]:
    return {p.relative_to(site).as_posix(): p.read_bytes() for p in site.rglob("*") if p.is_file()}


def differing(a: Path, b: Path) -> list[str]:
    """The files that only one of two sites has, or that differ."""
    one, two = tree(a), tree(b)
    return sorted(path for path in one.keys() | two.keys() if one.get(path) != two.get(path))


@pytest.mark.parametrize("seed", [1, 2])
def test_after_random_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    vault, kept, warm, cold = (tmp_path / name for name in ("vault", "cache", "warm", "cold"))
    generate(vault, 25, seed)
    rng = random.Random(seed)

    def site(out: Path, cache: Path) -> None:
        monkeypatch.setenv("VAULTSITE_CACHE", str(cache))
        assert build.main(["site", "--vault", str(vault), "--out", str(out)]) == 0

    site(warm, kept)
    for n in range(5):
        done = [edit(vault, name, rng) for name in rng.sample(list(EDITS), 2)]
        site(warm, kept)
        site(cold, tmp_path / f"nothing-{n}")
        assert differing(warm, cold) == [], done


def test_nothing_changed_is_told_without_building(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vault, out = tmp_path / "vault", tmp_path / "site"
    generate(vault, 4, 0)
    monkeypatch.setenv("VAULTSITE_CACHE", str(tmp_path / "cache"))
    command = ["site", "--vault", str(vault), "--out", str(out)]
    assert build.main(command) == 0
    before = tree(out)
    assert build.main(command) == 0
    assert "nothing changed" in capsys.readouterr().out
    assert tree(out) == before
    (out / "index.html").write_text("somebody was here")
    assert build.main(command) == 0
    assert tree(out) == before


def test_a_page_served_after_an_edit_is_the_page_that_a_build_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mkdocs.commands.build import build as mkdocs_build

    vault = tmp_path / "vault"
    generate(vault, 12, 3)
    rng = random.Random(3)

    def full(out: Path, cache: str) -> object:
        monkeypatch.setenv("VAULTSITE_CACHE", str(tmp_path / cache))
        config = build._mkdocs_config(vault, out, strict=False)
        (hooks,) = config.hooks.values()
        config.plugins.on_startup(command="serve", dirty=False)
        mkdocs_build(config)
        return hooks

    served = tmp_path / "served"
    hooks = full(served, "one")
    edit(vault, "change_body", rng)
    write_the_rest = hooks.refresh()  # type: ignore[attr-defined]
    assert write_the_rest is not None
    write_the_rest(lambda: False)
    full(tmp_path / "built", "two")
    assert differing(served, tmp_path / "built") == []


def test_a_new_note_is_more_than_an_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mkdocs.commands.build import build as mkdocs_build

    vault = tmp_path / "vault"
    generate(vault, 3, 4)
    monkeypatch.setenv("VAULTSITE_CACHE", str(tmp_path / "cache"))
    config = build._mkdocs_config(vault, tmp_path / "site", strict=False)
    (hooks,) = config.hooks.values()
    config.plugins.on_startup(command="serve", dirty=False)
    mkdocs_build(config)
    edit(vault, "add", random.Random(0))
    assert hooks.refresh() is None
