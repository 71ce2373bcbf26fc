"""GoogLeNet（Inception v1）：每块四条并联的路，用不同大小的窗口看同一处，再沿通道拼接。

论文：Szegedy et al., "Going Deeper with Convolutions", CVPR 2015，§4 图 2(b)、§5 表 1；参数名同表 1 的列。
差异：两个只在训练时用的辅助分类器不在网络里，另见 ``Auxiliary``；可选的批量归一化来自后来的 Inception v2；
初始化用 PyTorch 的默认值。
"""

import math
from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes.convnets.conv import conv2d, windows

# 表 1 的九个 Inception 块：1×1、3×3 reduce、3×3、5×5 reduce、5×5、pool proj 的输出通道。
TABLE_1 = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def conv_relu(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    stride: int = 1,
    padding: int = 0,
    batch_norm: bool = False,
) -> nn.Sequential:
    """卷积加 ReLU；``batch_norm`` 为真时中间有批量归一化，卷积就不要偏置。"""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=not batch_norm)
    norm = [nn.BatchNorm2d(out_channels, eps=1e-3)] if batch_norm else []
    return nn.Sequential(conv, *norm, nn.ReLU())


class Inception(nn.Module):
    """四条路并联：1×1；1×1 接 3×3；1×1 接 5×5；3×3 最大池化接 1×1。高宽不变，通道拼接。

    3×3 与 5×5 之前的 1×1（“reduce”）先减通道，参数与乘加才不至于太多。

    参数:
        ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj: 表 1 的六列。
        kernel_5x5: 第三条路的核；论文是 5，torchvision 是 3（它自认的偏差，pytorch/vision#906）。

    形状:
        x: (N, in_channels, H, W)。
        返回值: (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W)。
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        *,
        kernel_5x5: int = 5,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.branch1 = conv_relu(in_channels, ch1x1, 1, batch_norm=batch_norm)
        self.branch2 = nn.Sequential(
            conv_relu(in_channels, ch3x3red, 1, batch_norm=batch_norm),
            conv_relu(ch3x3red, ch3x3, 3, padding=1, batch_norm=batch_norm),
        )
        self.branch3 = nn.Sequential(
            conv_relu(in_channels, ch5x5red, 1, batch_norm=batch_norm),
            conv_relu(ch5x5red, ch5x5, kernel_5x5, padding=kernel_5x5 // 2, batch_norm=batch_norm),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            conv_relu(in_channels, pool_proj, 1, batch_norm=batch_norm),
        )
        self.out_channels = ch1x1 + ch3x3 + ch5x5 + pool_proj

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


def inception_scratch(x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """从零写的 Inception 块，与不带归一化的 ``Inception`` 相等；``weights`` 的键同它的参数名。

    形状:
        x: (N, C, H, W)。
        返回值: (N, 四条路的通道之和, H, W)。
    """

    def conv(x: Tensor, name: str, padding: int = 0) -> Tensor:
        return conv2d(x, weights[f"{name}.0.weight"], weights[f"{name}.0.bias"], padding=padding).relu()

    # 补 −∞：边缘的窗口里，补出来的格子永远不是最大的。
    around = windows(F.pad(x, [1] * 4, value=-math.inf), (3, 3))
    paths = [
        conv(x, "branch1"),
        conv(conv(x, "branch2.0"), "branch2.1", padding=1),
        conv(conv(x, "branch3.0"), "branch3.1", padding=2),
        conv(around.flatten(-2).max(dim=-1).values, "branch4.1"),
    ]
    return torch.cat(paths, dim=1)


class GoogLeNet(nn.Module):
    """彩色图到类别 logits；照论文共 6,998,552 个参数。全局平均池化收尾，任何尺寸的图都能用。

    《动手学深度学习》的是 ``GoogLeNet(10, 1, lrn=False, ceil_mode=False, dropout=0)``，5,977,530 个参数；
    torchvision 的是 ``GoogLeNet(lrn=False, batch_norm=True, kernel_5x5=3, pool4_size=2)``，6,624,904 个。

    参数:
        lrn: 前两段要不要局部响应归一化（图 3）；论文没给它的超参数，用 PyTorch 的默认值。
        batch_norm: 每个卷积之后要不要批量归一化。
        kernel_5x5: 见 ``Inception``。
        ceil_mode: 缩小用的池化怎样处理边缘：真，不补边、尺寸向上取整；假，四周补 1 个像素。
            偶数边长时两者输出一样大，窗口错开一个像素。
        pool4_size: 第 4 段之后池化的窗口；论文是 3，torchvision 是 2。
        shrink: 所有卷积的通道都除以它，就是能在 CPU 上训练的小网。

    形状:
        x: (N, in_channels, H, W)。
        返回值: (N, num_classes)，未经 softmax。

    异常:
        ValueError: ``shrink`` 除不尽表 1 的通道；能用的只有 1、2、4、8。
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        lrn: bool = True,
        batch_norm: bool = False,
        kernel_5x5: int = 5,
        ceil_mode: bool = True,
        pool4_size: int = 3,
        dropout: float = 0.4,
        shrink: int = 1,
    ) -> None:
        super().__init__()
        if shrink not in (1, 2, 4, 8):
            raise ValueError(f"shrink 应是 1、2、4 或 8，得到 {shrink}")

        def pool(size: int = 3) -> nn.MaxPool2d:
            return nn.MaxPool2d(size, stride=2, padding=0 if ceil_mode else size // 2, ceil_mode=ceil_mode)

        features: OrderedDict[str, nn.Module] = OrderedDict()
        features["conv1"] = conv_relu(
            in_channels, 64 // shrink, 7, stride=2, padding=3, batch_norm=batch_norm
        )
        features["pool1"] = pool()
        if lrn:
            features["lrn1"] = nn.LocalResponseNorm(5)
        features["conv2_reduce"] = conv_relu(64 // shrink, 64 // shrink, 1, batch_norm=batch_norm)
        features["conv2"] = conv_relu(64 // shrink, 192 // shrink, 3, padding=1, batch_norm=batch_norm)
        if lrn:
            features["lrn2"] = nn.LocalResponseNorm(5)
        features["pool2"] = pool()
        channels = 192 // shrink
        for name, row in TABLE_1.items():
            columns = [column // shrink for column in row]
            block = Inception(channels, *columns, kernel_5x5=kernel_5x5, batch_norm=batch_norm)
            features[f"inception{name}"] = block
            channels = block.out_channels
            if name == "3b":
                features["pool3"] = pool()
            if name == "4e":
                features["pool4"] = pool(pool4_size)
        self.features = nn.Sequential(features)
        self.classifier = nn.Sequential(
            OrderedDict[str, nn.Module](
                gap=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                dropout=nn.Dropout(dropout),
                fc=nn.Linear(channels, num_classes),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        # 224×224 时：(N, 64, 112, 112) → 56×56 → (N, 192, 56, 56) → 28×28 → (N, 480, 28, 28) → 14×14
        # → (N, 832, 14, 14) → 7×7 → (N, 1024, 7, 7)。
        logits: Tensor = self.classifier(self.features(x))
        return logits


class Auxiliary(nn.Module):
    """辅助分类器（§5）：接在 4a 或 4d 之后，只在训练时用；损失乘 0.3，加到总的损失上。

    差异：论文用 5×5、步幅 3 的平均池化，只配 14×14 的图；这里同 torchvision，自适应地池化到 4×4。

    形状:
        x: (N, in_channels, H, W)；4a 之后是 512 个通道，4d 之后是 528 个。
        返回值: (N, num_classes)，未经 softmax。
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int = 1000,
        *,
        channels: int = 128,
        hidden: int = 1024,
        batch_norm: bool = False,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.conv = conv_relu(in_channels, channels, 1, batch_norm=batch_norm)
        self.fc1 = nn.Linear(channels * 4 * 4, hidden)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.pool(x)).flatten(1)  # (N, 128 · 4 · 4)
        logits: Tensor = self.fc2(self.dropout(self.fc1(x).relu()))
        return logits


def logits_with_auxiliary(
    model: GoogLeNet, heads: Mapping[str, nn.Module], x: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """返回主输出，以及 ``heads`` 里各个辅助分类器的输出，按在网络里的次序。

    参数:
        heads: ``model.features`` 里的块名 → 接在它后面的分类器，如 ``{"inception4a": Auxiliary(512)}``；
            没有这个块时抛出 ``ValueError``。

    形状:
        x: (N, in_channels, H, W)；每个输出 (N, num_classes)。
    """
    layers = dict(model.features.named_children())
    if unknown := heads.keys() - layers.keys():
        raise ValueError(f"网络里没有 {'、'.join(sorted(unknown))}")
    extra = []
    for name, layer in layers.items():
        x = layer(x)
        if name in heads:
            extra.append(heads[name](x))
    return model.classifier(x), extra
