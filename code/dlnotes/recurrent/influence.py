r"""循环层记得多远：最后的输出受每一步输入的影响有多大。

量的是雅可比矩阵 :math:`\partial h_T / \partial x_t` 的 Frobenius 范数。沿时间的链式法则是一串矩阵相乘，
所以它通常随距离 T − t 指数地变小或变大（Pascanu et al., "On the difficulty of training recurrent neural
networks", ICML 2013, §2）。
"""

import torch
from torch import Generator, Tensor, nn


def influence(core: nn.Module, x: Tensor, *, draws: int = 8, generator: Generator | None = None) -> Tensor:
    """返回每一步的 ‖∂h_T/∂x_t‖，对一批序列取均方根；从空的状态出发。

    整个雅可比矩阵太大；对标准正态的 v，E‖Jᵀv‖² 恰是 ‖J‖²，抽几个 v 平均就行。

    参数:
        core: 以 ``core(x)`` 调用的循环层，返回 (B, T, H) 的输出与状态。
        draws: 每个序列抽几个 v。

    形状:
        x: (B, T, D)，独热或嵌入之后的输入。
        返回值: (T,)，第 t 个对应第 t 步的输入；最后一个的距离是 0。
    """
    x = x.detach().requires_grad_()
    outputs, _ = core(x)
    last = outputs[:, -1]  # (B, H)
    total = torch.zeros(x.shape[1], dtype=torch.float64)
    for _ in range(draws):
        v = torch.randn(last.shape, generator=generator).to(last)
        (gradient,) = torch.autograd.grad(last, x, v, retain_graph=True)
        total += gradient.double().square().sum(dim=2).mean(dim=0).cpu()
    return (total / draws).sqrt()
