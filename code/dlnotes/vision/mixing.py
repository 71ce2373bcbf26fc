"""把两张图和它们的标签混在一起：Mixup 与 CutMix。

论文：Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, §2；
Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
ICCV 2019, §3.1。
一批里第 i 张与第 i − 1 张配对，随机数的次序也同 torchvision.transforms.v2：种子相同，结果就相同。
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Beta
from torch.nn import functional as F

Batch = tuple[Tensor, Tensor]


def mixup(images: Tensor, targets: Tensor, weight: float) -> Batch:
    """每张图 ``weight`` 份自己，1 − ``weight`` 份前一张（第一张的前一张是最后一张）；标签也这样混。

    形状:
        images: (N, C, H, W)；targets: (N, K)，每行是一个概率分布；返回值与二者相同。
    """
    return tuple(weight * x + (1 - weight) * x.roll(1, 0) for x in (images, targets))  # type: ignore[return-value]


def cut_box(height: int, width: int, weight: float, x: int, y: int) -> tuple[int, int, int, int]:
    """以 (x, y) 为中心、面积占 1 − ``weight`` 的方框，超出图的部分截掉；返回 (左, 上, 右, 下)。

    方框与图同样的宽高比；边长取整，中心靠边时又会被截，所以真正的面积常常更小。
    """
    half = 0.5 * math.sqrt(1 - weight)
    w, h = int(half * width), int(half * height)
    return max(x - w, 0), max(y - h, 0), min(x + w, width), min(y + h, height)


def cutmix(images: Tensor, targets: Tensor, box: tuple[int, int, int, int]) -> Batch:
    """方框里换成前一张图的同一块；标签按**真正贴上去的像素数**来混。

    参数:
        box: (左, 上, 右, 下)，不含右、下两条边。

    形状:
        images: (N, C, H, W)；targets: (N, K)，每行是一个概率分布；返回值与二者相同。
    """
    left, top, right, bottom = box
    H, W = images.shape[-2:]
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
    weight = 1 - (right - left) * (bottom - top) / (H * W)
    return mixed, weight * targets + (1 - weight) * targets.roll(1, 0)


def random_mixup(alpha: float, num_classes: int) -> Callable[[Tensor, Tensor], Batch]:
    """返回一个函数，它把一批（图，整数标签）变成混过的一批；``train.fit`` 的 ``on_batch`` 就要这样的函数。

    参数:
        alpha: 混合的比例取自 Beta(alpha, alpha)：1 是均匀分布，越小越接近不混。
    """

    def mix(images: Tensor, labels: Tensor) -> Batch:
        weight = Beta(alpha, alpha).sample(()).item()
        return mixup(images, F.one_hot(labels, num_classes).to(images), weight)

    return mix


def random_cutmix(alpha: float, num_classes: int) -> Callable[[Tensor, Tensor], Batch]:
    """同 ``random_mixup``，换成 CutMix：留下的面积的比例取自 Beta(alpha, alpha)，中心处处一样可能。"""

    def mix(images: Tensor, labels: Tensor) -> Batch:
        H, W = images.shape[-2:]
        weight = Beta(alpha, alpha).sample(()).item()
        x, y = int(torch.randint(W, (1,)).item()), int(torch.randint(H, (1,)).item())
        box = cut_box(H, W, weight, x, y)
        return cutmix(images, F.one_hot(labels, num_classes).to(images), box)

    return mix
