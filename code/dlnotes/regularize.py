"""权重的正则化：L2（岭回归、权重衰退）与 L1（套索）。

论文：Hoerl & Kennard, "Ridge Regression", Technometrics 12(1), 1970；
Tibshirani, "Regression Shrinkage and Selection via the Lasso", JRSS B 58(1), 1996；
ISTA 的写法见 Beck & Teboulle, SIAM J. Imaging Sciences 2(1), 2009, §1。
约定：数据项一律是样本平均的半平方误差 1/(2n)·‖y − Xw − b‖²，偏置 b 从不受罚。
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


def l2_penalty(w: Tensor) -> Tensor:
    """返回 ½‖w‖²，一个标量；梯度正好是 ``w``。注意它不是范数 ‖w‖。"""
    return w.square().sum() / 2


def l1_penalty(w: Tensor) -> Tensor:
    """返回 ‖w‖₁，一个标量；梯度是 sign(w)，在 0 处取 0。"""
    return w.abs().sum()


def decay_step(w: Tensor, gradient: Tensor, *, lr: float, decay: float) -> Tensor:
    """返回一步权重衰退之后的权重：先缩小，再走梯度。

    参数:
        gradient: 只是数据项的梯度，不含惩罚；形状同 ``w``。
        decay: λ。
    """
    return (1 - lr * decay) * w - lr * gradient


@dataclass(frozen=True)
class Linear:
    """线性模型 Xw + b；``w`` 是 (d,)，``b`` 是标量张量。"""

    w: Tensor
    b: Tensor

    def __call__(self, X: Tensor) -> Tensor:
        """(n, d) → (n,)。"""
        return X @ self.w + self.b

    def mse(self, X: Tensor, y: Tensor) -> float:
        """返回平均平方误差，不带 ½。"""
        return (self(X) - y).square().mean().item()


def descend(
    X: Tensor,
    y: Tensor,
    w: Tensor,
    *,
    lr: float,
    decay: float,
    epochs: int,
    batch_size: int,
    generator: torch.Generator | None = None,
) -> tuple[Linear, list[float]]:
    """从 ``w`` 与 b = 0 出发，用小批量 SGD 加权重衰退训练线性模型；不改动 ``w``。

    参数:
        decay: λ，只作用在权重上。
        generator: 决定每一轮的次序；不给时用全局的随机数。

    形状:
        X: (n, d)；y: (n,)；w: (d,)。
        返回值: 训练好的模型，以及训练前和每一轮之后的 ‖w‖，共 ``epochs`` + 1 个。
    """
    b = torch.zeros((), dtype=w.dtype)
    norms = [w.norm().item()]
    for _ in range(epochs):
        for batch in torch.randperm(len(X), generator=generator).split(batch_size):
            error = X[batch] @ w + b - y[batch]  # (B,)
            gradient = X[batch].T @ error / len(batch)
            b = b - lr * error.mean()
            w = decay_step(w, gradient, lr=lr, decay=decay)
        norms.append(w.norm().item())
    return Linear(w, b), norms


def ridge(X: Tensor, y: Tensor, decay: float) -> Linear:
    """岭回归的闭式解 (XᵀX + nλI)⁻¹Xᵀy：使 1/(2n)·‖y − Xw − b‖² + λ/2·‖w‖² 最小，λ 即 ``decay``。

    λ = 0 且解不唯一时，取范数最小的那个。λ 为负时抛出 ``ValueError``。

    形状:
        X: (n, d)；y: (n,)。
    """
    if decay < 0:
        raise ValueError(f"λ 不能为负，得到 {decay}")
    n, d = X.shape
    # b 不受罚：它总把残差的均值调成 0，等于先把 X 和 y 各自减去均值。
    mean_x, mean_y = X.mean(dim=0), y.mean()
    A, t = X - mean_x, y - mean_y
    if decay == 0:
        w = torch.linalg.pinv(A) @ t
    elif n < d:  # 恒等式 (AᵀA + cI)⁻¹Aᵀ = Aᵀ(AAᵀ + cI)⁻¹：只解 n×n 的方程
        w = A.T @ torch.linalg.solve(A @ A.T + n * decay * torch.eye(n, dtype=X.dtype), t)
    else:
        w = torch.linalg.solve(A.T @ A + n * decay * torch.eye(d, dtype=X.dtype), A.T @ t)
    return Linear(w, mean_y - mean_x @ w)


def soft_threshold(w: Tensor, threshold: float) -> Tensor:
    """软阈值：每个数向 0 挪 ``threshold``，挪过头的停在 0。它是 L1 惩罚的近端映射。"""
    return w.sign() * (w.abs() - threshold).clamp(min=0)


def lasso(X: Tensor, y: Tensor, penalty: float, *, steps: int = 2000) -> Linear:
    """套索：用近端梯度（ISTA）使 1/(2n)·‖y − Xw − b‖² + λ·‖w‖₁ 最小，λ 即 ``penalty``。

    每一步先走数据项的梯度，再做一次软阈值；步长取 1/L，L 是梯度的利普希茨常数，所以目标从不上升。

    形状:
        X: (n, d)；y: (n,)。
    """
    mean_x, mean_y = X.mean(dim=0), y.mean()
    A, t = X - mean_x, y - mean_y
    lr = len(X) / torch.linalg.matrix_norm(A, ord=2).item() ** 2
    w = torch.zeros(X.shape[1], dtype=X.dtype)
    for _ in range(steps):
        gradient = A.T @ (A @ w - t) / len(X)
        w = soft_threshold(w - lr * gradient, lr * penalty)
    return Linear(w, mean_y - mean_x @ w)


def decay_groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """把参数分成两组交给优化器：权重矩阵与卷积核衰减，偏置与归一化的缩放不衰减。

    依据是维数：偏置、归一化的 γ 与 β 都是一维的，其余都不少于二维。冻结的参数不收。
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
