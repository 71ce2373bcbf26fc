"""Inception V3：把大的卷积核拆成小的，把 n×n 拆成 1×n 与 n×1，每个卷积之后批量归一化。

论文：Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture for Computer Vision",
CVPR 2016，§3 图 5～7、§5 图 10、§6 表 1。
块的字母 A～E 与各路的通道不在论文里，同 torchvision 的 ``inception_v3``。
差异：不收只在训练时用的辅助分类器；初始化用 PyTorch 的默认值。
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Concat(nn.Module):
    """几条路看同一个输入，输出沿通道拼接；各路输出的高宽须相同，否则 ``RuntimeError``。

    形状:
        x: (N, C, H, W)。
        返回值: (N, 各路通道之和, H', W')。
    """

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches.values()], dim=1)


def conv_bn(
    in_channels: int,
    out_channels: int,
    kernel_size: int | tuple[int, int],
    *,
    stride: int = 1,
    same: bool = True,
) -> nn.Sequential:
    """卷积、批量归一化、ReLU；``same`` 为真则补边，步幅 1 时高宽不变。"""
    h, w = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
    padding = (h // 2, w // 2) if same else (0, 0)
    return nn.Sequential(
        # 归一化会减去平均，卷积的偏置没有用处。
        nn.Conv2d(in_channels, out_channels, (h, w), stride, padding, bias=False),
        nn.BatchNorm2d(out_channels, eps=1e-3),
        nn.ReLU(),
    )


def pooled(in_channels: int, out_channels: int) -> nn.Sequential:
    """3×3 的平均池化（高宽不变）接 1×1 卷积。"""
    return nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), conv_bn(in_channels, out_channels, 1))


def inception_a(in_channels: int, pool_features: int) -> Concat:
    """块 A（图 5）：把一个 5×5 换成两个 3×3；旁边的一路图 5 是 3×3，这里同 torchvision，是 5×5。

    形状:
        x: (N, in_channels, H, W)，在网络里 35×35。
        返回值: (N, 224 + pool_features, H, W)。
    """
    return Concat(
        conv1x1=conv_bn(in_channels, 64, 1),
        conv5x5=nn.Sequential(conv_bn(in_channels, 48, 1), conv_bn(48, 64, 5)),
        double3x3=nn.Sequential(conv_bn(in_channels, 64, 1), conv_bn(64, 96, 3), conv_bn(96, 96, 3)),
        pool=pooled(in_channels, pool_features),
    )


def inception_b(in_channels: int) -> Concat:
    """块 B（图 10）：缩小；卷积与池化并联，既不先池化丢信息，也不在大图上多算。

    形状:
        x: (N, in_channels, H, W)，在网络里 35×35。
        返回值: (N, in_channels + 480, ⌊(H − 1) / 2⌋, ⌊(W − 1) / 2⌋)，在网络里 17×17。
    """
    return Concat(
        conv3x3=conv_bn(in_channels, 384, 3, stride=2, same=False),
        double3x3=nn.Sequential(
            conv_bn(in_channels, 64, 1), conv_bn(64, 96, 3), conv_bn(96, 96, 3, stride=2, same=False)
        ),
        pool=nn.MaxPool2d(3, stride=2),
    )


def inception_c(in_channels: int, channels_7x7: int) -> Concat:
    """块 C（图 6，n = 7）：把 7×7 拆成 1×7 与 7×1，参数从 49 降到 14 份。

    形状:
        x: (N, in_channels, H, W)，在网络里 17×17。
        返回值: (N, 768, H, W)。
    """
    c = channels_7x7
    return Concat(
        conv1x1=conv_bn(in_channels, 192, 1),
        conv7x7=nn.Sequential(conv_bn(in_channels, c, 1), conv_bn(c, c, (1, 7)), conv_bn(c, 192, (7, 1))),
        double7x7=nn.Sequential(
            conv_bn(in_channels, c, 1),
            *(conv_bn(c, c, (7, 1)), conv_bn(c, c, (1, 7))),
            *(conv_bn(c, c, (7, 1)), conv_bn(c, 192, (1, 7))),
        ),
        pool=pooled(in_channels, 192),
    )


def inception_d(in_channels: int) -> Concat:
    """块 D：缩小，同块 B，其中一路先拆开看 7×7。

    形状:
        x: (N, in_channels, H, W)，在网络里 17×17。
        返回值: (N, in_channels + 512, ⌊(H − 1) / 2⌋, ⌊(W − 1) / 2⌋)，在网络里 8×8。
    """
    return Concat(
        conv3x3=nn.Sequential(conv_bn(in_channels, 192, 1), conv_bn(192, 320, 3, stride=2, same=False)),
        conv7x7x3=nn.Sequential(
            conv_bn(in_channels, 192, 1),
            *(conv_bn(192, 192, (1, 7)), conv_bn(192, 192, (7, 1))),
            conv_bn(192, 192, 3, stride=2, same=False),
        ),
        pool=nn.MaxPool2d(3, stride=2),
    )


def inception_e(in_channels: int) -> Concat:
    """块 E（图 7）：1×3 与 3×1 不是先后而是并列，在最小的图上把通道铺宽。

    形状:
        x: (N, in_channels, H, W)，在网络里 8×8。
        返回值: (N, 2048, H, W)。
    """

    def split() -> Concat:
        return Concat(conv1x3=conv_bn(384, 384, (1, 3)), conv3x1=conv_bn(384, 384, (3, 1)))

    return Concat(
        conv1x1=conv_bn(in_channels, 320, 1),
        conv3x3=nn.Sequential(conv_bn(in_channels, 384, 1), split()),
        double3x3=nn.Sequential(conv_bn(in_channels, 448, 1), conv_bn(448, 384, 3), split()),
        pool=pooled(in_channels, 192),
    )


class InceptionV3(nn.Module):
    """彩色图到类别 logits；1000 类时共 23,834,568 个参数。全局平均池化收尾，边长至少 75 都能用。

    形状:
        x: (N, in_channels, H, W)，论文是 299×299。
        返回值: (N, num_classes)，未经 softmax。
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict[str, nn.Module](
                conv1=conv_bn(in_channels, 32, 3, stride=2, same=False),  # 149×149
                conv2=conv_bn(32, 32, 3, same=False),  # 147×147
                conv3=conv_bn(32, 64, 3),
                pool1=nn.MaxPool2d(3, stride=2),  # 73×73
                conv4=conv_bn(64, 80, 1),
                conv5=conv_bn(80, 192, 3, same=False),  # 71×71
                pool2=nn.MaxPool2d(3, stride=2),  # 35×35
                a1=inception_a(192, pool_features=32),
                a2=inception_a(256, pool_features=64),
                a3=inception_a(288, pool_features=64),
                b=inception_b(288),  # 17×17
                c1=inception_c(768, channels_7x7=128),
                c2=inception_c(768, channels_7x7=160),
                c3=inception_c(768, channels_7x7=160),
                c4=inception_c(768, channels_7x7=192),
                d=inception_d(768),  # 8×8
                e1=inception_e(1280),
                e2=inception_e(2048),
            )
        )
        self.classifier = nn.Sequential(
            OrderedDict[str, nn.Module](
                gap=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                dropout=nn.Dropout(dropout),
                fc=nn.Linear(2048, num_classes),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x))
        return logits
