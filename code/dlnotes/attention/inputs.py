"""BERT 的输入：``[CLS]`` 句子 ``[SEP]``，或者 ``[CLS]`` 甲 ``[SEP]`` 乙 ``[SEP]``；太长的截断，短的补齐。

论文：Devlin et al., NAACL 2019，§3、图 2；三种截法见 Sun et al., CCL 2019，§5.3.1。
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Keep = Literal["head", "tail", "both"]


@dataclass(frozen=True)
class Inputs:
    """若干句子或句对。

    形状:
        tokens: (N, T)，编号，其后是填充。
        segments: (N, T)，甲句（含 ``[CLS]`` 与第一个 ``[SEP]``）是 0，乙句是 1。
        lengths: (N,)，有效长度。
    """

    tokens: Tensor
    segments: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def select(self, rows: Tensor) -> "Inputs":
        """取出几句，只留到其中最长的一句为止：少算填充。"""
        lengths = self.lengths[rows]
        T = int(lengths.max())
        return Inputs(self.tokens[rows, :T], self.segments[rows, :T], lengths)

    def to(self, device: torch.device) -> "Inputs":
        """搬到 ``device`` 上。"""
        return Inputs(self.tokens.to(device), self.segments.to(device), self.lengths.to(device))


def truncate(ids: Sequence[int], room: int, keep: Keep = "head") -> list[int]:
    """至多留 ``room`` 个：开头的、结尾的，或者两头各一半（``room`` 是奇数时开头多一个）。

    ``room`` 小于 1 时抛出 ``ValueError``。
    """
    if room < 1:
        raise ValueError(f"至少要留 1 个词元，得到 {room}")
    ids = list(ids)
    if len(ids) <= room:
        return ids
    front = {"head": room, "tail": 0, "both": room - room // 2}[keep]
    return ids[:front] + ids[len(ids) - (room - front) :]


def pack(
    first: Sequence[Sequence[int]],
    second: Sequence[Sequence[int]] | None = None,
    *,
    cls: int,
    sep: int,
    pad: int = 0,
    longest: int = 512,
    keep: Keep = "head",
) -> Inputs:
    """把没有特殊词元的编号变成输入；一对句子太长时，总是截较长的那一句。

    参数:
        second: 句对的乙句；不给就是单句。句数不同时抛出 ``ValueError``。
        longest: 总长的上限，特殊词元算在内；放不下时抛出 ``ValueError``。
        keep: 截断时留哪一部分，见 ``truncate``。
    """
    if second is not None and len(first) != len(second):
        raise ValueError(f"两边的句数应相同，得到 {len(first)} 与 {len(second)}")
    tokens, segments = [], []
    for k, a in enumerate(first):
        if second is None:
            row = [cls, *truncate(a, longest - 2, keep), sep]
            tail = 0
        else:
            b = second[k]
            one, two = shares(len(a), len(b), longest - 3)
            end = [*truncate(b, two, keep), sep]
            row, tail = [cls, *truncate(a, one, keep), sep, *end], len(end)
        tokens.append(torch.tensor(row))
        segments.append(torch.tensor([0] * (len(row) - tail) + [1] * tail))
    return Inputs(
        pad_sequence(tokens, batch_first=True, padding_value=pad),
        pad_sequence(segments, batch_first=True),
        torch.tensor([len(row) for row in tokens]),
    )


def shares(first: int, second: int, room: int) -> tuple[int, int]:
    """两句合起来至多 ``room`` 个词元时各留几个：逐个从较长的一句里去掉，一样长时去乙句的。"""
    excess = max(0, first + second - room)
    even = min(excess, abs(first - second))  # 先把长的削到一样长
    if first > second:
        first -= even
    else:
        second -= even
    rest = excess - even
    return first - rest // 2, second - (rest - rest // 2)
