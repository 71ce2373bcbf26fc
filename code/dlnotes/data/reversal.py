"""把一串数字倒过来写：答案查得出对错、难度只随长度变的序列到序列任务，三种网络都拿它来考。"""

import torch
from torch import Tensor

from dlnotes.data.padded import RESERVED, Pairs, pair_up

FIRST = len(RESERVED)  # 数字 0 的编号
SYMBOLS = FIRST + 10  # 词表的大小
LONGEST = 8  # 长度不给时，至多这么长


def digits(count: int, length: int | None = None, *, seed: int = 0) -> Pairs:
    """造 ``count`` 串随机的数字，与倒过来的它们配对；同样的参数得到同样的数字。

    参数:
        length: 每串几个数字；不给就每串各在 1 到 ``LONGEST`` 之间随机取。小于 1 时抛出 ``ValueError``。
    """
    if length is not None and length < 1:
        raise ValueError(f"每串至少一个数字，得到 {length}")
    generator = torch.Generator().manual_seed(seed)
    lengths = (
        torch.randint(1, LONGEST + 1, (count,), generator=generator).tolist()
        if length is None
        else [length] * count
    )
    rows: list[Tensor] = [torch.randint(FIRST, SYMBOLS, (n,), generator=generator) for n in lengths]
    return pair_up(rows, [row.flip(0) for row in rows])
