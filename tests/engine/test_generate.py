"""Generated vaults: what the measurements and the property tests stand on."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from pathlib import Path

import pytest

from generate import EDITS, edit, generate
from vaultsite.graph import build_graph, prerequisite_cycles
from vaultsite.links import Resolver
from vaultsite.model import Vault, VaultPath
from vaultsite.reader import read_vault

NOTES = 240


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    root = tmp_path_factory.mktemp("generated")
    generate(root, NOTES)
    return read_vault(root)


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_same_seed_gives_the_same_vault(tmp_path: Path) -> None:
    paths = [generate(tmp_path / name, 12, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert paths[0] == paths[1] != paths[2]
    assert contents(tmp_path / "a") == contents(tmp_path / "b") != contents(tmp_path / "c")


def test_a_vault_of_one_note_can_be_read(tmp_path: Path) -> None:
    assert set(generate(tmp_path, 1)) == set(read_vault(tmp_path).notes)


def test_only_links_that_are_meant_to_be_dead_are_dead(vault: Vault) -> None:
    resolver = Resolver(vault)
    verdicts: Counter[str] = Counter()
    linked: Counter[VaultPath | None] = Counter()
    for note in vault.notes.values():
        for link in note.links:
            target = resolver.resolve(link, note)
            verdicts[target.verdict] += 1
            linked[target.path] += target.path in vault.notes
            assert not link.embed or note.path != target.path
    assert set(verdicts) == {"resolved", "alias", "unresolved"}
    assert verdicts["unresolved"] < 0.03 * verdicts.total()
    assert 8 < verdicts.total() / NOTES < 13
    assert max(linked.values()) > 8 * linked.total() / NOTES  # a hub


def test_notes_are_as_long_and_as_hard_to_compress_as_real_ones(vault: Vault) -> None:
    texts = [(vault.root / path).read_text(encoding="utf-8") for path in vault.notes]
    assert 2700 < sum(map(len, texts)) / NOTES < 3400
    data = [text.encode() for text in texts]
    assert 0.45 < sum(len(gzip.compress(d, 9)) for d in data) / sum(map(len, data)) < 0.57


def test_prerequisites_run_in_no_circle_and_folders_stay_small(vault: Vault) -> None:
    assert prerequisite_cycles(vault, build_graph(vault, Resolver(vault), None)) == []
    assert max(Counter(note.folder for note in vault.notes.values()).values()) <= 40
    assert len({note.name for note in vault.notes.values()}) == NOTES


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_vault_and_leaves_it_readable(tmp_path: Path, name: str) -> None:
    generate(tmp_path, 6)
    for seed in range(5):
        before = contents(tmp_path)
        assert edit(tmp_path, name, random.Random(seed)).startswith(name)
        assert contents(tmp_path) != before
        assert read_vault(tmp_path).notes
