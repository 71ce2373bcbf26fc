"""注意力：查询与键打分，遮住无效的位置，softmax 成权重，对值加权求和。

来源：Nadaraya (1964) 与 Watson (1964) 的核回归；加性打分见 Bahdanau et al., ICLR 2015，附录 A.1.2；
缩放点积见 Vaswani et al., NeurIPS 2017，§3.2.1。掩码都是布尔值，真的位置可以看。
"""

import math
from typing import cast

import torch
from torch import Tensor, nn


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """沿最后一维的 softmax，只在 ``mask`` 为真处；其余是 0。

    有真的行和为 1；整行都是假的，权重与梯度都是 0，不是 NaN。

    形状:
        scores: (..., T_k)；mask: 可广播到 ``scores``。
    """
    if mask is None:
        return scores.softmax(dim=-1)
    # 不填 -inf：整行都是它时，softmax 得 0/0。填最小的有限数，再把无效处清零。
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, lowest).softmax(dim=-1).masked_fill(~mask, 0.0)


def scaled_dot_product(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """softmax(q kᵀ / √d) v；返回加权和 (..., T_q, d_v) 与权重 (..., T_q, T_k)。没有参数。

    形状:
        q: (..., T_q, d)；k: (..., T_k, d)；v: (..., T_k, d_v)；mask: 可广播到 (..., T_q, T_k)。

    ``q`` 与 ``k`` 宽度不同时抛出 ``ValueError``。
    """
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"点积要求查询与键一样宽，得到 {q.shape[-1]} 与 {k.shape[-1]}")
    weights = masked_softmax(q @ k.mT / math.sqrt(q.shape[-1]), mask)
    return weights @ v, weights


class AdditiveAttention(nn.Module):
    """打分是 wᵀ tanh(W_q q + W_k k)，查询与键的宽度可以不同；都没有偏置，共 h(d_q + d_k + 1) 个参数。

    形状:
        q: (..., T_q, d_q)；k: (..., T_k, d_k)；v: (..., T_k, d_v)；mask: 可广播到 (..., T_q, T_k)。
        返回值: 加权和 (..., T_q, d_v)，权重 (..., T_q, T_k)。
    """

    def __init__(self, query_size: int, key_size: int, hidden: int) -> None:
        super().__init__()
        self.W_q = nn.Linear(query_size, hidden, bias=False)
        self.W_k = nn.Linear(key_size, hidden, bias=False)
        self.w = nn.Linear(hidden, 1, bias=False)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.attend(q, self.project(k), v, mask)

    def project(self, k: Tensor) -> Tensor:
        """W_k k：(..., T_k, d_k) → (..., T_k, h)。键不随解码的步数变，算一次就够。"""
        return cast(Tensor, self.W_k(k))

    def attend(
        self, q: Tensor, projected: Tensor, v: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """同 ``forward``，只是键已经投影过。"""
        # 每一对（查询，键）一个 h 维的向量，这里最占内存。
        features = torch.tanh(self.W_q(q)[..., :, None, :] + projected[..., None, :, :])  # (..., T_q, T_k, h)
        weights = masked_softmax(self.w(features).squeeze(-1), mask)
        return weights @ v, weights


def kernel_regression(
    x: Tensor, keys: Tensor, values: Tensor, width: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Nadaraya–Watson：用高斯核作权重，对 ``values`` 求平均；返回预测 (Q,) 与权重 (Q, N)。

    打分是 −(x − x_i)² / (2 width²)：越近分越高。``width`` 趋于无穷就是普通的平均，趋于 0 就只看最近的一个。

    形状:
        x: (Q,)，查询；keys, values: (N,)，训练的输入与输出。
    """
    scores = -((x[:, None] - keys) ** 2) / (2 * width**2)
    weights = masked_softmax(scores)
    return weights @ values, weights
