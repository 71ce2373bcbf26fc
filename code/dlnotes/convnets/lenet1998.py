"""1998 年的 LeNet-5 究竟有多大：C3 的稀疏连接与逐层的可训练参数。

论文：LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86(11), 1998,
§II-B 与表 I。
"""

import torch
from torch import Tensor

# 表 I：C3 的每个特征图接 S2 的哪几个。不全接，既省参数，也迫使不同的图学不同的特征。
C3_INPUTS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1)),  # 相邻三个
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2)),  # 相邻四个
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),  # 不相邻的四个
    (0, 1, 2, 3, 4, 5),  # 全部六个
)


def c3_table() -> Tensor:
    """返回表 I：(16, 6) 的布尔张量，[o, c] 为真表示 C3 的第 o 个图接 S2 的第 c 个图。"""
    table = torch.zeros(16, 6, dtype=torch.bool)
    for o, inputs in enumerate(C3_INPUTS):
        table[o, list(inputs)] = True
    return table


def c3_parameters(table: Tensor, kernel_size: int = 5) -> int:
    """返回按 ``table`` 连接时 C3 的参数个数：每条连接一个核，每个输出图一个偏置。

    形状:
        table: (out_channels, in_channels)，布尔。
    """
    return int(table.sum()) * kernel_size**2 + len(table)


def original_parameters() -> dict[str, int]:
    """返回原网络逐层的可训练参数，总和 60,000；输出层的 RBF 中心是人工写定的，不训练。"""
    return {
        "C1": 6 * (5 * 5 + 1),
        "S2": 6 * 2,  # 每个图一个系数、一个偏置：四个像素之和乘系数、加偏置，再过 sigmoid
        "C3": c3_parameters(c3_table()),
        "S4": 16 * 2,
        "C5": 120 * (16 * 5 * 5 + 1),
        "F6": 84 * (120 + 1),
    }
