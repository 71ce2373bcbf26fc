r"""n 元语法：只看前 n − 1 个词元，数频率来预测下一个；语言模型的基线。

平滑：以低一阶的分布为先验（Dirichlet 先验，MacKay 与 Peto, 1995, "A Hierarchical Dirichlet Language
Model"），从均匀分布起逐阶往上：

    P_n(w | h) = (c(hw) + s · P_{n−1}(w | h')) / (c(h) + s)

其中 h' 是去掉最早一个词元的历史；没见过的历史就退回低一阶，所以概率总大于零。
"""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

Counts = tuple[Tensor, Tensor]  # 有序的键与各自的次数


class NGram:
    """平滑的 n 元语法；``order`` 0 是均匀分布，1 是字频，2 看前一个，3 看前两个……

    参数:
        vocabulary_size: 词表大小 V；编号取值 0 到 V−1。
        strength: 平滑的强度 s，相当于先验算作几次观察；0 是不平滑，训练里没有的就是零概率。

    参数为负，或 V 的 order 次方超出 int64 时抛出 ``ValueError``。
    """

    def __init__(self, order: int, vocabulary_size: int, strength: float = 5.0) -> None:
        if order < 0 or strength < 0 or vocabulary_size < 1:
            raise ValueError(f"参数不能是负数，得到 {order}、{vocabulary_size}、{strength}")
        if vocabulary_size**order >= 2**63:
            raise ValueError(f"{vocabulary_size} 的 {order} 次方太大，编不成 int64")
        self.order, self.vocabulary_size, self.strength = order, vocabulary_size, strength
        self._tables: list[tuple[Counts, Counts]] = []  # 每一阶：n 元组的次数，它们的历史的次数

    def fit(self, ids: Tensor) -> Self:
        """数 ``ids`` (N,) 里 1 到 ``order`` 元组各出现几次；返回自身。"""
        self._tables = []
        for n in range(1, self.order + 1):
            keys = self._keys(ids, n)
            # 历史由 n 元组除去末位得到：文末那段没有下文的历史不算，概率之和才是 1。
            self._tables.append((_count(keys), _count(keys // self.vocabulary_size)))
        return self

    def probabilities(self, ids: Tensor) -> Tensor:
        """返回每个词元在它的历史之后的概率；开头的 n − 1 个历史不全，不算。

        形状:
            ids: (N,)，N ≥ ``order``。
            返回值: (N − max(order − 1, 0),)，float64。
        """
        result = torch.full((len(ids),), 1 / self.vocabulary_size, dtype=torch.float64)
        for n, (joint, history) in enumerate(self._tables, start=1):
            lower = result[1:] if n > 1 else result  # 每高一阶，少一个历史完整的词元
            keys = self._keys(ids, n)
            seen = _look_up(history, keys // self.vocabulary_size) + self.strength
            mixed = (_look_up(joint, keys) + self.strength * lower) / seen
            result = torch.where(seen > 0, mixed, lower)  # 不平滑而历史没见过：退回低一阶
        return result

    def perplexity(self, ids: Tensor) -> float:
        """返回 exp(平均负对数概率)；不平滑又遇到没见过的组合时是无穷大。"""
        return self.probabilities(ids).log().mean().neg().exp().item()

    def next_distribution(self, context: Sequence[int]) -> Tensor:
        """返回 ``context`` 之后下一个词元的分布，(V,)，和为 1；历史不够长时抛出 ``ValueError``。"""
        needed = max(self.order - 1, 0)
        if len(context) < needed:
            raise ValueError(f"至少要有 {needed} 个词元的历史，得到 {len(context)} 个")
        used = list(context)[len(context) - needed :]
        rows = [torch.tensor([*used, token]) for token in range(self.vocabulary_size)]
        return torch.stack([self.probabilities(row)[-1] for row in rows])

    def _keys(self, ids: Tensor, n: int) -> Tensor:
        # 第 i 个键是 ids[i : i + n] 当作 V 进制数的值。
        length = len(ids) - n + 1
        keys = torch.zeros(length, dtype=torch.long)
        for shift in range(n):
            keys = keys * self.vocabulary_size + ids[shift : shift + length]
        return keys


def _count(keys: Tensor) -> Counts:
    known, counts = torch.unique(keys, return_counts=True)  # 只存出现过的；键有序，查找用二分
    return known, counts


def _look_up(table: Counts, keys: Tensor) -> Tensor:
    known, counts = table
    place = torch.searchsorted(known, keys).clamp(max=len(known) - 1)
    return torch.where(known[place] == keys, counts[place], 0).double()
