"""三种激活函数与手写的导数：ReLU、sigmoid、tanh。

来源：ReLU 见 Glorot, Bordes, Bengio, "Deep Sparse Rectifier Neural Networks", AISTATS 2011, §3.1；
三条曲线与导数见《动手学深度学习》4.1.2 节。
差异：``sigmoid`` 防着溢出（单精度起）；``relu`` 明写在 0 处的导数取 0，与 ``torch.relu`` 相同。
"""

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    """逐元素取 max(x, 0)；形状不变，取值 [0, ∞)。"""
    # 不写 torch.max(x, 0 张量)：两边相等时它把梯度平分，0 处的导数成了 ½。
    return torch.where(x <= 0, 0.0, x)


def relu_grad(x: Tensor) -> Tensor:
    """返回 ReLU 的导数：正半轴 1，其余 0；在 0 处约定取 0。"""
    return (x > 0).to(x.dtype)


def sigmoid(x: Tensor) -> Tensor:
    """逐元素算 1 / (1 + e^(−x))；形状不变，取值 [0, 1]。"""
    # x 很负时 e^(−x) 溢出成 ∞，值还是 0，梯度却成了 ∞ · 0 = NaN。从 −80 起封住，值只差不到 10⁻³⁴。
    return 1 / (1 + torch.exp(-x.clamp(min=-80)))


def sigmoid_grad(x: Tensor) -> Tensor:
    """返回 sigmoid 的导数 σ(x)(1 − σ(x))；最大在 0 处，是 ¼。"""
    s = sigmoid(x)
    return s * (1 - s)


def tanh(x: Tensor) -> Tensor:
    """逐元素算双曲正切，即 2σ(2x) − 1；形状不变，取值 [−1, 1]。"""
    return 2 * sigmoid(2 * x) - 1


def tanh_grad(x: Tensor) -> Tensor:
    """返回 tanh 的导数 1 − tanh²(x)；最大在 0 处，是 1。"""
    return 1 - tanh(x).square()
