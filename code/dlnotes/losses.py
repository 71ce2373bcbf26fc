"""损失函数：回归的 L2、L1、Huber 与各自的梯度，分类的标签平滑。

论文：Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35(1), 1964；
Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, §7（标签平滑）。
差异：L2 带系数 ½，让梯度恰是误差；PyTorch 的 ``mse_loss`` 没有这个 ½。
"""

import torch
from torch import Tensor

from dlnotes.softmax import log_softmax, one_hot


def l2(error: Tensor) -> Tensor:
    """平方损失 ½e²，逐元素；``error`` 是预测 − 真值，形状任意。"""
    return error**2 / 2


def l2_gradient(error: Tensor) -> Tensor:
    """平方损失的梯度 e：错得越远，拉得越重。"""
    return error


def l1(error: Tensor) -> Tensor:
    """绝对值损失 |e|，逐元素。"""
    return error.abs()


def l1_gradient(error: Tensor) -> Tensor:
    """绝对值损失的梯度 ±1；e = 0 处不可导，取 0（同 PyTorch）。"""
    return error.sign()


def huber(error: Tensor, delta: float = 1.0) -> Tensor:
    """Huber 损失，逐元素：|e| ≤ δ 时是 ½e²，否则是 δ(|e| − ½δ)，两段在 ±δ 处相接且斜率相同。"""
    size = error.abs()
    return torch.where(size <= delta, error**2 / 2, delta * (size - delta / 2))


def huber_gradient(error: Tensor, delta: float = 1.0) -> Tensor:
    """Huber 损失的梯度：误差本身，但不超过 ±δ。"""
    return error.clamp(-delta, delta)


def smooth(labels: Tensor, num_classes: int, epsilon: float) -> Tensor:
    """把标签换成平滑的概率：(1 − ε) 给标签，ε 平分给全部 K 类（标签自己也有一份）。

    参数:
        epsilon: ε，0 到 1 之间，0 就是独热编码；越界时抛出 ``ValueError``。

    形状:
        labels: (N,)，整数，取值 0 到 ``num_classes`` − 1。
        返回值: (N, num_classes)，每行的和是 1。
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon 应在 0 到 1 之间，得到 {epsilon}")
    return (1 - epsilon) * one_hot(labels, num_classes) + epsilon / num_classes


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """返回目标是一组概率（软标签）时的交叉熵 −Σ p log q，对一批取平均；独热时就是普通的交叉熵。

    形状:
        logits, targets: (N, K)；``targets`` 每行的和是 1。
        返回值: 标量。
    """
    return -(targets * log_softmax(logits)).sum(dim=1).mean()
