"""FCN：不要全连接，图进图出，每个像素得到各类的 logits；深层的跳过几层与浅层相加。

论文：Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015，
图 3 与 §4.2。
差异：骨干是 ResNet-18 或 EfficientNet-Lite0（论文是 VGG-16，fc6、fc7 写成卷积）；不在四周填 100 个像素，
放大后多出的一截直接裁掉。最后一次放大，论文固定为双线性，《动手学深度学习》可学：由
``learned_last`` 选。
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes.convnets.resnet import ResNet
from dlnotes.vision.efficientnet import EfficientNetLite0, MBConv
from dlnotes.vision.transposed import upsampler


class Backbone(nn.Module):
    """骨干的约定：图到几张特征图，从细到粗。

    ``strides`` 是各张缩小的倍数，``channels`` 是各张的通道数，次序与输出相同。

    形状:
        x: (N, 3, H, W)。
        返回值: 一列 (N, channels[i], ⌈H / strides[i]⌉, ⌈W / strides[i]⌉)。
    """

    strides: tuple[int, ...]
    channels: tuple[int, ...]


class ResNetBackbone(Backbone):
    """``ResNet`` 去掉池化与全连接，取四个阶段的输出；ResNet-18 时 11,176,512 个参数。"""

    strides = (4, 8, 16, 32)

    def __init__(self, net: ResNet) -> None:
        super().__init__()
        width = net.fc.in_features
        self.channels = (width // 8, width // 4, width // 2, width)
        self.stem, self.stages = net.stem, nn.Sequential(net.stage1, net.stage2, net.stage3, net.stage4)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps, x = [], self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class EfficientNetBackbone(Backbone):
    """EfficientNet-Lite0 去掉输出层：每次缩小之前的那张图，加上最后的 1280 张。

    缩小的那一块先把通道扩张六倍（过 ReLU6）再缩小；取扩张之后的，比块的输出多六倍的通道。
    """

    strides = (4, 8, 16, 32)
    channels = (144, 240, 672, 1280)

    def __init__(self, net: EfficientNetLite0) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> list[Tensor]:
        maps, x = [], self.net.stem(x)
        for block in self.net.blocks:
            assert isinstance(block, MBConv)
            if block.expand and block.depthwise_conv.stride == (2, 2):
                maps.append(F.relu6(block.bn0(block.expand_conv(x))))
            x = block(x)
        # 第一张是步幅 2 的，用不上。
        return [*maps[1:], F.relu6(self.net.bn1(self.net.conv_head(x)))]


class SkipHead(nn.Module):
    """每张特征图过一个 1×1 卷积变成各类的得分；最粗的放大，与细一级的相加，直到 ``finest``，再放大到原图。

    ``finest`` 是 32、16、8 时就是 FCN-32s、16s、8s；浅层的 1×1 从 0 开始，起初与没有它一样（§4.2）。

    参数:
        channels, strides: 各张特征图的通道数与缩小的倍数，从细到粗；相邻的须成整数倍。
        finest: 用到的最细一张，须在 ``strides`` 里，否则抛出 ``ValueError``；更细的不看。
        learned_last: 最后一次放大可学（转置卷积），还是固定的双线性插值（快得多）。

    形状:
        maps: 每张 (N, channels[i], h_i, w_i)。
        返回值: (N, num_classes, h·finest, w·finest)，h、w 是用到的最细一张的高宽。
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        num_classes: int,
        *,
        finest: int,
        learned_last: bool = True,
    ) -> None:
        super().__init__()
        if finest not in strides:
            raise ValueError(f"finest 应是 {tuple(strides)} 之一，得到 {finest}")
        start = self.start = strides.index(finest)
        scores = [nn.Conv2d(c, num_classes, 1) for c in channels[start:]]
        ratios = [b // a for a, b in zip(strides[start:], strides[start + 1 :], strict=False)]
        self.ups = nn.ModuleList(upsampler(num_classes, ratio) for ratio in ratios)
        self.last: nn.Module = (
            upsampler(num_classes, finest)
            if learned_last
            else nn.Upsample(scale_factor=finest, mode="bilinear", align_corners=False)
        )
        for score in scores:
            nn.init.zeros_(score.weight)
            assert score.bias is not None
            nn.init.zeros_(score.bias)
        nn.init.xavier_uniform_(scores[-1].weight)
        self.scores = nn.ModuleList(scores)

    def forward(self, *maps: Tensor) -> Tensor:
        used = maps[self.start :]
        x = self.scores[-1](used[-1])
        for i in reversed(range(len(self.ups))):
            skip = self.scores[i](used[i])
            # 边长是奇数时 ⌈n/2⌉·2 比 n 多一行：裁到与浅层一样大。
            x = self.ups[i](x)[..., : skip.shape[-2], : skip.shape[-1]] + skip
        return self.last(x)


class FCN(nn.Module):
    """骨干加 ``SkipHead``；骨干是 ResNet-18、21 类、``finest=32`` 时 12,993,642 个参数。

    形状:
        x: (N, 3, H, W)，高宽不限。
        返回值: (N, num_classes, H, W)，每个像素的 logits。
    """

    def __init__(
        self, backbone: Backbone, num_classes: int, *, finest: int = 32, learned_last: bool = True
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = SkipHead(
            backbone.channels, backbone.strides, num_classes, finest=finest, learned_last=learned_last
        )

    def forward(self, x: Tensor) -> Tensor:
        H, W = x.shape[-2:]
        return self.head(*self.backbone(x))[..., :H, :W]


def as_convolution(linear: nn.Linear, size: tuple[int, int] = (1, 1)) -> nn.Conv2d:
    """把全连接写成卷积：(C, h, w) 拉直后的全连接，就是 C 个通道上的 h×w 卷积，权重一个不变。

    ``size`` 是拉直之前的高宽 (h, w)；输入个数不是 h·w 的倍数时抛出 ``ValueError``。
    """
    h, w = size
    if linear.in_features % (h * w):
        raise ValueError(f"{linear.in_features} 个输入不是 {h}×{w} 的图拉直来的")
    conv = nn.Conv2d(linear.in_features // (h * w), linear.out_features, size, bias=linear.bias is not None)
    conv.weight = nn.Parameter(linear.weight.detach().reshape(conv.weight.shape).clone())
    if linear.bias is not None:
        conv.bias = nn.Parameter(linear.bias.detach().clone())
    return conv
