"""Equality with a trusted implementation: its weights copied across, the same outputs expected."""

from __future__ import annotations

import torch
from torch import nn

from dlnotes.attention.layers import DecoderLayer
from dlnotes.attention.multihead import MultiHeadAttention


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


@torch.no_grad()
def copy_attention(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """Give torch's module the weights of ours; both have biases or neither."""
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
    if theirs.in_proj_bias is not None:
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())


@torch.no_grad()
def copy_layer(ours: nn.Module, theirs: nn.Module) -> None:
    """Give torch's encoder or decoder layer the weights of ours, whose norms are drawn at random first."""
    arounds = [ours.around_attention]
    copy_attention(ours.attention, theirs.self_attn)
    if isinstance(ours, DecoderLayer):
        copy_attention(ours.cross, theirs.multihead_attn)
        arounds.append(ours.around_cross)
    arounds.append(ours.around_feed_forward)
    theirs.linear1.load_state_dict(ours.feed_forward.expand.state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward.reduce.state_dict())
    for number, around in enumerate(arounds, 1):
        around.norm.weight.uniform_(0.5, 1.5)
        around.norm.bias.uniform_(-1, 1)
        getattr(theirs, f"norm{number}").load_state_dict(around.norm.state_dict())
