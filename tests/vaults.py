"""Types that the fixtures share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

MakeVault = Callable[[Mapping[str, str | bytes]], Path]
