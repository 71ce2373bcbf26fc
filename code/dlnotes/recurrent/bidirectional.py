"""双向循环层：一个核心从左读到右，另一个从右读到左，每一步的两个输出拼在一起。

来源：Schuster, Paliwal, "Bidirectional Recurrent Neural Networks", IEEE Trans. Signal Processing 45(11),
1997, §II，图 3。核心是任何循环层：``Unrolled(单元)``，或 ``batch_first=True`` 的 ``nn.RNN``、``nn.GRU``、
``nn.LSTM``。
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Bidirectional(nn.Module):
    """两个核心，参数各是各的；少给一个就是单向的，做对照用。

    参数:
        ahead: 从左读到右的核心。
        back: 从右读到左的核心；它读的是倒过来的序列，自己并不知道。

    两个都不给时抛出 ``ValueError``。

    形状:
        x: (B, T, D)。
        lengths: (B,)，每句的有效长度，1 到 T；不给就是都有 T 步。填充在右边。
        返回值: 每一步的输出 (B, T, 2H)，填充处是 0；两头的输出 (B, 2H)：前向读完最后一个有效位置、
            反向读完第一个位置时的输出，各自都看过整句。
    """

    def __init__(self, ahead: nn.Module | None, back: nn.Module | None) -> None:
        super().__init__()
        if ahead is None and back is None:
            raise ValueError("至少要有一个方向")
        self.ahead, self.back = ahead, back

    def read(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """返回各个方向每一步的输出，各是 (B, T, H)，都按原来的次序；填充处的数没有意义。"""
        directions = []
        if self.ahead is not None:
            directions.append(self.ahead(x)[0])
        if self.back is not None:
            # 只倒有效的部分：填充仍在最后，反向的状态就不会先被填充弄脏。
            outputs, _ = self.back(reverse(x, lengths))
            directions.append(reverse(outputs, lengths))
        return directions

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        B, T, _ = x.shape
        if lengths is None:
            lengths = torch.full((B,), T, device=x.device)
        directions = self.read(x, lengths)
        valid = torch.arange(T, device=x.device) < lengths[:, None]  # (B, T)
        ends = []
        if self.ahead is not None:
            ends.append(directions[0][torch.arange(B, device=x.device), lengths - 1])
        if self.back is not None:
            ends.append(directions[-1][:, 0])
        outputs = torch.cat(directions, dim=2)  # (B, T, 2H)
        return outputs.masked_fill(~valid[:, :, None], 0), torch.cat(ends, dim=1)


def reverse(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """沿时间倒过来；给了 ``lengths`` 就只倒每句有效的部分，填充留在原处。倒两次就是原样。

    形状:
        x: (B, T, ...)；lengths: (B,)，取值 0 到 T，越界时抛出 ``ValueError``。
        返回值: 同 ``x``。
    """
    if lengths is None:
        return x.flip(1)
    B, T = x.shape[:2]
    if lengths.shape != (B,) or ((lengths < 0) | (lengths > T)).any():
        raise ValueError(f"lengths 应是 ({B},)，取值 0 到 {T}，得到 {lengths.tolist()}")
    steps = torch.arange(T, device=x.device).expand(B, T)
    mirrored = lengths[:, None] - 1 - steps
    source = torch.where(mirrored >= 0, mirrored, steps)  # (B, T)
    return x[torch.arange(B, device=x.device)[:, None], source]


def direction(layer: nn.RNNBase, *, back: bool) -> nn.RNNBase:
    """抄出一层双向 ``layer`` 的一个方向，成为同类的单向层；它的 ``batch_first`` 是 True。

    ``layer`` 不是一层双向、没有投影时抛出 ``ValueError``。
    """
    if not layer.bidirectional or layer.num_layers != 1 or layer.proj_size:
        raise ValueError("layer 应是一层的双向循环层，没有投影")
    options = {"nonlinearity": layer.nonlinearity} if isinstance(layer, nn.RNN) else {}
    kind: Callable[..., nn.RNNBase] = type(layer)
    single = kind(layer.input_size, layer.hidden_size, bias=layer.bias, batch_first=True, **options)
    suffix = "_reverse" if back else ""
    with torch.no_grad():
        for name, parameter in single.named_parameters():
            parameter.copy_(layer.get_parameter(name + suffix))
    return single
