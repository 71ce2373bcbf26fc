"""数值稳定性：许多矩阵连乘时的增长、信号穿过许多层时的大小，以及梯度裁剪。

来源：增长率见 Newman, "The distribution of Lyapunov exponents: exact results for random matrices",
Commun. Math. Phys. 103, 1986；裁剪见 Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent
neural networks", ICML 2013，算法 1。
"""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn


def lyapunov_exponent(size: int, std: float = 1.0) -> float:
    """返回独立高斯矩阵连乘时，向量长度的对数每步平均增长多少：½[ln 2 + ψ(size/2)] + ln std。

    一步之后，长度的平方除以 std² 服从自由度 ``size`` 的 χ² 分布，而且各步独立；上式是它的对数均值的一半。
    """
    return 0.5 * (math.log(2) + torch.digamma(torch.tensor(size / 2).double()).item()) + math.log(std)


def lyapunov_spread(size: int, steps: int) -> float:
    """返回 ``steps`` 步之后，长度的对数在各次抽样之间的标准差：½√(steps · ψ′(size/2))。"""
    return 0.5 * math.sqrt(steps * torch.polygamma(1, torch.tensor(size / 2).double()).item())


def log_growth(
    size: int, steps: int, draws: int, *, std: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """把独立的 N(0, std²) 方阵一个一个乘起来，返回每一步乘积的 F 范数的自然对数。

    形状:
        返回值: (draws, steps)，双精度；每行是一次独立的抽样。
    """
    product = torch.eye(size, dtype=torch.float64).expand(draws, size, size)
    total = torch.zeros(draws, dtype=torch.float64)
    history = []
    for _ in range(steps):
        factors = std * torch.randn(draws, size, size, dtype=torch.float64, generator=generator)
        product = factors @ product  # (draws, size, size)
        norms = torch.linalg.matrix_norm(product)
        # 大小记在对数里，矩阵自己每步缩回 1：再乘多少步也不会溢出。
        product = product / norms[:, None, None]
        total = total + norms.log()
        history.append(total)
    return torch.stack(history, dim=1)


def through_depth(
    x: Tensor, weights: Sequence[Tensor], activation: Callable[[Tensor], Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """逐层算 h ← φ(h Wᵀ)，再让一个标准高斯的梯度从最后一层传回来。

    返回（各层的激活，各层激活收到的梯度），都从第 1 层排到最后一层；没有偏置。

    形状:
        x: (N, n₀)；weights 的第 ℓ 个: (n_ℓ, n_{ℓ−1})。
        返回值: 两列张量，第 ℓ 个都是 (N, n_ℓ)。
    """
    hidden = []
    h = x.detach().requires_grad_()
    for weight in weights:
        h = activation(h @ weight.T)
        hidden.append(h)
    gradients = torch.autograd.grad(h, hidden, torch.randn_like(h))
    return [h.detach() for h in hidden], list(gradients)


@torch.no_grad()
def clip_grad_norm(parameters: Iterable[nn.Parameter], max_norm: float) -> float:
    """把全部梯度看成一个长向量，范数超过 ``max_norm`` 时就地按比例缩到它；返回裁剪之前的范数。

    方向不变，只变长短。没有梯度的参数跳过；与 ``nn.utils.clip_grad_norm_`` 一样，分母加 1e-6。
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = math.sqrt(sum(g.double().square().sum().item() for g in gradients))
    scale = min(1.0, max_norm / (norm + 1e-6))
    for gradient in gradients:
        gradient.mul_(scale)
    return norm
