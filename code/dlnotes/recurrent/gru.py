"""门控循环单元（GRU）：两个门决定旧状态留多少、候选状态里旧状态用多少。

论文：Cho et al., "Learning Phrase Representations using RNN Encoder–Decoder", EMNLP 2014, §2.3 式 (5)–(8)。
重置门有两种放法：乘在矩阵之前（这篇论文的定稿，《动手学》9.1 节），或乘在矩阵之后（cuDNN 与 ``nn.GRU``）。
"""

import math

import torch
from torch import Tensor, nn


class GRUCell(nn.Module):
    r"""一步：由输入与上一步的状态算出两个门与候选，再把旧状态与候选按更新门混合。

    权重的形状与次序同 ``nn.GRU``，三块依次是重置门、更新门、候选。共 3H(D + H + 1) 个参数；
    ``reset_after`` 时候选多一个偏置，共 3H(D + H + 1) + H 个。

    参数:
        reset_after: 假时候选是 tanh(W x + b + U (r ⊙ h))；真时是 tanh(W x + b + r ⊙ (U h + b_hn))。

    形状:
        x: (B, D)；state: (B, H)。
        返回值: 输出 (B, H)，新的状态 (B, H)，两者是同一个张量。
    """

    def __init__(self, input_size: int, hidden_size: int, *, reset_after: bool = False) -> None:
        super().__init__()
        self.hidden_size = H = hidden_size
        bound = 1 / math.sqrt(H)  # 与 nn.GRU 相同的初始化
        self.weight_ih = nn.Parameter(torch.empty(3 * H, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(3 * H, H).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(3 * H).uniform_(-bound, bound))
        self.bias_hn = nn.Parameter(torch.empty(H).uniform_(-bound, bound)) if reset_after else None

    def initial(self, batch_size: int) -> Tensor:
        return self.bias.new_zeros(batch_size, self.hidden_size)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        reset, update = self.gates(x, state)
        candidate = self.candidate(x, state, reset)
        state = update * state + (1 - update) * candidate
        return state, state

    def gates(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """返回重置门与更新门，都是 (B, H)，取值 [0, 1]。"""
        weight_ih, weight_hh, bias = self._rows(slice(None, 2 * self.hidden_size))
        reset, update = (x @ weight_ih.T + state @ weight_hh.T + bias).sigmoid().chunk(2, dim=1)
        return reset, update

    def candidate(self, x: Tensor, state: Tensor, reset: Tensor) -> Tensor:
        """返回候选状态 (B, H)，取值 (−1, 1)；``reset`` (B, H) 管它看见多少旧状态。"""
        weight_ih, weight_hh, bias = self._rows(slice(2 * self.hidden_size, None))
        seen = x @ weight_ih.T + bias
        if self.bias_hn is None:
            return (seen + (reset * state) @ weight_hh.T).tanh()
        # 重置门在矩阵之后：h 的三次矩阵乘法可以并成一次，cuDNN 因此更快。
        return (seen + reset * (state @ weight_hh.T + self.bias_hn)).tanh()

    def _rows(self, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        return self.weight_ih[rows], self.weight_hh[rows], self.bias[rows]

    @torch.no_grad()
    def copy_from(self, layer: nn.GRU, number: int = 0) -> None:
        """抄下 ``layer`` 第 ``number`` 层的权重；能相加的偏置相加。

        没有 ``reset_after`` 时公式不同：只有重置门全是 1，输出才与 ``layer`` 相等。
        """
        self.weight_ih.copy_(layer.get_parameter(f"weight_ih_l{number}"))
        self.weight_hh.copy_(layer.get_parameter(f"weight_hh_l{number}"))
        bias = layer.get_parameter(f"bias_ih_l{number}")
        recurrent = layer.get_parameter(f"bias_hh_l{number}").clone()
        if self.bias_hn is not None:
            # 候选的这一个偏置要乘重置门，不能与另一个相加。
            self.bias_hn.copy_(recurrent[-self.hidden_size :])
            recurrent[-self.hidden_size :] = 0
        self.bias.copy_(bias + recurrent)


@torch.no_grad()
def gate_activity(cell: GRUCell, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """让 ``cell`` 读完 ``x``，返回每一步的重置门与更新门。

    形状:
        x: (B, T, D)；state: (B, H)，不给时是 0。
        返回值: 两个 (B, T, H)，取值 [0, 1]。
    """
    state = cell.initial(len(x)) if state is None else state
    resets, updates = [], []
    for x_t in x.unbind(dim=1):
        reset, update = cell.gates(x_t, state)
        _, state = cell(x_t, state)
        resets.append(reset)
        updates.append(update)
    return torch.stack(resets, dim=1), torch.stack(updates, dim=1)
