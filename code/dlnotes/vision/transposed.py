"""转置卷积：把小图变大。三种从零的写法（矩阵、盖章、插零再卷积）都等于 ``F.conv_transpose2d``。

来源：Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016, §4；
双线性的核见 Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation",
CVPR 2015, §3.3。
它不是卷积的逆：形状还原了，数值没有。名字来自矩阵：卷积是乘 C，它是乘 Cᵀ。
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes.convnets.conv import conv2d


def output_size(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """转置卷积之后的边长：(n − 1)·stride − 2·padding + kernel；不到 1 时抛出 ``ValueError``。"""
    size = (n - 1) * stride - 2 * padding + kernel
    if size < 1:
        raise ValueError(f"输出的边长是 {size}：padding={padding} 把它裁没了")
    return size


def conv_matrix(weight: Tensor, size: tuple[int, int], *, stride: int = 1, padding: int = 0) -> Tensor:
    """把卷积写成矩阵 C：``conv2d(x).flatten() == C @ x.flatten()``。

    形状:
        weight: (O, I, h, w)；``size`` 是输入的高宽 (H, W)。
        返回值: (O·H'·W', I·H·W)，绝大多数是 0；H'、W' 是卷积输出的高宽。
    """
    shape = (weight.shape[1], *size)
    # 线性映射的第 j 列，就是它对第 j 个单位向量的输出。
    basis = torch.eye(math.prod(shape), dtype=weight.dtype).view(-1, *shape)
    return conv2d(basis, weight, stride=stride, padding=padding).flatten(1).T


def conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Tensor:
    """盖章：每个输入像素把整个核乘上自己的值，盖在输出上，每移一格隔 ``stride``，重叠处相加。

    ``padding`` 不是填，是裁：四周各去掉这么多。通道数不合或裁没了时抛出 ``ValueError``。

    形状:
        x: (N, I, H, W)；weight: (I, O, h, w)，前两维与卷积的相反；bias: (O,)。
        返回值: (N, O, H', W')，H' = (H − 1)·stride − 2·padding + h，W' 同理。
    """
    if x.shape[1] != weight.shape[0]:
        raise ValueError(f"输入有 {x.shape[1]} 个通道，核有 {weight.shape[0]} 个")
    N, _, H, W = x.shape
    _, out_channels, h, w = weight.shape
    rows, columns = output_size(H, h, stride, padding), output_size(W, w, stride, padding)
    out = x.new_zeros(N, out_channels, rows + 2 * padding, columns + 2 * padding)
    stamps = torch.einsum("niyx,ioab->noabyx", x, weight)  # (N, O, h, w, H, W)
    for a in range(h):  # 每个章的第 (a, b) 个数，一次盖完
        for b in range(w):
            bottom, right = a + (H - 1) * stride + 1, b + (W - 1) * stride + 1
            out[:, :, a:bottom:stride, b:right:stride] += stamps[:, :, a, b]
    out = out[:, :, padding : padding + rows, padding : padding + columns]
    return out if bias is None else out + bias[:, None, None]


def as_convolution(x: Tensor, weight: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
    """同一件事写成普通卷积：像素之间插 stride − 1 个零，四周填 k − 1 − padding，核转 180°，步幅 1。

    形状同 ``conv_transpose2d``；核须是正方形且 ``padding`` 不超过 k − 1，否则抛出 ``ValueError``。
    """
    N, in_channels, H, W = x.shape
    h, w = weight.shape[2:]
    if h != w or padding > h - 1:
        raise ValueError(f"要求核是正方形、padding ≤ k − 1，得到 {h}×{w} 与 {padding}")
    spread = x.new_zeros(N, in_channels, (H - 1) * stride + 1, (W - 1) * stride + 1)
    spread[:, :, ::stride, ::stride] = x
    # 卷积的核是 (O, I, h, w)：前两维交换，后两维各翻一次。
    return conv2d(spread, weight.transpose(0, 1).flip(2, 3), padding=h - 1 - padding)


def bilinear_kernel(channels: int, kernel: int) -> Tensor:
    """双线性插值的核：第 i 个输入通道只管第 i 个输出通道，从中心向外线性地降到 0。

    形状:
        返回值: (channels, channels, kernel, kernel)。
    """
    factor = (kernel + 1) // 2
    center = factor - 1 if kernel % 2 else factor - 0.5
    side = 1 - (torch.arange(kernel) - center).abs() / factor  # (kernel,)
    weight = torch.zeros(channels, channels, kernel, kernel)
    weight[range(channels), range(channels)] = side[:, None] * side
    return weight


def upsampler(channels: int, factor: int) -> nn.ConvTranspose2d:
    """放大 ``factor`` 倍的转置卷积，起初就是双线性插值，之后照样可学；输出边长恰是 ``factor`` 倍。

    核是 2·factor − factor % 2，裁掉 factor // 2：64/32/16 是 32 倍的那一种。
    """
    kernel, padding = 2 * factor - factor % 2, factor // 2
    layer = nn.ConvTranspose2d(channels, channels, kernel, stride=factor, padding=padding)
    with torch.no_grad():
        layer.weight.copy_(bilinear_kernel(channels, kernel))
        assert layer.bias is not None
        layer.bias.zero_()
    return layer


def overlaps(size: tuple[int, int], kernel: int, stride: int) -> Tensor:
    """每个输出像素被几个章盖到：核不是步幅的整数倍时一处多一处少，这就是棋盘。

    形状:
        返回值: (H', W')，整数。
    """
    counts = F.conv_transpose2d(torch.ones(1, 1, *size), torch.ones(1, 1, kernel, kernel), stride=stride)
    return counts[0, 0].round().long()
