"""Small vaults, made in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from vaults import MakeVault


@pytest.fixture(autouse=True, scope="session")
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is made from these vaults out of the project's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAULTSITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def make_vault(tmp_path: Path) -> MakeVault:
    """Write files below a folder and return it."""

    def make(files: Mapping[str, str | bytes]) -> Path:
        root = tmp_path / "vault"
        root.mkdir(exist_ok=True)
        for name, text in files.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text if isinstance(text, bytes) else text.encode())
        return root

    return make
