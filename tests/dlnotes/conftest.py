"""Shared by the package's tests: the data, loaded once, and an environment without DLNOTES settings."""

import pytest

from dlnotes.data.fashion_mnist import FashionMNIST, load


@pytest.fixture(scope="session")
def fashion() -> FashionMNIST:
    return load()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLNOTES_PROFILE", raising=False)
    monkeypatch.delenv("DLNOTES_DEVICE", raising=False)
