"""边界框：两种写法的互转、面积、裁剪、缩放、翻转、交并比。

约定：角点写法 (x1, y1, x2, y2)，中心写法 (cx, cy, w, h)，单位是像素，原点在图的左上角，x 向右，y 向下。
    x2、y2 是框的右边与下边（不是最后一个像素的编号），所以宽就是 x2 − x1，不必加一。
函数与 ``torchvision.ops`` 的 ``box_convert``、``box_area``、``clip_boxes_to_image``、``box_iou`` 相同；
差异：两个没有面积的框，交并比在 torchvision 里是 NaN，这里是 0。
"""

import torch
from torch import Tensor


def corner_to_center(boxes: Tensor) -> Tensor:
    """(x1, y1, x2, y2) → (cx, cy, w, h)；形状 (..., 4) 不变，最后一维不是 4 时抛出 ``ValueError``。"""
    x1, y1, x2, y2 = _sides(boxes)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], dim=-1)


def center_to_corner(boxes: Tensor) -> Tensor:
    """(cx, cy, w, h) → (x1, y1, x2, y2)；形状与错误同 ``corner_to_center``。"""
    cx, cy, w, h = _sides(boxes)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], dim=-1)


def area(boxes: Tensor) -> Tensor:
    """角点框的面积，(..., 4) → (...)；左右或上下颠倒的框算 0。"""
    x1, y1, x2, y2 = _sides(boxes)
    return (x2 - x1).clamp(min=0) * (y2 - y1).clamp(min=0)


def clip(boxes: Tensor, height: int, width: int) -> Tensor:
    """把角点框裁到图内：x 裁到 0 到 ``width``，y 裁到 0 到 ``height``；形状 (..., 4) 不变。"""
    x1, y1, x2, y2 = _sides(boxes)
    xs, ys = (torch.stack(pair).clamp(0, limit) for pair, limit in (((x1, x2), width), ((y1, y2), height)))
    return torch.stack([xs[0], ys[0], xs[1], ys[1]], dim=-1)


def scale(boxes: Tensor, sx: float, sy: float) -> Tensor:
    """图的宽变成 ``sx`` 倍、高变成 ``sy`` 倍之后的框；两种写法都适用，形状 (..., 4) 不变。"""
    _sides(boxes)
    return boxes * boxes.new_tensor([sx, sy, sx, sy])


def flip(boxes: Tensor, width: int) -> Tensor:
    """宽 ``width`` 的图左右翻转之后的角点框；形状 (..., 4) 不变。"""
    x1, y1, x2, y2 = _sides(boxes)
    # 右边翻过去成了左边：若只算 width − x 而不对调，框的宽就成了负数。
    return torch.stack([width - x2, y1, width - x1, y2], dim=-1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """两组角点框两两的交并比，取值 [0, 1]；最后一维不是 4 或不是两维时抛出 ``ValueError``。

    形状:
        a: (N, 4)；b: (M, 4)；返回值: (N, M)。
    """
    _sides(a), _sides(b)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"应是 (N, 4) 与 (M, 4)，得到 {tuple(a.shape)} 与 {tuple(b.shape)}")
    top_left = torch.maximum(a[:, None, :2], b[:, :2])  # (N, M, 2)
    bottom_right = torch.minimum(a[:, None, 2:], b[:, 2:])
    # 不相交时右下角在左上角的左边或上边：不截到 0，两个负数相乘会冒充面积。
    overlap = (bottom_right - top_left).clamp(min=0).prod(dim=-1)  # (N, M)
    union = area(a)[:, None] + area(b) - overlap
    return torch.where(union > 0, overlap / union.clamp(min=torch.finfo(union.dtype).tiny), 0)


def _sides(boxes: Tensor) -> tuple[Tensor, ...]:
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"框的最后一维应是 4，得到 {tuple(boxes.shape)}")
    return boxes.unbind(-1)
