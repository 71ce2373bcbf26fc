"""Softmax 回归：一层线性层给每一类打分，softmax 把得分换成概率，交叉熵衡量概率有多准。

教材：Bishop, "Pattern Recognition and Machine Learning", 2006, §4.3.4（多类逻辑回归，梯度是式 (4.109)）；
《动手学深度学习》3.4 节。
差异：书里从零写的 softmax 直接取指数，得分到 90 左右就溢出；这里先减最大值。
"""

import torch
from torch import Tensor, nn


def softmax(logits: Tensor) -> Tensor:
    """把每行得分换成概率：每个数在 0 与 1 之间，每行的和是 1。

    形状:
        logits: (..., K)，任意的有限实数。
        返回值: (..., K)。
    """
    # 减去一个常数不改变结果；减最大值，指数就不会超过 e⁰ = 1，也就不会溢出。
    powers = (logits - logits.amax(dim=-1, keepdim=True)).exp()
    return powers / powers.sum(dim=-1, keepdim=True)


def log_softmax(logits: Tensor) -> Tensor:
    """返回 softmax 的对数，不经过概率：概率小到变成 0 时，对数仍是有限的数。

    形状:
        logits: (..., K)，任意的有限实数。
        返回值: (..., K)，都不大于 0。
    """
    shifted = logits - logits.amax(dim=-1, keepdim=True)
    # log(eᵃ / Σeᵇ) = a − log Σeᵇ；减过最大值的和里必有一项是 1，对数不会是 log 0。
    return shifted - shifted.exp().sum(dim=-1, keepdim=True).log()


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """返回正确类的负对数概率，对一批取平均，单位是奈特（nat）。

    形状:
        logits: (N, K)，未经 softmax。
        labels: (N,)，整数，取值 0 到 K−1。
        返回值: 标量。
    """
    return -log_softmax(logits)[torch.arange(len(labels)), labels].mean()


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """返回独热编码：标签那一列是 1，其余是 0。

    形状:
        labels: (N,)，整数，取值 0 到 ``num_classes`` − 1。
        返回值: (N, num_classes)，float32。

    有标签越界时抛出 ``ValueError``。
    """
    if ((labels < 0) | (labels >= num_classes)).any():
        raise ValueError(f"标签应在 0 到 {num_classes - 1} 之间，得到 {labels.min()} 到 {labels.max()}")
    return (labels[:, None] == torch.arange(num_classes)).float()


def entropy(probabilities: Tensor) -> Tensor:
    """返回每行概率的熵 −Σ p log p，单位是奈特；约定 0 log 0 = 0。

    形状:
        probabilities: (..., K)，每行的和是 1。
        返回值: (...)，在 0（确定）与 log K（一无所知）之间。
    """
    information = (-probabilities.log()).where(probabilities > 0, 0.0)
    return (probabilities * information).sum(dim=-1)


def gradients(x: Tensor, labels: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """不用自动求导，直接写出平均交叉熵对权重与偏置的梯度。

    形状:
        x: (N, d)；labels: (N,)；weight: (K, d)；bias: (K,)。
        返回值: (K, d) 与 (K,)。
    """
    N, K = len(x), len(bias)
    # 对得分的梯度是“预测的概率 − 真实的概率”；除以 N，因为损失对一批取了平均。
    error = (softmax(x @ weight.T + bias) - one_hot(labels, K).to(x.dtype)) / N  # (N, K)
    return error.T @ x, error.sum(dim=0)


class SoftmaxRegression(nn.Module):
    """28×28 的灰度图到类别 logits；10 类时共 7,850 个参数、7,840 次乘加。

    权重取自 N(0, 0.01²)，偏置是 0：开始时各类的得分几乎相等。

    形状:
        x: (N, 1, 28, 28)。
        返回值: (N, num_classes)，未经 softmax。
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.output = nn.Linear(28 * 28, num_classes)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.flatten(x))
