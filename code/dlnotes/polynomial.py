"""用多项式拟合多项式：看欠拟合与过拟合最小的实验，有闭式解可以核对。

数据与特征同《动手学深度学习》4.4 节：y = 5 + 1.2x − 3.4x²/2! + 5.6x³/3! + ε，x ~ N(0, 1)，ε ~ N(0, 0.1²)。
差异：书里只用小批量梯度下降训练；这里以闭式解为主，梯度下降用来和它对照。

各函数都接受任意多个前导维，写作 ``...``：一次调用就能在几百份数据上各拟合一次。一律用双精度。
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

TRUE_WEIGHTS = (5.0, 1.2, -3.4, 5.6)
NOISE = 0.1  # ε 的标准差；它的平方 0.01 是任何模型的期望测试误差都低不过的地板


def features(x: Tensor, p: int) -> Tensor:
    """返回 ``p`` 个特征 xⁱ/i!，i = 0, …, p−1；最高次数是 p − 1。

    形状:
        x: (..., N)。
        返回值: (..., N, p)。
    """
    powers = torch.arange(p, dtype=torch.float64)
    return x[..., None] ** powers / torch.exp(torch.lgamma(powers + 1))  # Γ(i + 1) = i!


def sample(
    *shape: int, seed: int, noise: float = NOISE, weights: Sequence[float] = TRUE_WEIGHTS
) -> tuple[Tensor, Tensor]:
    """独立地抽出 x 与 y；``sample(300, 20, seed=0)`` 是 300 份数据，每份 20 个样本。

    参数:
        noise: 噪声的标准差。
        weights: 特征 xⁱ/i! 的真实系数。

    形状:
        返回值: 两个 ``shape``。
    """
    generator = Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    clean = features(x, len(weights)) @ torch.tensor(weights, dtype=torch.float64)
    return x, clean + noise * torch.randn(shape, generator=generator, dtype=torch.float64)


def least_squares(X: Tensor, y: Tensor) -> Tensor:
    """返回使 ‖Xw − y‖² 最小的 w：先把 X 的列逐个正交化（X = QR），再回代解 Rw = Qᵀy。

    不用 (XᵀX)⁻¹Xᵀy，因为 XᵀX 的条件数是 X 的平方；也不用带截断的 SVD，因为截断会悄悄少用几个特征。

    形状:
        X: (..., N, p)，N ≥ p，各列线性无关。
        y: (..., N)。
        返回值: (..., p)。

    N < p 时解不唯一，抛出 ``ValueError``。
    """
    N, p = X.shape[-2:]
    if p > N:
        raise ValueError(f"{p} 个未知数只有 {N} 个方程，解不唯一")
    # y 当作第 p + 1 列一起正交化：它在各个 q 上的分量就是 Qᵀy，这样舍入误差最小。
    rest = torch.cat([X, y[..., None]], dim=-1)  # (..., N, p + 1)，减去已有方向后剩下的部分
    R = X.new_zeros(*X.shape[:-2], p, p + 1)
    for j in range(p):
        R[..., j, j] = rest[..., j].norm(dim=-1)
        q = rest[..., j] / R[..., j, j, None]
        R[..., j, j + 1 :] = torch.einsum("...n,...nk->...k", q, rest[..., j + 1 :])
        rest[..., j + 1 :] -= q[..., None] * R[..., j, None, j + 1 :]
    w = X.new_zeros(*X.shape[:-2], p)
    for j in reversed(range(p)):
        known = (R[..., j, j + 1 : p] * w[..., j + 1 :]).sum(dim=-1)
        w[..., j] = (R[..., j, p] - known) / R[..., j, j]
    return w


def mse(X: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """返回每份数据上的均方误差。

    形状:
        X: (..., N, p)；y: (..., N)；w: (..., p)。
        返回值: (...)。
    """
    return (_apply(X, w) - y).square().mean(dim=-1)


def sgd(X: Tensor, y: Tensor, w: Tensor, *, epochs: int, lr: float, batch_size: int, seed: int = 0) -> Tensor:
    """从 ``w`` 出发做小批量梯度下降，返回最后的权重；损失是一批的均方误差，末批不满时仍按实有个数平均。

    参数:
        seed: 决定样本的次序；多份数据用同一个次序。

    形状:
        X: (..., N, p)；y: (..., N)；w: (..., p)。
        返回值: (..., p)。
    """
    generator = Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(y.shape[-1], generator=generator)
        shuffled = X[..., order, :], y[..., order]
        for inputs, targets in zip(
            shuffled[0].split(batch_size, -2), shuffled[1].split(batch_size, -1), strict=True
        ):
            error = _apply(inputs, w) - targets
            gradient = 2 / error.shape[-1] * (inputs.mT @ error[..., None])[..., 0]
            w = w - lr * gradient
    return w


def descended(X: Tensor, y: Tensor, *, steps: float, lr: float) -> Tensor:
    """返回全批量梯度下降从零出发走 ``steps`` 步后的权重，用公式一步算出，所以一亿步也不费时。

    设 X = USVᵀ，λ = s²/N。方向 v 上的系数每步向解靠近一个比例 2·lr·λ，走完后到达 1 − (1 − 2·lr·λ)^steps。

    形状:
        X: (..., N, p)；y: (..., N)。
        返回值: (..., p)。

    学习率大到有的方向会来回跳（2·lr·λ ≥ 1）时抛出 ``ValueError``。
    """
    U, s, Vt = torch.linalg.svd(X, full_matrices=False)
    shrink = 2 * lr * s.square() / X.shape[-2]
    if (shrink >= 1).any():
        raise ValueError(f"学习率 {lr} 太大，应小于 {lr / shrink.max().item():.3g}")
    # λ 很小时 1 − r^steps 直接算会丢光有效数字，所以用 log1p 与 expm1。
    reached = -torch.expm1(steps * torch.log1p(-shrink))
    coefficients = reached / s.clamp(min=1e-300) * (U.mT @ y[..., None])[..., 0]
    return (Vt.mT @ coefficients[..., None])[..., 0]


def _apply(X: Tensor, w: Tensor) -> Tensor:
    return (X @ w[..., None])[..., 0]
