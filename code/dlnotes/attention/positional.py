"""位置：正余弦编码，相对位移是旋转，以及直接旋转查询与键的 RoPE。

论文：Vaswani et al., NeurIPS 2017，§3.5；Su et al., "RoFormer", 2021，§3.2（旋转位置编码）。
"""

import torch
from torch import Tensor, nn


def frequencies(width: int, base: float = 10_000.0) -> Tensor:
    """(width/2,) 的角频率，从 1 等比地降到约 1/``base``；``width`` 是奇数时抛出 ``ValueError``。"""
    if width % 2:
        raise ValueError(f"宽度须是偶数，正弦与余弦才成对，得到 {width}")
    return base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)


def sinusoidal(positions: Tensor, width: int, base: float = 10_000.0) -> Tensor:
    """(T,) 的位置 → (T, ``width``)：第 2i 列是 sin(ω_i t)，第 2i+1 列是 cos(ω_i t)。"""
    angles = positions.to(torch.float64)[:, None] * frequencies(width, base).to(positions.device)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1).float()


def shift(width: int, offset: float, base: float = 10_000.0) -> Tensor:
    """(width, width) 的分块旋转 R，使 P(t + ``offset``) = R P(t)，与 t 无关；R 是正交阵。"""
    angles = offset * frequencies(width, base)
    sin, cos = angles.sin(), angles.cos()
    blocks = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)  # (D/2, 2, 2)
    return torch.block_diag(*blocks)


def rotate(x: Tensor, start: int = 0, base: float = 10_000.0) -> Tensor:
    """RoPE：(..., T, D) 的第 t 行每两列一对，转 (``start`` + t)·ω_i 角。

    查询与键都这样转，内积就只看两者相隔多远；不改长度，也没有参数。
    """
    positions = torch.arange(start, start + x.shape[-2], dtype=torch.float64)
    angles = positions[:, None] * frequencies(x.shape[-1], base)  # (T, D/2)
    sin, cos = angles.sin().to(x), angles.cos().to(x)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


class PositionalEncoding(nn.Module):
    """加上正余弦编码，再丢弃；没有参数。

    参数:
        longest: 事先算好多少个位置；用到更远的位置时抛出 ``ValueError``。

    形状:
        x: (B, T, D)；``start`` 是第一个词元的位置：逐词解码时要传入已经读过多少个。
    """

    def __init__(self, width: int, *, dropout: float = 0.0, longest: int = 1000) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.table: Tensor
        self.register_buffer("table", sinusoidal(torch.arange(longest), width), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        end = start + x.shape[1]
        if end > len(self.table):
            raise ValueError(f"位置只备到 {len(self.table)}，要用到 {end}")
        encoded: Tensor = self.dropout(x + self.table[start:end])
        return encoded
