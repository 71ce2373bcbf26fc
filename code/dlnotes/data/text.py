"""文本变成整数：词表，按位置划分，顺序的、随机的与一行一条的小批量。

词元可以是字符，也可以是词：这里只要求它们是字符串。
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

UNKNOWN = "<unk>"


class Vocabulary:
    """词元与编号互查；保留的词元在最前，其余按出现次数从多到少，次数相同的按字典序。

    参数:
        tokens: 训练文本的全部词元；一个字符串就是它的全部字符。
        min_count: 出现次数不到它的词元不收，都算 ``<unk>``。
        reserved: 一定收下的词元，编号从 0 起；其中必须有 ``<unk>``，否则抛出 ``ValueError``。
    """

    def __init__(
        self, tokens: Iterable[str], *, min_count: int = 1, reserved: Sequence[str] = (UNKNOWN,)
    ) -> None:
        if UNKNOWN not in reserved:
            raise ValueError(f"保留的词元里必须有 {UNKNOWN}，得到 {list(reserved)}")
        self.counts = Counter(tokens)
        kept = [
            token
            for token, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
            if count >= min_count and token not in reserved
        ]
        self.tokens = (*reserved, *kept)
        self.index = {token: number for number, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Iterable[str]) -> Tensor:
        """把词元换成编号，没有收的换成 ``<unk>`` 的编号；返回 (N,) 的 int64。"""
        unknown = self.index[UNKNOWN]
        return torch.tensor([self.index.get(token, unknown) for token in tokens], dtype=torch.long)

    def decode(self, ids: Tensor | Iterable[int]) -> list[str]:
        """把编号换回词元；编号越界时抛出 ``IndexError``。"""
        return [self.tokens[int(number)] for number in ids]

    def text(self, ids: Tensor | Iterable[int], separator: str = "") -> str:
        """把编号换回一个字符串；英文的词之间用 ``separator=" "``。"""
        return separator.join(self.decode(ids))


@dataclass(frozen=True)
class Split:
    """同一段文本的三部分，前后相接，互不重叠；各是 (N,) 的编号。"""

    train: Tensor
    val: Tensor
    test: Tensor


def split(ids: Tensor, *, val: float = 0.1, test: float = 0.1) -> Split:
    """按位置划分：最前面的用来训练，其后验证，最后测试；打乱了再分会让相邻的字漏到另一边。

    比例不在 (0, 1) 内或合起来不到 1 的余地时抛出 ``ValueError``。
    """
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise ValueError(f"val 与 test 应大于 0，且合起来小于 1，得到 {val} 与 {test}")
    sizes = int(len(ids) * val), int(len(ids) * test)
    parts = ids.split([len(ids) - sum(sizes), *sizes])
    return Split(*parts)


class Batches(Protocol):
    """一轮的小批量，可以反复遍历；每批是输入与目标，都是 (B, T)，目标是输入的下一个词元。"""

    @property
    def carry(self) -> bool:
        """下一批是否接着这一批：是，隐状态才可以传下去。"""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


class SequentialBatches:
    """顺序划分：文本切成 ``batch_size`` 长条，各条齐头并进；相邻两批的同一行首尾相接。

    参数:
        ids: (N,)，文本的编号。
        steps: 每批的时间步数 T。
        generator: 给出时，每一轮从 0 到 T−1 中随机丢掉开头的几个词元，各轮的切口才不同；不给就从头开始。

    凑不满一批的末尾丢掉；一批也凑不出时抛出 ``ValueError``。
    """

    carry = True

    def __init__(
        self, ids: Tensor, batch_size: int, steps: int, *, generator: Generator | None = None
    ) -> None:
        _check(ids, batch_size * steps + (steps if generator else 1))
        self.ids, self.batch_size, self.steps, self.generator = ids, batch_size, steps, generator

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        offset = _offset(self.steps, self.generator)
        length = (len(self.ids) - offset - 1) // self.batch_size  # 每条的长度；目标要多看一个词元
        used = length * self.batch_size
        inputs = self.ids[offset : offset + used].view(self.batch_size, length)
        targets = self.ids[offset + 1 : offset + 1 + used].view(self.batch_size, length)
        for start in range(0, length - self.steps + 1, self.steps):
            yield inputs[:, start : start + self.steps], targets[:, start : start + self.steps]


class RandomBatches:
    """随机采样：文本切成长 ``steps`` 的小段，打乱后每 ``batch_size`` 段一批；相邻两批互不相干。

    参数同 ``SequentialBatches``，只是 ``generator`` 不给时用全局的随机数。
    """

    carry = False

    def __init__(
        self, ids: Tensor, batch_size: int, steps: int, *, generator: Generator | None = None
    ) -> None:
        _check(ids, batch_size * steps + steps)
        self.ids, self.batch_size, self.steps = ids, batch_size, steps
        self.generator = generator or torch.default_generator

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        offset = _offset(self.steps, self.generator)
        count = (len(self.ids) - offset - 1) // self.steps
        starts = offset + self.steps * torch.randperm(count, generator=self.generator)
        for chosen in starts[: count - count % self.batch_size].split(self.batch_size):
            window = chosen[:, None] + torch.arange(self.steps + 1)  # (B, T + 1)
            tokens = self.ids[window]
            yield tokens[:, :-1], tokens[:, 1:]


class RowBatches:
    """一行一条：各条一样长、互不相干的短文本（如七言绝句），``batch_size`` 条一批，末一批可以不满。

    参数:
        ids: (N, T + 1)，每条的编号；不是两维或不足两列时抛出 ``ValueError``。
        generator: 给出时，每一轮打乱次序；不给就照原来的次序。
    """

    carry = False

    def __init__(self, ids: Tensor, batch_size: int, *, generator: Generator | None = None) -> None:
        if ids.ndim != 2 or ids.shape[1] < 2:
            raise ValueError(f"应是 (N, T + 1) 的编号，T ≥ 1，得到 {tuple(ids.shape)}")
        self.ids, self.batch_size, self.generator = ids, batch_size, generator

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.arange(len(self.ids))
        if self.generator:
            order = torch.randperm(len(order), generator=self.generator)
        for rows in order.split(self.batch_size):
            yield self.ids[rows, :-1], self.ids[rows, 1:]


def _offset(steps: int, generator: Generator | None) -> int:
    return int(torch.randint(steps, (), generator=generator)) if generator else 0


def _check(ids: Tensor, needed: int) -> None:
    if ids.ndim != 1 or len(ids) < needed:
        raise ValueError(f"应是 (N,) 的编号，且 N ≥ {needed} 才凑得出一批，得到 {tuple(ids.shape)}")
