"""像素的标签：颜色与类别互换，“不算”的 255，物体的边界。

颜色表的规则来自 PASCAL VOC 开发包的 VOClabelcolormap：类别号的各个二进制位轮流放进 R、G、B 的高位。
"""

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORE = 255  # 标签里的“不算”（void）：不计损失，不计精度
VOC_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip


def voc_palette(num_classes: int = len(VOC_CLASSES)) -> Tensor:
    """VOC 的颜色表，(num_classes, 3)，uint8；第 255 号就是 void 的颜色 (224, 224, 192)。"""
    palette = torch.zeros(num_classes, 3, dtype=torch.uint8)
    for k in range(num_classes):
        for bit in range(8):  # 第 bit 位放进第 bit % 3 个通道，从最高位往下放
            palette[k, bit % 3] |= (k >> bit & 1) << (7 - bit // 3)
    return palette


def to_labels(colors: Tensor, palette: Tensor) -> Tensor:
    """颜色 → 类别；不在颜色表里的颜色是 ``IGNORE``，不是背景。

    形状:
        colors: (..., 3)，uint8；palette: (K, 3)，uint8，K ≤ 255。
        返回值: (...)，int64。
    """
    table = torch.full((256**3,), IGNORE)
    table[_code(palette)] = torch.arange(len(palette))
    return table[_code(colors)]


def to_colors(labels: Tensor, palette: Tensor, void: tuple[int, int, int] = (224, 224, 192)) -> Tensor:
    """类别 → 颜色，``IGNORE`` 用 ``void``；形状 (...) → (..., 3)，uint8。"""
    table = torch.tensor(void, dtype=torch.uint8).repeat(256, 1)
    table[: len(palette)] = palette
    return table[labels]


def boundary(labels: Tensor, width: int) -> Tensor:
    """离类别的分界不超过 ``width`` 个像素的带子：方圆 ``width`` 之内不止一类。

    形状:
        labels: (N, H, W)，整数；返回值: 同形，布尔。
    """
    values, k = labels[:, None].float(), 2 * width + 1
    # 填充填的是负无穷：图外不算。最小值就是相反数的最大值。
    largest, smallest = (sign * F.max_pool2d(sign * values, k, 1, width) for sign in (1, -1))
    return (largest != smallest)[:, 0]


def with_void(labels: Tensor, width: int = 1) -> Tensor:
    """像 VOC 那样把分界两侧的 ``width`` 个像素标成 ``IGNORE``；形状不变。"""
    return labels.masked_fill(boundary(labels, width), IGNORE)


def _code(colors: Tensor) -> Tensor:
    """三个字节拼成一个整数，查表时当下标。"""
    r, g, b = colors.long().unbind(-1)
    return (r * 256 + g) * 256 + b
