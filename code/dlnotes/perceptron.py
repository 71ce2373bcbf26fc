"""感知机：一个线性的阈值单元，错一个样本改一次权重。

论文：Rosenblatt, "The Perceptron: A Probabilistic Model for Information Storage and Organization in the
Brain", Psychological Review 65(6), 1958；收敛定理见 Novikoff, "On Convergence Proofs for Perceptrons", 1962。
差异：只留下可学的一层，样本按固定的次序轮流看，偏置当作恒为 1 的输入的权重。
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Run:
    """感知机的一次训练；``states`` 是每轮之前与最后的权重，偏置在末尾。

    形状:
        states: (E + 1, d + 1)，E 是轮数。
    """

    states: Tensor
    mistakes: tuple[int, ...]  # 每轮错了几个，也就是改了几次

    @property
    def converged(self) -> bool:
        """最后一轮一个也没错。"""
        return self.mistakes[-1] == 0

    @property
    def cycle(self) -> tuple[int, int] | None:
        """返回（开始的轮，周期）：从这一轮起权重循环；收敛了，或还没有见过重复的权重，是 ``None``。

        次序固定，一轮的结果只取决于轮前的权重；所以权重一旦重复，以后就永远循环。
        """
        if self.converged:
            return None
        seen: dict[tuple[float, ...], int] = {}
        for epoch, state in enumerate(map(tuple, self.states.tolist())):
            if state in seen:
                return (seen[state], epoch - seen[state])
            seen[state] = epoch
        return None


def train_perceptron(x: Tensor, y: Tensor, *, max_epochs: int) -> Run:
    """从全零的权重开始，按次序看样本，错一个加上 y·x；一轮不错就停，至多 ``max_epochs`` 轮。

    形状:
        x: (N, d)；y: (N,)，取值 −1 或 1。

    标签不是 ±1 或 ``max_epochs`` 小于 1 时抛出 ``ValueError``。
    """
    if not (y.abs() == 1).all():
        raise ValueError(f"标签应是 −1 或 1，得到 {sorted(set(y.tolist()))}")
    if max_epochs < 1:
        raise ValueError(f"max_epochs 至少是 1，得到 {max_epochs}")
    inputs = _with_one(x)
    w = torch.zeros(inputs.shape[1], dtype=inputs.dtype)
    states = [w.clone()]
    mistakes: list[int] = []
    while len(mistakes) < max_epochs and 0 not in mistakes:
        wrong = 0
        for point, label in zip(inputs, y, strict=True):
            if label * (w @ point) <= 0:  # 恰在线上也算错，否则全零的权重永远不动
                w += label * point
                wrong += 1
        states.append(w.clone())
        mistakes.append(wrong)
    return Run(torch.stack(states), tuple(mistakes))


def mistake_bound(x: Tensor, y: Tensor, separator: Tensor) -> float:
    """返回 Novikoff 的上界 (R/γ)²：只要 ``separator`` 分得开，感知机总共错不到比它更多次。

    R 是样本（补上 1）的最大长度，γ 是到 ``separator`` 的最小距离。

    形状:
        x: (N, d)；y: (N,)，取值 −1 或 1；separator: (d + 1,)，偏置在末尾。

    ``separator`` 分不开这些样本时抛出 ``ValueError``。
    """
    inputs = _with_one(x)
    margin = (y * (inputs @ separator)).min() / separator.norm()
    if margin <= 0:
        raise ValueError("separator 没有把样本分开")
    return (inputs.norm(dim=1).max() / margin).square().item()


def _with_one(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
