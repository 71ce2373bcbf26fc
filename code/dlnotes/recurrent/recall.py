"""记忆有多长：隔了许多步再回忆的任务，与梯度能走多远。

任务改自 Hochreiter 与 Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997, §5：
要记的只在开头出现一次，其后全是同一字母表里的干扰。
"""

import torch
from torch import Generator, Tensor, nn


def sequences(
    batch_size: int, gap: int, symbols: int = 8, *, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """随机造一批：第一步的符号要记住，其后 ``gap`` 步的符号全是干扰，最后一步要答出第一个。

    最后一维是「要记的」标志，只有第一步是 1；其余是符号的独热。

    形状:
        返回值: 输入 (B, gap + 1, symbols + 1)；答案 (B,)，取值 0 到 symbols − 1。
    """
    shown = torch.randint(symbols, (batch_size, gap + 1), generator=generator)
    x = torch.zeros(batch_size, gap + 1, symbols + 1)
    x.scatter_(2, shown[:, :, None], 1)
    x[:, 0, -1] = 1
    return x, shown[:, 0]


class Reader(nn.Module):
    """读完一段再作答：循环层最后一步的输出接一个线性层。

    形状:
        x: (B, T, D)。
        返回值: (B, ``classes``) 的 logits。
    """

    def __init__(self, core: nn.Module, hidden: int, classes: int) -> None:
        super().__init__()
        self.core = core
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.core(x)
        return self.head(outputs[:, -1])


def reach(core: nn.Module, x: Tensor, *, generator: Generator | None = None) -> Tensor:
    r"""返回最后一步的输出对 k 步之前的输入有多敏感，k = 0, …, T − 1。

    对 :math:`J_k = \partial h_T / \partial x_{T-k}`，由随机方向 v 估计 Frobenius 范数：
    :math:`\mathbb E\|v^\top J_k\|^2 = \|J_k\|_F^2`，在一批上平均之后开方。

    形状:
        x: (B, T, D)；返回值: (T,)，非负。
    """
    x = x.clone().requires_grad_()
    last = core(x)[0][:, -1]
    direction = torch.randn(last.shape, generator=generator).to(last)
    (gradient,) = torch.autograd.grad(last, x, direction)
    return gradient.square().sum(dim=2).mean(dim=0).sqrt().flip(0)
