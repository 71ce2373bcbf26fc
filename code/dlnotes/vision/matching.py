"""把真实框分给锚框：哪些锚框负责哪个物体，其余的是背景。

来源：Liu et al., "SSD", ECCV 2016, §2.2 的 Matching strategy；两步的写法同《动手学深度学习》13.4.3 节。
差异：一批图一起分；补齐的 −1 行不参加；下标用整数除法。
"""

import torch
from torch import Tensor

from dlnotes.vision.anchors import encode
from dlnotes.vision.boxes import iou

BACKGROUND = -1


def match(anchors: Tensor, targets: Tensor, threshold: float = 0.5) -> Tensor:
    """每个锚框负责第几个真实框，(N, A)；−1 是背景。

    先按交并比最大的归属，不到 ``threshold`` 的归背景；再从交并比最大的一对起，给每个真实框
    保底一个锚框，已经给出去的锚框与真实框都划掉。所以每个真实框至少有一个锚框，
    除非没有一个锚框碰得到它。

    形状:
        anchors: (A, 4)，像素；targets: (N, M, 5)，每行（类别, x1, y1, x2, y2），−1 是补的。
    """
    N, M, _ = targets.shape
    A = len(anchors)
    overlap = iou(targets[..., 1:].reshape(-1, 4), anchors).view(N, M, A)
    real = targets[..., 0] >= 0  # (N, M)
    # 补的行也是一个“框”（−1, −1, −1, −1）：交并比记成 −1，它就抢不到任何锚框。
    overlap = overlap.masked_fill(~real[..., None], -1.0)
    if M == 0:
        return torch.full((N, A), BACKGROUND, device=anchors.device)
    best, owner = overlap.max(dim=1)  # (N, A)
    owner = owner.masked_fill(best < threshold, BACKGROUND)
    left = overlap.flatten(1).clone()  # (N, M·A)
    images = torch.arange(N, device=anchors.device)
    for _ in range(M):  # 一轮给每张图的一个真实框保底
        value, flat = left.max(dim=1)
        # 整数除法：flat / A 是浮点数，下标过了 2²⁴ 就数不准了。
        which, anchor = flat // A, flat % A
        n = images[value > 0]
        owner[n, anchor[n]] = which[n]
        table = left.view(N, M, A)
        table[images, which] = -1.0
        table[images, :, anchor] = -1.0
    return owner


def assign(anchors: Tensor, targets: Tensor, threshold: float = 0.5) -> tuple[Tensor, Tensor]:
    """``match`` 的结果写成网络要学的东西：每个锚框的类别与偏移量。

    形状:
        返回值: (N, A)，0 是背景，第 k 类写成 k + 1；(N, A, 4)，背景处是 0。
    """
    owner = match(anchors, targets, threshold)
    positive = owner >= 0
    if not positive.any():
        return torch.zeros_like(owner), anchors.new_zeros(*owner.shape, 4)
    rows = targets.gather(1, owner.clamp(min=0)[..., None].expand(-1, -1, 5))  # (N, A, 5)
    labels = torch.where(positive, rows[..., 0].long() + 1, 0)
    # 背景处先换成锚框自己：偏移量恰好是 0，也不会有 log(0)。
    boxes = torch.where(positive[..., None], rows[..., 1:], anchors)
    return labels, encode(boxes, anchors)
