"""校准：模型说“九成把握”的那些图，是不是真有九成对。

论文：Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, §2。
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reliability:
    """把样本按把握分组，每组的平均把握与精度；空的组不列。

    形状:
        confidence, accuracy: (M,)，取值 [0, 1]；counts: (M,)，总和是样本数。
    """

    confidence: Tensor
    accuracy: Tensor
    counts: Tensor

    @property
    def error(self) -> float:
        """期望校准误差（ECE）：各组“把握与精度之差”的绝对值，按样本数加权平均。"""
        gaps = (self.confidence - self.accuracy).abs()
        return ((gaps * self.counts).sum() / self.counts.sum()).item()

    @property
    def excess(self) -> float:
        """平均把握减精度：正是过度自信，负是信心不足。"""
        return (((self.confidence - self.accuracy) * self.counts).sum() / self.counts.sum()).item()


def reliability(probabilities: Tensor, labels: Tensor, bins: int = 10) -> Reliability:
    """按最大的概率把样本分进 ``bins`` 个等宽的组。

    形状:
        probabilities: (N, K)，每行的和是 1。
        labels: (N,)，整数，取值 0 到 K−1。

    形状不符或 N = 0 时抛出 ``ValueError``。
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or len(labels) == 0:
        raise ValueError(
            f"应是 (N, K) 与 (N,) 且 N > 0，得到 {tuple(probabilities.shape)} 与 {tuple(labels.shape)}"
        )
    confidence, guesses = probabilities.double().max(dim=1)
    # 第 i 组是 [i/bins, (i+1)/bins)；恰是 1 的归最后一组。
    group = (confidence * bins).long().clamp(max=bins - 1)
    counts = torch.bincount(group, minlength=bins)
    sums = torch.bincount(group, confidence, minlength=bins)
    hits = torch.bincount(group, (guesses == labels).double(), minlength=bins)
    used = counts > 0
    return Reliability((sums / counts)[used], (hits / counts)[used], counts[used])
