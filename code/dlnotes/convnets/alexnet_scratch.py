"""从零写 AlexNet 的前向：局部响应归一化、重叠的最大池化、两块 GPU 的分组卷积。

论文：Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012，§3.2（分组）、§3.3（归一化）、§3.4（重叠池化）、图 2。
差异：没有丢弃法，即推理时的样子。
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from dlnotes.convnets.conv import conv2d, windows


def lrn(a: Tensor, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> Tensor:
    """局部响应归一化（§3.3）：每个单元除以 (k + α · 相邻 n 个通道同一位置的平方和) 的 β 次方。

    形状:
        a、返回值: (N, C, H, W)；边上的通道，邻居少几个就少加几个。
    """
    C = a.shape[1]
    # 通道的两头各补 n//2 个 0，再错开 n 次相加：第 i 个通道加到的正是 i−n//2 到 i+n//2。
    squares = F.pad(a**2, [0, 0, 0, 0, n // 2, n // 2])
    near = sum(squares[:, i : i + C] for i in range(n))
    return a / (k + alpha * near) ** beta


def overlapping_max_pool(x: Tensor, size: int = 3, stride: int = 2) -> Tensor:
    """最大池化；窗口比步幅大，相邻的窗口就重叠（§3.4）。

    形状:
        x: (N, C, H, W)。
        返回值: (N, C, H', W')，H' = ⌊(H − size) / stride⌋ + 1，W' 同理。
    """
    return windows(x, (size, size), stride).flatten(-2).max(dim=-1).values


def grouped_conv2d(x: Tensor, weight: Tensor, bias: Tensor, *, groups: int, padding: int = 0) -> Tensor:
    """分组卷积：把通道平分成 ``groups`` 份，各卷各的，再拼起来；不能平分时抛出 ``ValueError``。

    形状:
        x: (N, C, H, W)；weight: (O, C / groups, h, w)；bias: (O,)。
        返回值: (N, O, H', W')。
    """
    if x.shape[1] % groups or weight.shape[0] % groups:
        raise ValueError(f"{x.shape[1]} 进 {weight.shape[0]} 出的通道不能平分成 {groups} 组")
    parts = zip(x.chunk(groups, 1), weight.chunk(groups), bias.chunk(groups), strict=True)
    return torch.cat([conv2d(a, w, b, padding=padding) for a, w, b in parts], dim=1)


def alexnet_scratch(x: Tensor, parameters: Mapping[str, Tensor], *, padding: int = 2) -> Tensor:
    """论文的 AlexNet，推理时的前向；``parameters`` 就是默认的 ``AlexNet`` 的 ``state_dict``。

    形状:
        x: (N, C, H, W)。
        返回值: (N, num_classes)，与 ``AlexNet`` 在评估状态下的输出相等。
    """

    def layer(name: str) -> tuple[Tensor, Tensor]:
        return parameters[f"{name}.weight"], parameters[f"{name}.bias"]

    x = conv2d(x, *layer("features.conv1"), stride=4, padding=padding).relu()
    x = overlapping_max_pool(lrn(x))  # 224×224 时：(N, 96, 27, 27)
    x = grouped_conv2d(x, *layer("features.conv2"), groups=2, padding=2).relu()
    x = overlapping_max_pool(lrn(x))  # (N, 256, 13, 13)
    x = conv2d(x, *layer("features.conv3"), padding=1).relu()  # 两块 GPU 在这里通信
    x = grouped_conv2d(x, *layer("features.conv4"), groups=2, padding=1).relu()
    x = grouped_conv2d(x, *layer("features.conv5"), groups=2, padding=1).relu()
    x = overlapping_max_pool(x).flatten(1)  # (N, 9216)
    x = F.linear(x, *layer("classifier.fc6")).relu()
    x = F.linear(x, *layer("classifier.fc7")).relu()
    return F.linear(x, *layer("classifier.fc8"))
