"""锚框：先在每个像素上放几个固定的框，网络只要说出离哪个框差多少。

来源：Ren et al., "Faster R-CNN", NIPS 2015, §3.1；Liu et al., "SSD", ECCV 2016, §2.2；
    大小与宽高比的 n + m − 1 种搭配同《动手学深度学习》13.4 节。
差异：坐标是像素（书里除以了图的宽高）。像素是方的，宽高比就是 r，不必再乘 H/W；
    除以宽高之后，同样的框的宽要写成 s·√r·H/W。
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlnotes.vision.boxes import center_to_corner, corner_to_center

# 偏移量除以它们，四个数的方差大致都成了 1；来自 SSD 作者的代码，论文里没有写。
CENTER_UNIT, SIZE_UNIT = 0.1, 0.2


def shapes(sizes: Sequence[float], ratios: Sequence[float], height: int) -> Tensor:
    """每个像素上那几个锚框的宽与高，(n + m − 1, 2)，像素。

    全配有 n·m 种，太多；只取每个大小配第一个宽高比，与第一个大小配其余的宽高比。

    参数:
        sizes: n 个，边长占图高 ``height`` 的几分之几；宽高比为 1 时锚框是方的。
        ratios: m 个，宽比高。
    """
    pairs = [(s, ratios[0]) for s in sizes] + [(sizes[0], r) for r in ratios[1:]]
    return torch.tensor([[s * height * r**0.5, s * height / r**0.5] for s, r in pairs])


def grid(
    rows: int, columns: int, sizes: Sequence[float], ratios: Sequence[float], height: int, width: int
) -> Tensor:
    """特征图的每个像素上各放 a = n + m − 1 个锚框，角点，像素；可以超出图外。

    次序是行、列、锚框，与卷积的输出把通道移到最后再展平相同。

    形状:
        特征图 (rows, columns)，原图 (height, width)；返回值: (rows·columns·a, 4)。
    """
    y = (torch.arange(rows) + 0.5) * (height / rows)
    x = (torch.arange(columns) + 0.5) * (width / columns)
    sides = shapes(sizes, ratios, height)
    centers = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)  # (rows, columns, 2)，先 x 后 y
    where = centers[:, :, None].expand(-1, -1, len(sides), -1)
    return center_to_corner(torch.cat([where, sides.expand_as(where)], dim=-1)).view(-1, 4)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """真实框相对锚框的偏移量：中心差几个锚框宽高，宽高是几倍（取对数）。

    形状:
        boxes, anchors: (..., 4) 角点，可广播；返回值: (..., 4)。没有面积的框得到 −∞。
    """
    b, a = corner_to_center(boxes), corner_to_center(anchors)
    center = (b[..., :2] - a[..., :2]) / a[..., 2:] / CENTER_UNIT
    size = (b[..., 2:] / a[..., 2:]).log() / SIZE_UNIT
    return torch.cat([center, size], dim=-1)


def decode(offsets: Tensor, anchors: Tensor) -> Tensor:
    """``encode`` 的逆：把锚框按偏移量挪动、缩放，返回角点；形状 (..., 4)，可广播。"""
    a = corner_to_center(anchors)
    center = offsets[..., :2] * CENTER_UNIT * a[..., 2:] + a[..., :2]
    # 刚开始训练时偏移量可能很大：不截住，exp 会溢出成无穷大。
    size = (offsets[..., 2:] * SIZE_UNIT).clamp(max=5).exp() * a[..., 2:]
    return center_to_corner(torch.cat([center, size], dim=-1))
