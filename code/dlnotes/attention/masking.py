"""遮住一部分词元让模型猜：选 15%，其中 80% 换成 ``<mask>``，10% 换成随机的词元，10% 不变。

论文：Devlin et al., NAACL 2019，§3.1“Masked LM”、附录 A.1、附录 C.2。
差异：每个词元独立地以 15% 的概率选中（论文每句选固定的个数）；每次取批都重新遮（论文事先遮好十份；
重新遮见 Liu et al., "RoBERTa", 2019，§4.1）。
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from dlnotes.data.text import UNKNOWN

RESERVED = ("<pad>", UNKNOWN, "<cls>", "<sep>", "<mask>")
PAD, UNK, CLS, SEP, MASK = range(5)
IGNORED = -100  # ``F.cross_entropy`` 的 ignore_index 的默认值

Mix = tuple[float, float, float]  # 选中的里面，换成 <mask>、换成随机词元、不变，各占多少
PAPER: Mix = (0.8, 0.1, 0.1)


@dataclass(frozen=True)
class Masked:
    """遮过的一批。

    形状:
        tokens: (B, T)，给模型看的。
        labels: (B, T)，选中的位置是原来的词元，其余是 ``IGNORED``。
    """

    tokens: Tensor
    labels: Tensor

    @property
    def chosen(self) -> Tensor:
        """(B, T) 的布尔值，真 = 这里要猜。"""
        return self.labels != IGNORED

    @property
    def answers(self) -> Tensor:
        """(M,)，各个要猜的位置的答案，按行的次序。"""
        return self.labels[self.chosen]


def mask_tokens(
    tokens: Tensor,
    vocabulary_size: int,
    *,
    probability: float = 0.15,
    mix: Mix = PAPER,
    generator: Generator | None = None,
) -> Masked:
    """选出要猜的位置，按 ``mix`` 换掉；``tokens`` 本身不变。

    特殊词元（编号小于 ``len(RESERVED)``，包括填充与 ``<unk>``）不会选中，随机的词元也不会是它们；
    随机的词元可能碰巧就是原来的。

    概率不在 [0, 1] 内，或 ``mix`` 之和不是 1 时抛出 ``ValueError``。

    形状:
        tokens: (B, T)，在 CPU 上，编号以 ``RESERVED`` 开头。
    """
    if not 0 <= probability <= 1 or min(mix) < 0 or abs(sum(mix) - 1) > 1e-9:
        raise ValueError(f"概率应在 [0, 1] 内，mix 之和应是 1，得到 {probability} 与 {mix}")
    ordinary = tokens >= len(RESERVED)
    chosen = (torch.rand(tokens.shape, generator=generator) < probability) & ordinary
    # 一个均匀的随机数决定三种换法：[0, a) 遮住，[a, a + b) 随机，其余不变。
    way = torch.rand(tokens.shape, generator=generator)
    others = torch.randint(len(RESERVED), vocabulary_size, tokens.shape, generator=generator)
    seen = tokens.clone()
    seen[chosen & (way < mix[0])] = MASK
    replaced = chosen & (way >= mix[0]) & (way < mix[0] + mix[1])
    seen[replaced] = others[replaced]
    return Masked(seen, tokens.masked_fill(~chosen, IGNORED))
