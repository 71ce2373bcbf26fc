r"""长短期记忆网络（LSTM）：一个单元，从零写起；以及状态对上一步状态的导数。

来源：Hochreiter 与 Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997；
遗忘门：Gers, Schmidhuber 与 Cummins, "Learning to Forget", Neural Computation 12(10), 2000。
门的次序 i、f、g、o 同 ``nn.LSTM``，g 是候选记忆元。
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ORDER = ("i", "f", "g", "o")


@dataclass(frozen=True)
class Step:
    """走一步的全部中间量，各是 (B, H)；走了 T 步的叠在一起，是 (B, T, H)。

    三个门取值 (0, 1)，候选与隐状态取值 (−1, 1)，记忆元不受限。
    """

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor
    cell: Tensor
    hidden: Tensor

    def at(self, t: int) -> "Step":
        """从叠在一起的许多步里取出第 ``t`` 步，各是 (B, H)。"""
        return Step(*(getattr(self, name)[:, t] for name in self.__dataclass_fields__))


class LSTMCell(nn.Module):
    """一步：三个门、一个候选、一个记忆元；交给 ``Unrolled`` 就是一层，共 4H(D + H + 1) 个参数。

    权重的形状同 ``nn.LSTM``；``nn.LSTM`` 有两个偏置，加起来才是这里的一个。

    形状:
        x: (B, D)；state: (隐状态, 记忆元)，都是 (B, H)。
        返回值: 输出 (B, H)，就是新的隐状态；新的 (隐状态, 记忆元)。
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        rows, bound = 4 * hidden_size, 1 / math.sqrt(hidden_size)  # 与 nn.LSTM 相同的初始化
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(rows).uniform_(-bound, bound))

    def initial(self, batch_size: int) -> tuple[Tensor, Tensor]:
        zeros = self.bias.new_zeros(batch_size, len(self.bias) // 4)
        return zeros, zeros

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        step = self.step(x, state)
        return step.hidden, (step.hidden, step.cell)

    def step(self, x: Tensor, state: tuple[Tensor, Tensor]) -> Step:
        """走一步，留下每个中间量；形状同 ``forward``。"""
        hidden, cell = state
        # 四组权重叠成一个矩阵，一次乘完，再切成四份。
        sums = x @ self.weight_ih.T + hidden @ self.weight_hh.T + self.bias  # (B, 4H)
        i, f, g, o = sums.chunk(4, dim=1)
        i, f, o = i.sigmoid(), f.sigmoid(), o.sigmoid()
        g = g.tanh()
        cell = f * cell + i * g
        return Step(i, f, g, o, cell, o * cell.tanh())

    @torch.no_grad()
    def copy_from(self, layer: nn.LSTM, number: int = 0) -> None:
        """抄下 ``layer`` 第 ``number`` 层的权重；两个偏置相加。"""
        self.weight_ih.copy_(layer.get_parameter(f"weight_ih_l{number}"))
        self.weight_hh.copy_(layer.get_parameter(f"weight_hh_l{number}"))
        biases = (layer.get_parameter(f"bias_{part}_l{number}") for part in ("ih", "hh"))
        self.bias.copy_(sum(biases, torch.zeros(())))


def trace(cell: LSTMCell, x: Tensor) -> Step:
    """从零状态起读完 ``x`` (B, T, D)，返回每一步的中间量，各是 (B, T, H)；T 为 0 时抛出 ``ValueError``。"""
    if x.shape[1] == 0:
        raise ValueError(f"至少要有一步，得到 {tuple(x.shape)}")
    state, steps = cell.initial(len(x)), []
    for x_t in x.unbind(dim=1):
        steps.append(step := cell.step(x_t, state))
        state = step.hidden, step.cell
    names = Step.__dataclass_fields__
    return Step(*(torch.stack([getattr(step, name) for step in steps], dim=1) for name in names))


@torch.no_grad()
def set_gate_bias(layer: nn.LSTM | LSTMCell, gate: str, value: float) -> None:
    """把每一层的一个门的偏置就地设为 ``value``；``nn.LSTM`` 的两个偏置里，一个设为它，另一个设为 0。

    参数:
        gate: ``"i"``、``"f"``、``"g"`` 或 ``"o"``，其他的抛出 ``ValueError``。
    """
    if gate not in ORDER:
        raise ValueError(f"gate 应是 {'、'.join(ORDER)} 之一，得到 {gate!r}")
    for name, bias in layer.named_parameters():
        if name.startswith("bias"):
            rows = bias.chunk(4)[ORDER.index(gate)]
            # 两个偏置都设成 value 的话，合起来就是两倍。
            rows.fill_(0 if name.startswith("bias_hh") else value)


def state_jacobian(cell: LSTMCell, before: Step, after: Step) -> Tensor:
    r"""返回 :math:`(C_t, H_t)` 对 :math:`(C_{t-1}, H_{t-1})` 的雅可比矩阵；左上角的一块是 diag(F)。

    两步之间的信息只经过这一对状态，所以隔许多步的导数就是这些矩阵的连乘。

    参数:
        before, after: 相邻的两步，同一批样本。

    形状:
        返回值: (B, 2H, 2H)，前 H 行、列是记忆元，后 H 行、列是隐状态。
    """
    i, f, g, o = after.input_gate, after.forget_gate, after.candidate, after.output_gate
    to_i, to_f, to_g, to_o = cell.weight_hh.chunk(4)  # 各 (H, H)
    cell_by_hidden = (
        (g * i * (1 - i))[..., None] * to_i
        + (before.cell * f * (1 - f))[..., None] * to_f
        + (i * (1 - g.square()))[..., None] * to_g
    )
    read = after.cell.tanh()
    slope = o * (1 - read.square())  # H_t 对 C_t 的导数
    hidden_by_hidden = slope[..., None] * cell_by_hidden + (read * o * (1 - o))[..., None] * to_o
    top = torch.cat([torch.diag_embed(f), cell_by_hidden], dim=2)
    bottom = torch.cat([torch.diag_embed(slope * f), hidden_by_hidden], dim=2)
    return torch.cat([top, bottom], dim=1)
