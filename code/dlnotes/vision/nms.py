"""非极大值抑制（NMS）：重叠得多的框只留分数最高的一个。

与 ``torchvision.ops`` 的 ``nms``、``batched_nms`` 相同；《动手学深度学习》13.4.4 节的写法不分类别，
两个不同类的物体挨得近就会误删一个，这里分。
"""

import torch
from torch import Tensor

from dlnotes.vision.boxes import clip, iou


def nms(boxes: Tensor, scores: Tensor, overlap: float = 0.5) -> Tensor:
    """不分类别：返回留下的框的下标，(k,)，分数从高到低。

    参数:
        overlap: 与一个留下的框的交并比超过它，就删。

    形状:
        boxes: (n, 4) 角点；scores: (n,)。
    """
    return _greedy(iou(boxes, boxes), scores, overlap)


def class_nms(boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float = 0.5) -> Tensor:
    """分类别：只有同一类的框才互相抑制；参数与返回值同 ``nms``，``labels`` 是 (n,)。"""
    same = labels[:, None] == labels
    return _greedy(iou(boxes, boxes) * same, scores, overlap)


def select(
    boxes: Tensor, scores: Tensor, size: tuple[int, int], *, least: float = 0.05, overlap: float = 0.5
) -> dict[str, Tensor]:
    """一张图的全部候选 → 拿给人看的结果：每个框取最像的类，去掉低分的，裁到图内，分类别抑制。

    形状:
        boxes: (A, 4)；scores: (A, K)，不含背景；size: 图的（高, 宽）。
        返回值: ``boxes`` (k, 4)、``labels`` (k,)、``scores`` (k,)，分数从高到低。
    """
    best, labels = scores.max(dim=1)
    kept = best >= least
    boxes, best, labels = clip(boxes[kept], *size), best[kept], labels[kept]
    order = class_nms(boxes, best, labels, overlap)
    return {"boxes": boxes[order], "labels": labels[order], "scores": best[order]}


def _greedy(overlaps: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order = scores.argsort(descending=True, stable=True)
    suppresses = overlaps[order][:, order] > threshold
    alive = torch.ones(len(order), dtype=torch.bool, device=scores.device)
    for i in range(len(order)):
        # 被删掉的框不再删别人，所以只能一个个来。
        if alive[i]:
            alive[i + 1 :] &= ~suppresses[i, i + 1 :]
    return order[alive]
