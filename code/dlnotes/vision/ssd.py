"""单发多框检测（SSD）：在几层大小不同的特征图上，给每个锚框预测类别与偏移量，一次前向就得到所有的框。

论文：Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016；网络是《动手学深度学习》13.7 节的 TinySSD。
差异：论文的骨干是 VGG-16；书里的损失对全部锚框取平均，这里按论文 §2.2 除以正例数，负例可以挑难的。
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes.vision import anchors as anchor_boxes
from dlnotes.vision.matching import assign

SIZES = ((0.2, 0.272), (0.37, 0.447), (0.54, 0.619), (0.71, 0.79), (0.88, 0.961))
RATIOS = (1.0, 2.0, 0.5)


class Output(NamedTuple):
    """一批图的预测。

    形状:
        logits: (N, A, K + 1)，第 0 类是背景；offsets: (N, A, 4)；anchors: (A, 4)，像素。
    """

    logits: Tensor
    offsets: Tensor
    anchors: Tensor


class TinySSD(nn.Module):
    """图到每个锚框的类别与偏移量；默认的网络在一个类时共 1,010,376 个参数，256×256 的图有 5,444 个锚框。

    每一层特征图各有一对 3×3 卷积的头。最后一层是全局最大池化，一个像素看整张图。

    参数:
        num_classes: 物体的类别数 K，不含背景。
        base: 骨干三段的通道数，每段缩小一半。
        width: 骨干之后各段的通道数。
        sizes: 每层锚框的大小，占图高的几分之几；层数由它决定，至少 2 层。
        ratios: 锚框的宽高比，各层相同。

    形状:
        x: (N, 3, H, W)，取值 [0, 1]；除最后一层以外，每层都要至少剩一个像素。
        返回值: ``Output``。
    """

    def __init__(
        self,
        num_classes: int,
        base: Sequence[int] = (16, 32, 64),
        width: int = 128,
        sizes: Sequence[Sequence[float]] = SIZES,
        ratios: Sequence[float] = RATIOS,
    ) -> None:
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"至少要两层特征图，得到 {len(sizes)} 层的大小")
        self.num_classes, self.sizes, self.ratios = num_classes, sizes, ratios
        depths = [base[-1]] + [width] * (len(sizes) - 2)
        stages: list[nn.Module] = [backbone(base)]
        stages += [halve(i, o) for i, o in pairwise(depths)]
        self.stages = nn.ModuleList([*stages, nn.AdaptiveMaxPool2d(1)])
        depths.append(depths[-1])  # 池化不改变通道数
        counts = [len(s) + len(ratios) - 1 for s in sizes]
        heads = list(zip(depths, counts, strict=True))
        self.classes = nn.ModuleList(nn.Conv2d(d, a * (num_classes + 1), 3, padding=1) for d, a in heads)
        self.boxes = nn.ModuleList(nn.Conv2d(d, a * 4, 3, padding=1) for d, a in heads)

    def forward(self, x: Tensor) -> Output:
        H, W = x.shape[-2:]
        logits, offsets, anchors = [], [], []
        for stage, kind, box, sizes in zip(self.stages, self.classes, self.boxes, self.sizes, strict=True):
            x = stage(x)
            # 通道移到最后再展平：同一个锚框的数挨在一起，次序与 anchors.grid 相同。
            logits.append(kind(x).movedim(1, -1).reshape(len(x), -1, self.num_classes + 1))
            offsets.append(box(x).movedim(1, -1).reshape(len(x), -1, 4))
            h, w = x.shape[-2:]
            anchors.append(anchor_boxes.grid(h, w, sizes, self.ratios, H, W).to(x.device))
        return Output(torch.cat(logits, 1), torch.cat(offsets, 1), torch.cat(anchors))


def backbone(channels: Sequence[int]) -> nn.Sequential:
    """从 3 个通道起，每段缩小一半。"""
    return nn.Sequential(*(halve(i, o) for i, o in pairwise((3, *channels))))


def halve(in_channels: int, out_channels: int) -> nn.Sequential:
    """两个 3×3 卷积（各接 BN 与 ReLU），再用最大池化把高宽减半。"""
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers += [nn.Conv2d(channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def everything(logits: Tensor, labels: Tensor) -> Tensor:
    """全部锚框的交叉熵之和；(N, A, K + 1) 与 (N, A) → 标量。"""
    return F.cross_entropy(logits.movedim(-1, 1), labels, reduction="sum")


def hard_negatives(logits: Tensor, labels: Tensor, ratio: int = 3) -> Tensor:
    """全部正例，加每张图里损失最大的背景锚框，至多正例的 ``ratio`` 倍；没有正例的图留 ``ratio`` 个。"""
    each = F.cross_entropy(logits.movedim(-1, 1), labels, reduction="none")  # (N, A)
    positive = labels > 0
    quota = ratio * positive.sum(dim=1, keepdim=True).clamp(min=1)
    # 排两次序得到名次：第几难的背景；正例排在最后，不占名额。
    hardness = each.detach().masked_fill(positive, -1.0)
    place = hardness.argsort(dim=1, descending=True).argsort(dim=1)
    return each[positive | (place < quota)].sum()


def focal(logits: Tensor, labels: Tensor, gamma: float = 2.0) -> Tensor:
    """焦点损失 −(1 − p)^γ log p 之和，p 是答对的概率：已经答对的几乎不算。

    来源：Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, 式 (4)；这里用 softmax，不乘 α。
    """
    log_p = logits.log_softmax(dim=-1).gather(-1, labels[..., None])[..., 0]
    return -((1 - log_p.exp()) ** gamma * log_p).sum()


def loss(
    output: Output, targets: Tensor, classify: Callable[[Tensor, Tensor], Tensor] = hard_negatives
) -> Tensor:
    """类别的损失加正例锚框的偏移量的平滑 L1，都除以正例锚框的个数；论文的式 (1)，α = 1。

    参数:
        classify: ``everything``、``hard_negatives`` 或 ``focal``。

    形状:
        targets: (N, M, 5)。
    """
    labels, wanted = assign(output.anchors, targets)
    positive = labels > 0
    distance = F.smooth_l1_loss(output.offsets[positive], wanted[positive], reduction="sum")
    return (classify(output.logits, labels) + distance) / positive.sum().clamp(min=1)


def decode(output: Output) -> tuple[Tensor, Tensor]:
    """每个锚框的框与各类的分数，(N, A, 4) 与 (N, A, K)；背景那一列不要。"""
    boxes = anchor_boxes.decode(output.offsets, output.anchors)
    return boxes, output.logits.softmax(dim=-1)[..., 1:]
