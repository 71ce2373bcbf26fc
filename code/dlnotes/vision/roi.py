"""把特征图上一块任意大小的区域，变成固定大小的输出：RoI 池化与 RoI 对齐。

RoI 池化：Girshick, "Fast R-CNN", ICCV 2015, §2.1（R-CNN 没有它，那里是把图裁下来再缩放）。
RoI 对齐：He et al., "Mask R-CNN", ICCV 2017, §3。
两者的约定与 ``torchvision.ops`` 的 ``roi_pool``、``roi_align`` 相同，包括其中的取整与边界。
"""

import math

import torch
from torch import Tensor


def roi_bins(start: float, stop: float, count: int, limit: int) -> list[tuple[int, int]]:
    """``start`` 到 ``stop`` 取整后分成 ``count`` 段，每段是像素 [起, 止)，裁到 0 到 ``limit``。"""
    # 加 0.5 再向下取整：恰好一半时往上，Python 的 round 取偶数。
    first, last = math.floor(start + 0.5), math.floor(stop + 0.5)
    step = max(last - first + 1, 1) / count  # 含两端，所以加一
    edges = [(first + math.floor(i * step), first + math.ceil((i + 1) * step)) for i in range(count)]
    return [(min(max(a, 0), limit), min(max(b, 0), limit)) for a, b in edges]


def roi_pool(features: Tensor, rois: Tensor, output: tuple[int, int], scale: float = 1.0) -> Tensor:
    """每个区域分成 ``output`` 格，每格取最大值；空的格是 0。

    区域的边先四舍五入到整数像素，格子的边再取整（左边向下、右边向上，相邻的格可以共用一行）。

    参数:
        scale: 特征图的边长是原图的几分之几，如 1/16。

    形状:
        features: (N, C, H, W)；rois: (R, 5)，每行（第几张图, x1, y1, x2, y2），原图的像素；
        返回值: (R, C, *output)。
    """
    H, W = features.shape[-2:]
    pooled = features.new_zeros(len(rois), features.shape[1], *output)
    for r, roi in enumerate(rois):
        image = features[int(roi[0])]
        x1, y1, x2, y2 = (roi[1:] * scale).tolist()
        columns, rows = roi_bins(x1, x2, output[1], W), roi_bins(y1, y2, output[0], H)
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                if bottom > top and right > left:
                    pooled[r, :, i, j] = image[:, top:bottom, left:right].amax(dim=(1, 2))
    return pooled


def roi_align(
    features: Tensor,
    rois: Tensor,
    output: tuple[int, int],
    scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """每格取几个点，各用双线性插值读出特征，再取平均；一次也不取整。

    双线性插值与求平均都可以先沿 y 做、再沿 x 做，所以一个区域就是两次矩阵乘法。

    参数:
        sampling_ratio: 每格横竖各取几个点；不是正数时按格子的大小取，至少盖住每个像素。
        aligned: 像素 i 的中心在 i + 0.5（真）还是在 i（假，旧的写法，整体偏半个像素）。

    形状: 同 ``roi_pool``。
    """
    H, W = features.shape[-2:]
    shift = 0.5 if aligned else 0.0
    parts = []
    for roi in rois:
        x1, y1, x2, y2 = (roi[1:] * scale - shift).tolist()
        width, height = x2 - x1, y2 - y1
        if not aligned:  # 旧的写法里，区域再小也当作一个像素
            width, height = max(width, 1.0), max(height, 1.0)
        vertical = _weights(y1, height, output[0], H, sampling_ratio).to(features)
        horizontal = _weights(x1, width, output[1], W, sampling_ratio).to(features)
        parts.append(vertical @ features[int(roi[0])] @ horizontal.T)
    return torch.stack(parts) if parts else features.new_zeros(0, features.shape[1], *output)


def _weights(start: float, length: float, count: int, limit: int, ratio: int) -> Tensor:
    """一个方向上的插值权重，(count, limit)：第 i 行乘上一列特征，就是第 i 格的平均。"""
    samples = ratio if ratio > 0 else max(math.ceil(length / count), 1)
    step = length / count
    at = start + (torch.arange(count * samples, dtype=torch.float64) + 0.5) * (step / samples)
    inside = (at >= -1) & (at <= limit)  # 再远的点当作 0
    at = at.clamp(0, limit - 1)
    low = at.floor().long().clamp(max=limit - 1)
    high = (low + 1).clamp(max=limit - 1)
    weights = torch.zeros(len(at), limit, dtype=torch.float64)
    one = torch.arange(len(at))
    weights[one, low] += 1 - (at - low)
    weights[one, high] += at - low
    return (weights * inside[:, None]).view(count, samples, limit).mean(dim=1)
