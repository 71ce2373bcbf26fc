"""隐马尔可夫模型的前向–后向算法：离散状态的双向推断，精确。

来源：Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition",
Proc. IEEE 77(2), 1989, §III-A 与 §III-B；每步归一化同 §V-A。
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class HMM:
    """K 个状态、V 种观测。

    形状:
        initial: (K,)，第一个状态的分布。
        transition: (K, K)，[i, j] 是从 i 到 j 的概率，每行和为 1。
        emission: (K, V)，[i, v] 是状态 i 发出 v 的概率，每行和为 1。
    """

    initial: Tensor
    transition: Tensor
    emission: Tensor

    @classmethod
    def count(
        cls, sequences: Iterable[tuple[Tensor, Tensor]], states: int, symbols: int, strength: float = 0.1
    ) -> Self:
        """由标好状态的序列数出概率，每个次数先加 ``strength``；每项是（观测，状态），各是 (T,)。"""
        initial, transition, emission = (
            torch.full(shape, strength, dtype=torch.float64)
            for shape in ((states,), (states, states), (states, symbols))
        )
        for observed, hidden in sequences:
            one = torch.ones(len(hidden), dtype=torch.float64)
            initial[hidden[0]] += 1
            transition.index_put_((hidden[:-1], hidden[1:]), one[1:], accumulate=True)
            emission.index_put_((hidden, observed), one, accumulate=True)
        return cls(*(table / table.sum(dim=-1, keepdim=True) for table in (initial, transition, emission)))

    def forward(self, observed: Tensor) -> Tensor:
        """返回 P(z_t | x_1 … x_t)，(T, K)：只看左边，叫滤波。"""
        likelihood = self.emission.T[observed]  # (T, K)
        rows = [_normalized(self.initial * likelihood[0])]
        for x in likelihood[1:]:
            rows.append(_normalized(rows[-1] @ self.transition * x))
        return torch.stack(rows)

    def backward(self, observed: Tensor) -> Tensor:
        """返回与 P(x_{t+1} … x_T | z_t) 成正比的 (T, K)：只看右边；最后一行都相同。"""
        likelihood = self.emission.T[observed]
        rows = [_normalized(torch.ones_like(self.initial))]
        for x in likelihood[1:].flip(0):
            rows.append(_normalized(self.transition @ (x * rows[-1])))
        return torch.stack(rows[::-1])

    def smooth(self, observed: Tensor) -> Tensor:
        """返回 P(z_t | x_1 … x_T)，(T, K)：两边都看，就是两者相乘再归一化。"""
        return _normalized(self.forward(observed) * self.backward(observed))


def _normalized(weights: Tensor) -> Tensor:
    return weights / weights.sum(dim=-1, keepdim=True)
