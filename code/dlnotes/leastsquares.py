"""最小二乘的直接解法与全批量梯度下降；标准化与它的反变换。

这里的 A 是「扩展的特征」：X 右边添一列 1，θ 是 w 下面接着 b，于是 Xw + b = Aθ。
来源：Golub, Van Loan, "Matrix Computations"（第 4 版）§5.3：残差很小时，正规方程的误差随 κ² 长，
QR 分解只随 κ 长。
"""

import torch
from torch import Tensor


def with_ones(X: Tensor) -> Tensor:
    """在右边添一列 1：(n, d) → (n, d + 1)。"""
    return torch.cat([X, torch.ones_like(X[:, :1])], dim=1)


def normal_equations(A: Tensor, y: Tensor) -> Tensor:
    """解 AᵀAθ = Aᵀy；A (n, k)、y (n, 1) 得 θ (k, 1)。

    A 的列线性相关时 AᵀA 不可逆，抛出 ``torch.linalg.LinAlgError``（舍入有时会让它侥幸解出一堆怪数）。
    """
    # 公式写作 (AᵀA)⁻¹Aᵀy，实现却不求逆：直接解方程更快，也更准。
    return torch.linalg.solve(A.T @ A, A.T @ y)


def least_squares(A: Tensor, y: Tensor, *, driver: str | None = None) -> Tensor:
    """用 ``torch.linalg.lstsq`` 使 ‖Aθ − y‖² 最小；形状同 ``normal_equations``。

    参数:
        driver: LAPACK 的算法。CPU 上默认 ``gelsy``，会把小于 eps·n 倍最大值的方向当成零；
            ``gels`` 只做 QR 分解，要求列满秩。
    """
    return torch.linalg.lstsq(A, y, driver=driver).solution


def gradient_descent(A: Tensor, y: Tensor, *, lr: float, steps: int) -> Tensor:
    """从 0 起对 ‖Aθ − y‖²/(2n) 做 ``steps`` 步全批量梯度下降，返回路径 (steps + 1, k)。"""
    H, c = A.T @ A / len(A), A.T @ y / len(A)  # 梯度是 Hθ − c：样本只看这一遍
    path = [torch.zeros_like(c)]
    for _ in range(steps):
        path.append(path[-1] - lr * (H @ path[-1] - c))
    return torch.cat(path, dim=1).T


def standardize(X: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """每一列减去均值、除以标准差，返回（结果，均值，标准差）；后两者是 (d,)，只该用训练集来算。"""
    mean, std = X.mean(dim=0), X.std(dim=0)
    return (X - mean) / std, mean, std


def unstandardize(theta: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """把标准化特征上的 θ 换回原来的特征上，预测不变；形状 (d + 1, 1)。"""
    w = theta[:-1] / std[:, None]
    return torch.cat([w, theta[-1:] - mean @ w])
