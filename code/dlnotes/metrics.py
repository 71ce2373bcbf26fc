"""分类的度量，以及多次运行的汇总。"""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """返回得分最高的类恰是标签的样本比例，取值 [0, 1]。

    形状:
        logits: (N, K)。
        labels: (N,)，整数，取值 0 到 K−1。

    形状不符或 N = 0 时抛出 ``ValueError``。
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or len(labels) == 0:
        raise ValueError(f"应是 (N, K) 与 (N,) 且 N > 0，得到 {tuple(logits.shape)} 与 {tuple(labels.shape)}")
    return (logits.argmax(dim=1) == labels).double().mean().item()


def confusion_matrix(predictions: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """数出每一对（真实类，预测类）的样本数；行是真实类，列是预测类。

    形状:
        predictions, labels: (N,)，整数，取值 0 到 ``num_classes`` − 1。
        返回值: (num_classes, num_classes)，int64，总和是 N。

    形状不同或有值越界时抛出 ``ValueError``。
    """
    if predictions.ndim != 1 or predictions.shape != labels.shape:
        raise ValueError(f"应是两个 (N,)，得到 {tuple(predictions.shape)} 与 {tuple(labels.shape)}")
    both = torch.cat([predictions, labels])
    if ((both < 0) | (both >= num_classes)).any():
        raise ValueError(f"类别应在 0 到 {num_classes - 1} 之间，得到 {both.min()} 到 {both.max()}")
    # 把一对下标编成一个整数，计数只需一次 bincount。
    pairs = labels * num_classes + predictions
    return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)


@dataclass(frozen=True)
class Spread:
    """一组数的均值与样本标准差（除以 n − 1）；``f"{spread:.3f}"`` 得 ``0.812 ± 0.006``。"""

    mean: float
    std: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """汇总 ``values``；不足两个数时没有标准差，抛出 ``ValueError``。"""
        values = list(values)
        if len(values) < 2:
            raise ValueError(f"至少要两个数才有标准差，得到 {len(values)} 个")
        return cls(statistics.fmean(values), statistics.stdev(values))

    def __format__(self, spec: str) -> str:
        return f"{self.mean:{spec}} ± {self.std:{spec}}"


def over_seeds(values: Iterable[float], spec: str = ".3f") -> str:
    """几个种子的同一项：只有一个写数，多于一个写均值 ± 标准差；一个也没有时抛出 ``ValueError``。"""
    values = list(values)
    return f"{values[0]:{spec}}" if len(values) == 1 else f"{Spread.of(values):{spec}}"
