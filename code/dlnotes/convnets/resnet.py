"""ResNet：每个块只学“还差多少”，输入原样加到输出上。

论文：He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016，表 1、图 5。
差异：瓶颈块的步幅放在 3×3 上（论文在第一个 1×1 上），同 torchvision，俗称 v1.5。
《动手学深度学习》的写法是 ``resnet18_d2l`` 与 ``resnet18_small``：卷积带偏置，投影之后没有归一化。
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from torch import Tensor, nn

from dlnotes.convnets.conv import conv2d

Stem = Literal["imagenet", "small"]


class BasicBlock(nn.Module):
    """两层 3×3 的残差块：``relu(shortcut(x) + g(x))``；ResNet-18 与 34 用它。

    参数:
        stride: 第一个卷积的步幅；2 使高宽减半。
        bias: 卷积是否带偏置。后面紧跟归一化的偏置没有作用。
        norm_shortcut: 1×1 投影之后是否也归一化。

    形状:
        x: (N, in_channels, H, W)。
        返回值: (N, channels, ⌈H / stride⌉, ⌈W / stride⌉)。
    """

    expansion = 1  # 输出通道是 channels 的几倍

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        *,
        bias: bool = False,
        norm_shortcut: bool = True,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=bias)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = _shortcut(in_channels, channels, stride, bias, norm_shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(self.conv1(x)).relu()
        y = self.norm2(self.conv2(y))
        return (self.shortcut(x) + y).relu()  # 先加，再激活


class Bottleneck(nn.Module):
    """1×1 降通道、3×3、1×1 升通道的残差块；ResNet-50、101、152 用它。

    参数与形状同 ``BasicBlock``，只是输出有 4 × ``channels`` 个通道。
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        *,
        bias: bool = False,
        norm_shortcut: bool = True,
    ) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=bias)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=bias)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=bias)
        self.norm3 = nn.BatchNorm2d(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, stride, bias, norm_shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(self.conv1(x)).relu()
        y = self.norm2(self.conv2(y)).relu()
        y = self.norm3(self.conv3(y))
        return (self.shortcut(x) + y).relu()


class ResNet(nn.Module):
    """开头、四个阶段、全局平均池化、一个全连接层。

    参数:
        block: ``BasicBlock`` 或 ``Bottleneck``。
        blocks: 四个阶段（论文的 conv2_x 到 conv5_x）各有几个块。
        channels: 四个阶段的通道数；瓶颈块的输出再乘 4。
        stem: ``"imagenet"`` 是步幅 2 的 7×7 卷积加最大池化，高宽变成 1/4；
            ``"small"`` 是步幅 1 的 3×3 卷积，高宽不变，给 32×32 左右的小图用。
        zero_init: 每个块最后一个归一化的 γ 从 0 开始，于是每个块起初都是恒等（或只有投影）。
        bias, norm_shortcut: 传给每个块；``bias`` 也管开头的卷积。

    形状:
        x: (N, in_channels, H, W)，高宽不限。
        返回值: (N, num_classes)，未经 softmax。

    ``stem`` 不认得时抛出 ``ValueError``。
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        blocks: Sequence[int],
        *,
        channels: Sequence[int] = (64, 128, 256, 512),
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: Stem = "imagenet",
        bias: bool = False,
        norm_shortcut: bool = True,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        width = channels[0]
        self.stem = _stem(stem, in_channels, width, bias)
        stages = []
        for i, (count, c) in enumerate(zip(blocks, channels, strict=True)):
            stage = nn.Sequential()
            for j in range(count):
                # 只有第二到第四阶段的第一个块减半：第一阶段之前，开头的池化已经减过了。
                stride = 2 if i > 0 and j == 0 else 1
                stage.append(block(width, c, stride, bias=bias, norm_shortcut=norm_shortcut))
                width = c * block.expansion
            stages.append(stage)
        self.stage1, self.stage2, self.stage3, self.stage4 = stages
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, num_classes)
        if zero_init:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.norm3 if isinstance(module, Bottleneck) else module.norm2
                    nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage4(self.stage3(self.stage2(self.stage1(x))))
        return self.fc(self.pool(x).flatten(1))


def resnet18(**options: Any) -> ResNet:
    """ResNet-18；3 通道、1000 类时 11,689,512 个参数。选项同 ``ResNet``，下同。"""
    return ResNet(BasicBlock, (2, 2, 2, 2), **options)


def resnet34(**options: Any) -> ResNet:
    """ResNet-34；3 通道、1000 类时 21,797,672 个参数。"""
    return ResNet(BasicBlock, (3, 4, 6, 3), **options)


def resnet50(**options: Any) -> ResNet:
    """ResNet-50：ResNet-34 的两层块换成瓶颈块；3 通道、1000 类时 25,557,032 个参数。"""
    return ResNet(Bottleneck, (3, 4, 6, 3), **options)


def resnet18_d2l(num_classes: int = 10, in_channels: int = 1) -> ResNet:
    """《动手学深度学习》7.6 节的 ResNet-18：11,178,378 个参数；96×96 的图 318,657,536 次乘加。"""
    return resnet18(num_classes=num_classes, in_channels=in_channels, bias=True, norm_shortcut=False)


def resnet18_small(num_classes: int = 10, in_channels: int = 1) -> ResNet:
    """《动手学深度学习》里给小图的 ``d2l.resnet18``：开头换成一层 3×3，没有最大池化。

    11,175,818 个参数；3 通道时 11,176,970 个，32×32 的图 555,422,720 次乘加。
    """
    return resnet18(
        num_classes=num_classes, in_channels=in_channels, stem="small", bias=True, norm_shortcut=False
    )


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """训练时的批量归一化：每个通道减去这一批的均值，除以标准差，再乘 ``weight``（γ）加 ``bias``（β）。

    形状:
        x: (N, C, H, W)；weight, bias: (C,)；返回值与 ``x`` 相同。
    """
    axes = (0, 2, 3)
    mean = x.mean(axes, keepdim=True)  # (1, C, 1, 1)
    var = x.var(axes, correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt() * weight[:, None, None] + bias[:, None, None]


def residual_scratch(x: Tensor, parameters: Mapping[str, Tensor], stride: int = 1) -> Tensor:
    """只用自己写的卷积与归一化做一个残差块；``parameters`` 就是 ``BasicBlock`` 的 ``state_dict``。

    有投影的权重就投影，没有就原样相加。形状同 ``BasicBlock``；输出等于它在训练状态下的输出。
    """
    p = parameters
    y = conv2d(x, p["conv1.weight"], p.get("conv1.bias"), stride=stride, padding=1)
    y = batch_norm(y, p["norm1.weight"], p["norm1.bias"]).relu()
    y = conv2d(y, p["conv2.weight"], p.get("conv2.bias"), padding=1)
    y = batch_norm(y, p["norm2.weight"], p["norm2.bias"])
    if "shortcut.0.weight" in p:
        x = conv2d(x, p["shortcut.0.weight"], p.get("shortcut.0.bias"), stride=stride)
    if "shortcut.1.weight" in p:
        x = batch_norm(x, p["shortcut.1.weight"], p["shortcut.1.bias"])
    return (x + y).relu()


def _shortcut(in_channels: int, out_channels: int, stride: int, bias: bool, norm: bool) -> nn.Module:
    """形状不变时什么也不做；变了，就用步幅相同的 1×1 卷积把 x 也变成新的形状。"""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    projection = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=bias))
    return projection.append(nn.BatchNorm2d(out_channels)) if norm else projection


def _stem(kind: Stem, in_channels: int, channels: int, bias: bool) -> nn.Sequential:
    if kind not in get_args(Stem):
        raise ValueError(f"stem 应是 {'、'.join(get_args(Stem))} 之一，得到 {kind!r}")
    kernel, stride = (7, 2) if kind == "imagenet" else (3, 1)
    conv = nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2, bias=bias)
    stem = nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())
    return stem.append(nn.MaxPool2d(3, 2, padding=1)) if kind == "imagenet" else stem
