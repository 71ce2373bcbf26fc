"""循环神经网络，从零写起：一个单元，和沿时间展开它的一层。

来源：Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990, 图 2。
"""

import math
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

# 隐状态：RNN 与 GRU 是一个张量，LSTM 是一对，多层的可以是元组的元组。
State: TypeAlias = Tensor | tuple["State", ...]


class Cell(Protocol):
    """走一步的单元：RNN、GRU、LSTM 都写成这样，就能交给 ``Unrolled`` 展开。"""

    def initial(self, batch_size: int) -> State:
        """返回序列开始之前的状态，通常全是 0，与参数在同一个设备上。"""

    def __call__(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """由这一步的输入 (B, D) 与上一步的状态得到输出 (B, H) 与新的状态。"""


class RNNCell(nn.Module):
    r"""一步：:math:`h_t = \tanh(x_t W_{ih}^\top + h_{t-1} W_{hh}^\top + b)`，输出就是新的状态。

    权重的形状同 ``nn.RNN``；``nn.RNN`` 有两个偏置，加起来才是这里的一个。共 H(D + H + 1) 个参数。

    形状:
        x: (B, D)；state: (B, H)。
        返回值: 输出 (B, H)，新的状态 (B, H)，两者是同一个张量。
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(hidden_size)  # 与 nn.RNN 相同的初始化
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(hidden_size, hidden_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(hidden_size).uniform_(-bound, bound))

    def initial(self, batch_size: int) -> Tensor:
        return self.bias.new_zeros(batch_size, len(self.bias))

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = torch.tanh(x @ self.weight_ih.T + state @ self.weight_hh.T + self.bias)
        return state, state

    @torch.no_grad()
    def copy_from(self, layer: nn.RNN, number: int = 0) -> None:
        """抄下 ``layer`` 第 ``number`` 层的权重；两个偏置相加。"""
        self.weight_ih.copy_(layer.get_parameter(f"weight_ih_l{number}"))
        self.weight_hh.copy_(layer.get_parameter(f"weight_hh_l{number}"))
        biases = (layer.get_parameter(f"bias_{part}_l{number}") for part in ("ih", "hh"))
        self.bias.copy_(sum(biases, torch.zeros(())))


class Unrolled(nn.Module):
    """一层：从左到右，每一步都用同一个单元，也就是同一组参数。

    形状:
        x: (B, T, D)。
        state: 单元的状态；不给时从 ``cell.initial`` 开始。
        返回值: 每一步的输出 (B, T, H)，最后一步的状态。
    """

    batch_first = True

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if state is None:
            state = self.cell.initial(len(x))
        outputs = []
        for x_t in x.unbind(dim=1):
            output, state = self.cell(x_t, state)
            outputs.append(output)
        return torch.stack(outputs, dim=1), state
