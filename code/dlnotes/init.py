"""权重的初始化：由进、出的单元数算出方差，再从均匀或正态分布里取。

论文：Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010，式 (12) 与 (16)；He et al., "Delving Deep into Rectifiers", ICCV 2015，式 (10)。
差异：两篇论文都假设偏置为 0；这里只管权重，偏置由调用者决定。
"""

import math
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def fans(weight: Tensor) -> tuple[int, int]:
    """返回（进，出）：一个输出单元接几个输入，一个输入单元送给几个输出（卷积不计步幅与边缘）。

    形状:
        weight: 全连接 (out, in) 或卷积 (out, in, *k)；不足两维时抛出 ``ValueError``。
    """
    if weight.ndim < 2:
        raise ValueError(f"权重至少两维，得到 {tuple(weight.shape)}；偏置没有进与出")
    window = math.prod(weight.shape[2:])
    return weight.shape[1] * window, weight.shape[0] * window


def xavier_variance(fan_in: int, fan_out: int) -> float:
    """返回 2 / (fan_in + fan_out)：前向要 1/fan_in，反向要 1/fan_out，取两个分母的平均。"""
    return 2 / (fan_in + fan_out)


def he_variance(fan_in: int) -> float:
    """返回 2 / fan_in：ReLU 把二阶矩砍掉一半，权重的方差补回一倍。"""
    return 2 / fan_in


def default_variance(fan_in: int) -> float:
    """返回 1 / (3 fan_in)：PyTorch 的 ``nn.Linear`` 与 ``nn.Conv2d`` 不另作初始化时的方差。

    它们调用 ``kaiming_uniform_(weight, a=√5)``，即 U(−1/√fan_in, 1/√fan_in)；这是历史遗留，不是 He。
    """
    return 1 / (3 * fan_in)


def uniform_bound(variance: float) -> float:
    """返回 U(−b, b) 的 b，使方差等于 ``variance``：U(−b, b) 的方差是 b²/3。"""
    return math.sqrt(3 * variance)


@torch.no_grad()
def xavier_uniform(weight: Tensor) -> Tensor:
    """就地填成 Xavier 均匀分布，界是 √(6 / (fan_in + fan_out))，返回同一个张量。"""
    bound = uniform_bound(xavier_variance(*fans(weight)))
    return weight.uniform_(-bound, bound)


@torch.no_grad()
def he_normal(weight: Tensor) -> Tensor:
    """就地填成 He 正态分布 N(0, 2 / fan_in)，返回同一个张量。"""
    fan_in, _ = fans(weight)
    return weight.normal_(0, math.sqrt(he_variance(fan_in)))


def init_xavier(model: Module) -> Module:
    """就地把卷积与全连接的权重换成 Xavier 均匀分布，返回同一个模型；偏置与归一化不变。"""
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            xavier_uniform(module.weight)
    return model


def init_he(model: Module) -> Module:
    """就地把卷积的权重换成 He 正态分布，返回同一个模型；ResNet 的论文 §3.4 用它。"""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            he_normal(module.weight)
    return model
