"""一批图的标注：每张图物体数不同，用 −1 补齐成一个张量。

约定同《动手学深度学习》13.6 节：每行（类别, x1, y1, x2, y2），补的行全是 −1。
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Target = Mapping[str, Tensor]  # boxes: (m, 4)，labels: (m,)；torchvision 检测模型的写法


def pad(targets: Sequence[Target], rows: int | None = None) -> Tensor:
    """补齐成 (N, M, 5)，float32；M 是最多的一张图的物体数，或给定的 ``rows``。

    某张图的物体比 ``rows`` 还多时抛出 ``ValueError``：悄悄丢掉几个，网络会把它们当成背景来学。
    """
    most = max((len(target["labels"]) for target in targets), default=0)
    rows = most if rows is None else rows
    if most > rows:
        raise ValueError(f"有一张图 {most} 个物体，补不进 {rows} 行")
    padded = torch.full((len(targets), rows, 5), -1.0)
    for sheet, target in zip(padded, targets, strict=True):
        m = len(target["labels"])
        sheet[:m, 0] = target["labels"]
        sheet[:m, 1:] = target["boxes"]
    return padded


def unpad(padded: Tensor) -> list[dict[str, Tensor]]:
    """``pad`` 的逆：(N, M, 5) → 一张图一个字典，类别小于 0 的行不要。"""
    kept = [rows[rows[:, 0] >= 0] for rows in padded]
    return [{"boxes": rows[:, 1:], "labels": rows[:, 0].long()} for rows in kept]
