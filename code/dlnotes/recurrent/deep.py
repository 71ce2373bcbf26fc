"""深层循环神经网络：几个循环层摞起来，下面一层每一步的输出，是上面一层同一步的输入。

来源：Graves, "Speech Recognition with Deep Recurrent Neural Networks", ICASSP 2013, 图 3 与式 (11)；
层间丢弃：Zaremba et al., "Recurrent Neural Network Regularization", arXiv:1409.2329, 2014, 图 2。
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes.recurrent.rnn import Cell, State


class Stacked(nn.Module):
    """由下到上摞起来的循环层，本身也是一个循环层；``nn.RNN(num_layers=L)`` 就是这样的 L 层。

    参数:
        layers: 由下到上的循环层，各以 ``layer(x, state)`` 调用，宽度可以不同；没有时抛出 ``ValueError``。
        dropout: 层与层之间丢弃的比例；最上面的输出不丢，沿时间传的状态也不丢。
        residual: 从第二层起，把每一层的输入加到它的输出上；输入与输出必须一样宽。

    形状:
        x: (B, T, D)。
        state: 各层状态的元组，由下到上；不给时每一层都从它自己的初始状态开始。
        返回值: 最上面一层每一步的输出 (B, T, H)，各层最后状态的元组。
    """

    batch_first = True

    def __init__(self, layers: Sequence[nn.Module], dropout: float = 0.0, residual: bool = False) -> None:
        super().__init__()
        if not layers:
            raise ValueError("至少要有一层")
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)
        self.residual = residual

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        outputs, lasts = self.every_layer(x, state)
        return outputs[-1], lasts

    def every_layer(self, x: Tensor, state: State | None = None) -> tuple[list[Tensor], tuple[State, ...]]:
        """同 ``forward``，但给出每一层每一步的输出，由下到上。"""
        states = [None] * len(self.layers) if state is None else state
        outputs: list[Tensor] = []
        lasts: list[State] = []
        for number, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            below = self.dropout(outputs[-1]) if outputs else x
            output, last = layer(below, before)
            outputs.append(output + below if self.residual and number > 0 else output)
            lasts.append(last)
        return outputs, tuple(lasts)


class ForgetfulCell(nn.Module):
    """反面教材：每一步都把传下去的状态随机丢掉一些；评估时什么也不做。

    参数:
        cell: 状态是一个张量的单元。
        dropout: 每一步丢弃的比例 p；留下的除以 1−p。

    形状:
        x: (B, D)；state: (B, H)；返回值同 ``cell``。
    """

    def __init__(self, cell: Cell, dropout: float) -> None:
        super().__init__()
        self.cell = cell
        self.dropout = dropout

    def initial(self, batch_size: int) -> State:
        return self.cell.initial(batch_size)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, State]:
        return self.cell(x, F.dropout(state, self.dropout, self.training))


@torch.no_grad()
def memory_by_distance(core: Stacked, x: Tensor, distances: Sequence[int]) -> Tensor:
    """改掉最后一步之前第 k 步的输入，看最后一步每一层的输出变多少：相对于输出本身的大小。

    改法：整批里换成下一行同一步的输入，所以仍是真实的输入。

    参数:
        distances: 各个 k，从 0（就是最后一步）到 T−1。

    形状:
        x: (B, T, D)，B ≥ 2。
        返回值: (层数, 距离的个数)，不小于 0；0 是完全忘了。

    k 越界时抛出 ``ValueError``。
    """
    T = x.shape[1]
    if not all(0 <= k < T for k in distances):
        raise ValueError(f"距离应在 0 到 {T - 1} 之间，得到 {list(distances)}")
    outputs, _ = core.every_layer(x)
    rows = []
    for k in distances:
        changed = x.clone()
        changed[:, T - 1 - k] = x.roll(1, dims=0)[:, T - 1 - k]
        moved, _ = core.every_layer(changed)
        rows.append(
            [
                ((b - a)[:, -1].norm(dim=1) / a[:, -1].norm(dim=1)).mean()
                for a, b in zip(outputs, moved, strict=True)
            ]
        )
    return torch.tensor(rows).T
