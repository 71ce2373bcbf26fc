"""Equality with a trusted implementation: its weights copied across, the same outputs expected."""

from __future__ import annotations

import torch
from torch import nn


def copy_in_order(source: nn.Module, target: nn.Module) -> None:
    """Copy what *source* has learned into *target*, by order; names may differ, shapes may not."""
    theirs, ours = source.state_dict(), target.state_dict()
    assert [tuple(v.shape) for v in theirs.values()] == [tuple(v.shape) for v in ours.values()]
    target.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


def assert_same_outputs(source: nn.Module, target: nn.Module, x: torch.Tensor) -> None:
    """Both, in evaluation, give the same for *x*."""
    source.eval()
    target.eval()
    with torch.no_grad():
        torch.testing.assert_close(target(x), source(x), rtol=1e-4, atol=1e-5)
