"""拿来做实验的小模型：参数是一个向量的 softmax 回归。参数服务器与环都只认向量，不认网络。"""

import torch
from torch import Tensor
from torch.nn import functional as F

NUM_CLASSES = 10


def logits(weights: Tensor, x: Tensor) -> Tensor:
    """返回 softmax 回归的 logits。

    形状:
        weights: (D·K + K,)，先是权重，最后 K 个是偏置；K = 10。
        x: (N, ...)，展平后每个样本 D 个数。
        返回值: (N, K)。
    """
    return x.flatten(1) @ weights[:-NUM_CLASSES].view(-1, NUM_CLASSES) + weights[-NUM_CLASSES:]


def loss(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """返回平均交叉熵，标量。"""
    return F.cross_entropy(logits(weights, x), y)


def gradient(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """返回平均交叉熵对 ``weights`` 的梯度，形状同 ``weights``；照公式 xᵀ(p − y)/N 写，不用自动求导。"""
    error = logits(weights, x).softmax(1)
    error[torch.arange(len(y)), y] -= 1
    return torch.cat([(x.flatten(1).T @ error).flatten(), error.sum(0)]) / len(y)


def start(x: Tensor) -> Tensor:
    """返回全零的参数，大小与精度配合 ``x``：每一类的概率都是 1/10。"""
    return torch.zeros(x[0].numel() * NUM_CLASSES + NUM_CLASSES, dtype=x.dtype)
