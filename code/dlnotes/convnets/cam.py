"""类激活图：网络凭图上的哪些地方判定是这一类；只要求网络以全局平均池化加一个全连接收尾。

论文：Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning Deep Features for Discriminative Localization",
CVPR 2016，§2 式 (1)、(2)。
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def class_activation_maps(features: Tensor, weight: Tensor) -> Tensor:
    """返回每一类的激活图：把特征图按这一类的权重相加。

    平均与加权和可以交换次序，所以每张图的平均，加上偏置，恰是这一类的 logit。
    NiN 的最后一块每类一张特征图，它自己就是类激活图，不必再算。

    形状:
        features: (N, C, H, W)，全局平均池化的输入；weight: (K, C)，其后全连接的权重。
        返回值: (N, K, H, W)。
    """
    return torch.einsum("nchw,kc->nkhw", features, weight)


def heatmap(maps: Tensor, labels: Tensor, size: tuple[int, int]) -> Tensor:
    """取出每张图指定类的激活图，双线性放大到 ``size``，再各自放缩到 [0, 1]；处处相等的图得到 0。

    形状:
        maps: (N, K, H, W)；labels: (N,)，int64。
        返回值: (N, *size)。
    """
    chosen = maps[torch.arange(len(maps), device=maps.device), labels]  # (N, H, W)
    resized = F.interpolate(chosen[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    low = resized.amin(dim=(1, 2), keepdim=True)
    span = resized.amax(dim=(1, 2), keepdim=True) - low
    return (resized - low) / torch.where(span > 0, span, torch.ones_like(span))
