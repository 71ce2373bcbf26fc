"""PCA 颜色增广：沿着真实图片里颜色变化的方向，给整张图加一个随机的小偏移，像换了一种光照。

论文：Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012，§4.1 的第二种增广。
差异：论文没有说特征值以什么像素范围算；这里取 [0, 1]，所以偏移也以它为单位，结果不截断。
"""

import torch
from torch import Generator, Tensor


def color_axes(images: Tensor) -> tuple[Tensor, Tensor]:
    """返回全部像素颜色的协方差的特征值（从大到小）与特征向量。

    形状:
        images: (N, 3, H, W)。
        返回值: (3,) 与 (3, 3)，第 j 列是第 j 个特征向量。
    """
    pixels = images.transpose(0, 1).flatten(1)  # (3, N·H·W)
    values, vectors = torch.linalg.eigh(torch.cov(pixels))
    return values.flip(0), vectors.flip(1)


def relight(
    images: Tensor, axes: tuple[Tensor, Tensor], *, std: float = 0.1, generator: Generator | None = None
) -> Tensor:
    """给每张图抽三个系数 α_j ~ N(0, std²)，每个像素加上 Σ α_j λ_j p_j；同一张图的偏移处处相同。

    参数:
        axes: ``color_axes`` 的结果：特征值 λ 与特征向量 p。
        std: 论文取 0.1；0 是恒等。

    形状:
        images、返回值: (N, 3, H, W)。
    """
    values, vectors = axes
    alpha = std * torch.randn(len(images), 3, generator=generator, dtype=values.dtype).to(values.device)
    shift = (alpha * values) @ vectors.T  # (N, 3)
    return images + shift[:, :, None, None]
