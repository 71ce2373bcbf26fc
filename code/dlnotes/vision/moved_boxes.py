"""图动了，框跟着动：翻转、裁剪、转 90 度，以及转任意角度时框为什么会变松。

框写成 (左, 上, 右, 下)，以像素的**边**计：第 0 个像素从 0 到 1，所以宽就是右减左，整张图是 (0, 0, W, H)。
"""

import math

import torch
from torch import Tensor


def tight_boxes(masks: Tensor) -> Tensor:
    """恰好包住每个掩码的框；``torchvision.ops.masks_to_boxes`` 的右、下是最后一个像素的下标，比它小 1。

    形状:
        masks: (N, H, W)，布尔；返回值: (N, 4)，float32。

    有掩码是空的时抛出 ``ValueError``。
    """
    if not masks.flatten(1).any(dim=1).all():
        raise ValueError("有的掩码是空的，没有框")
    boxes = []
    for mask in masks:
        y, x = mask.nonzero(as_tuple=True)
        boxes.append([x.min().item(), y.min().item(), x.max().item() + 1, y.max().item() + 1])
    return torch.tensor(boxes, dtype=torch.float32)


def flip_boxes(boxes: Tensor, width: int) -> Tensor:
    """随图左右翻转：左边变成右边，所以两个横坐标还要交换。

    形状:
        boxes: (N, 4)，返回值相同。
    """
    left, top, right, bottom = boxes.unbind(1)
    return torch.stack([width - right, top, width - left, bottom], dim=1)


def crop_boxes(boxes: Tensor, window: tuple[int, int, int, int]) -> Tensor:
    """随图裁到 ``window``，即 (上, 左, 高, 宽)：先平移，再截到窗口里；全在窗口外的框，面积成为 0。

    形状:
        boxes: (N, 4)，返回值相同。
    """
    top, left, h, w = window
    moved = boxes - boxes.new_tensor([left, top, left, top])
    return moved.clamp(min=0).minimum(moved.new_tensor([w, h, w, h]))


def quarter_turn_boxes(boxes: Tensor, width: int) -> Tensor:
    """随图逆时针转 90 度；原来的宽 ``width`` 成为高。

    形状:
        boxes: (N, 4)，返回值相同。
    """
    left, top, right, bottom = boxes.unbind(1)
    return torch.stack([top, width - right, bottom, width - left], dim=1)


def turned_size(width: float, height: float, degrees: float) -> tuple[float, float]:
    """宽 ``width``、高 ``height`` 的框转过 ``degrees`` 度以后，包住它四个角的正框的宽与高。"""
    c, s = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    return width * c + height * s, width * s + height * c
