"""多头注意力：同一次矩阵乘法里并排做 h 份注意力，各看各的子空间。

论文：Vaswani et al., "Attention Is All You Need", NeurIPS 2017，§3.2.2、图 2。
差异：不在权重上丢弃（论文 §5.4 只在子层的输出上丢弃；``nn.MultiheadAttention(dropout=…)`` 丢的是权重）。
掩码一律是布尔值，真 = 看得见；与 ``F.scaled_dot_product_attention`` 相同，与 ``nn.MultiheadAttention`` 相反。
"""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from dlnotes.attention.scoring import scaled_dot_product

Pair: TypeAlias = tuple[Tensor, Tensor]  # 已分头的键与值，各 (B, h, T, D/h)


class MultiHeadAttention(nn.Module):
    """h 个头，每个宽 ``width / heads``；四个方阵，共 4·width² 个权重（``bias`` 另加 4·width）。

    ``width`` 不能被 ``heads`` 整除时抛出 ``ValueError``。

    形状:
        queries: (B, T_q, D)；keys、values: (B, T_k, D)。
        mask: 能广播到 (B, T_q, T_k)，真 = 看得见；不给就全看得见。
        返回值: 输出 (B, T_q, D)，各头的权重 (B, h, T_q, T_k)。
    """

    def __init__(self, width: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"宽度 {width} 不能均分给 {heads} 个头")
        self.heads = heads
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.output = nn.Linear(width, width, bias=bias)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.attend(queries, self.project(keys, values), mask)

    def project(self, keys: Tensor, values: Tensor) -> Pair:
        """算出各头的键与值；它们与查询无关，所以逐词解码时可以留着下一步再用。"""
        return self.split(self.key(keys)), self.split(self.value(values))

    def attend(self, queries: Tensor, pair: Pair, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """用现成的键与值做注意力；形状同 ``forward``。"""
        if mask is not None and mask.ndim == 3:
            mask = mask[:, None]  # (B, 1, T_q, T_k)：各头用同一个掩码
        heads, weights = scaled_dot_product(self.split(self.query(queries)), *pair, mask)
        return self.output(self.merge(heads)), weights

    def split(self, x: Tensor) -> Tensor:
        """(B, T, D) → (B, h, T, D/h)：头并进批量的维度，后面的矩阵乘法一次算完。"""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def merge(self, x: Tensor) -> Tensor:
        """(B, h, T, D/h) → (B, T, D)：``split`` 的逆，各头拼接。"""
        return x.transpose(1, 2).flatten(2)


def causal_mask(queries: int, keys: int | None = None, *, device: torch.device | None = None) -> Tensor:
    """(T_q, T_k) 的下三角：最后一个查询看得见全部的键，往前每退一步少看一个。

    ``keys`` 不给就是 ``queries``；更大时，多出的是缓存里更早的键。比查询少时抛出 ``ValueError``。
    """
    keys = queries if keys is None else keys
    if keys < queries:
        raise ValueError(f"键不能比查询少，得到 {keys} 与 {queries}")
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def padding_mask(lengths: Tensor, steps: int) -> Tensor:
    """(B,) 的有效长度 → (B, 1, ``steps``)：谁都看不见填充。"""
    return (torch.arange(steps, device=lengths.device) < lengths[:, None])[:, None]


def extend(past: Pair | None, present: Pair) -> Pair:
    """把新的键与值接在缓存之后；没有缓存就是新的。"""
    if past is None:
        return present
    return torch.cat([past[0], present[0]], dim=2), torch.cat([past[1], present[1]], dim=2)
