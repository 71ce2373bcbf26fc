"""Shared by the package's tests: data loaded once, no DLNOTES settings, a seed, a stand-in for the net."""

import io
from collections.abc import Callable, Mapping

import pytest
import torch

from dlnotes.data import locate
from dlnotes.data.fashion_mnist import FashionMNIST, load


@pytest.fixture(scope="session")
def fashion() -> FashionMNIST:
    return load()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLNOTES_PROFILE", raising=False)
    monkeypatch.delenv("DLNOTES_DEVICE", raising=False)


@pytest.fixture(autouse=True)
def _the_same_random_numbers_whatever_ran_before() -> None:
    torch.manual_seed(0)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, bytes]], list[str]]:
    """Serve these contents by address and nothing else; what is asked for is kept in the list returned."""

    def serve(contents: Mapping[str, bytes]) -> list[str]:
        asked: list[str] = []

        def urlopen(url: str, timeout: float) -> io.BytesIO:
            if url not in contents:
                raise OSError("no route to host")
            asked.append(url)
            return io.BytesIO(contents[url])

        monkeypatch.setattr(locate.urllib.request, "urlopen", urlopen)
        return asked

    return serve


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, network: Callable[[Mapping[str, bytes]], list[str]]) -> None:
    """No package is installed and nothing can be reached."""
    monkeypatch.setattr(locate, "find_spec", lambda _: None)
    network({})
