"""VGG：只用 3×3 的卷积，一块接一块地重复；每块之后图的边长减半。

论文：Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015，
§2 与表 1（A、B、D、E 四列，即常说的 VGG-11、13、16、19）。
差异：不收表 1 的 A-LRN 与 C 两列（论文的实验里 LRN 无益，C 的第三个卷积是 1×1）；可选的批量归一化不在论文里；
初始化用 PyTorch 的默认值。
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from dlnotes.convnets.classifier import classifier
from dlnotes.convnets.conv import conv2d, max_pool2d

ConvArch = Sequence[tuple[int, int]]

# 表 1 的各列：每块的（卷积个数，输出通道）。
TABLE_1: dict[str, ConvArch] = {
    "A": ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
    "B": ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
    "D": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    "E": ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}


def thinner(conv_arch: ConvArch, ratio: int) -> ConvArch:
    """返回每块的通道都除以 ``ratio`` 的结构；除不尽时抛出 ``ValueError``。"""
    if any(channels % ratio for _, channels in conv_arch):
        raise ValueError(f"有的通道数不能被 {ratio} 整除：{[channels for _, channels in conv_arch]}")
    return [(num_convs, channels // ratio) for num_convs, channels in conv_arch]


def block_scratch(x: Tensor, kernels: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """从零写出的 VGG 块，没有批量归一化；``kernels`` 是各个卷积的（权重，偏置）。

    形状:
        x: (N, C, H, W)；权重 (O, C, 3, 3)，偏置 (O,)，后一个的 C 是前一个的 O。
        返回值: (N, O, ⌊H / 2⌋, ⌊W / 2⌋)。
    """
    for weight, bias in kernels:
        x = conv2d(x, weight, bias, padding=1).relu()
    return max_pool2d(x, 2)


def vgg_block(
    num_convs: int, in_channels: int, out_channels: int, *, batch_norm: bool = False
) -> nn.Sequential:
    """``num_convs`` 个 3×3 卷积（补边，边长不变），各接 ReLU，最后 2×2 的最大池化使边长减半。

    形状:
        x: (N, in_channels, H, W)。
        返回值: (N, out_channels, ⌊H / 2⌋, ⌊W / 2⌋)。
    """
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers.append(nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(out_channels))
        layers.append(nn.ReLU())
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(2))


class VGG(nn.Module):
    """彩色图到类别 logits；照表 1，A 列 132,863,336 个参数，D 列 138,357,544 个。

    《动手学深度学习》的 VGG-11 是 ``VGG(TABLE_1["A"], 10, 1)``，128,806,154 个参数；
    它训练的是 ``thinner(TABLE_1["A"], 4)``，43,093,322 个参数。

    参数:
        conv_arch: 每块的（卷积个数，输出通道），见 ``TABLE_1``。
        image_size: 输入的边长；决定第一个全连接的大小。
        hidden: 前两个全连接的宽度；它们占绝大多数参数。
        batch_norm: 每个卷积之后要不要批量归一化；没有它，更深的几列很难从头训练。

    形状:
        x: (N, in_channels, image_size, image_size)。
        返回值: (N, num_classes)，未经 softmax。

    异常:
        ValueError: 图太小，经不起每块减半。
    """

    def __init__(
        self,
        conv_arch: ConvArch,
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        image_size: int = 224,
        hidden: int = 4096,
        dropout: float = 0.5,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        side = image_size >> len(conv_arch)  # 每块减半，除不尽舍去
        if side < 1:
            raise ValueError(f"{image_size}×{image_size} 的图太小：{len(conv_arch)} 次减半之后什么也不剩")
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        for i, (num_convs, out_channels) in enumerate(conv_arch, start=1):
            blocks[f"block{i}"] = vgg_block(num_convs, in_channels, out_channels, batch_norm=batch_norm)
            in_channels = out_channels
        self.features = nn.Sequential(blocks)
        self.classifier = classifier(in_channels * side**2, hidden, num_classes, dropout)

    def forward(self, x: Tensor) -> Tensor:
        # 224×224 时：(N, 64, 112, 112) → (N, 128, 56, 56) → (N, 256, 28, 28) → (N, 512, 14, 14)
        # → (N, 512, 7, 7)。
        logits: Tensor = self.classifier(self.features(x))
        return logits
