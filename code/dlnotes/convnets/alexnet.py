"""AlexNet：2012 年在 ImageNet 上胜出的深度卷积网络，五个卷积、三个全连接。

论文：Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012，§3 与图 2。
差异：两块 GPU 的分工写成分组卷积（``groups=2``）；论文说输入是 224×224，不补边除不尽，这里补 2 个像素，
得到论文的 55×55；初始化用 PyTorch 的默认值（论文 §5 用 N(0, 0.01²)，部分偏置为 1）。
torchvision 的 ``alexnet`` 出自后来的 "One weird trick for parallelizing convolutional neural networks"
（2014）：单塔、各层更窄、没有 LRN，不是同一个结构；给出 ``WEIRD_TRICK`` 的通道即可得到。
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from dlnotes.convnets.classifier import classifier

PAPER = (96, 256, 384, 384, 256)  # 论文图 2 的五个卷积
WEIRD_TRICK = (64, 192, 384, 256, 256)  # torchvision 的 alexnet


class AlexNet(nn.Module):
    """彩色图到类别 logits；照论文共 60,965,224 个参数。

    《动手学深度学习》的单塔版是 ``AlexNet(10, 1, groups=1, padding=1, lrn=False)``，46,764,746 个参数。

    参数:
        image_size: 输入的边长；决定第一个全连接的大小。
        channels: 五个卷积的输出通道；调小就是能在 CPU 上训练的小网。
        hidden: 前两个全连接的宽度。
        groups: 2 是论文的双 GPU：第 2、4、5 个卷积只看同一块 GPU 上的通道；1 是单塔。
        padding: 第一个卷积四周补几个像素。
        lrn: 前两个卷积之后要不要局部响应归一化（§3.3）。
        pool_size: 池化窗口；3 大于步幅 2，窗口重叠（§3.4），2 则不重叠。

    形状:
        x: (N, in_channels, image_size, image_size)。
        返回值: (N, num_classes)，未经 softmax。

    异常:
        ValueError: 图太小，经不起五次缩小。
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        image_size: int = 224,
        channels: Sequence[int] = PAPER,
        hidden: int = 4096,
        groups: int = 2,
        padding: int = 2,
        lrn: bool = True,
        pool_size: int = 3,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = channels
        side = feature_size(image_size, padding, pool_size)
        layers: list[tuple[str, nn.Module | None]] = [
            ("conv1", nn.Conv2d(in_channels, c1, kernel_size=11, stride=4, padding=padding)),
            ("relu1", nn.ReLU()),
            ("lrn1", local_response_norm() if lrn else None),
            ("pool1", nn.MaxPool2d(pool_size, stride=2)),
            ("conv2", nn.Conv2d(c1, c2, kernel_size=5, padding=2, groups=groups)),
            ("relu2", nn.ReLU()),
            ("lrn2", local_response_norm() if lrn else None),
            ("pool2", nn.MaxPool2d(pool_size, stride=2)),
            # 第 3 个卷积看两块 GPU 的全部通道，所以不分组。
            ("conv3", nn.Conv2d(c2, c3, kernel_size=3, padding=1)),
            ("relu3", nn.ReLU()),
            ("conv4", nn.Conv2d(c3, c4, kernel_size=3, padding=1, groups=groups)),
            ("relu4", nn.ReLU()),
            ("conv5", nn.Conv2d(c4, c5, kernel_size=3, padding=1, groups=groups)),
            ("relu5", nn.ReLU()),
            ("pool5", nn.MaxPool2d(pool_size, stride=2)),
        ]
        self.features = nn.Sequential(OrderedDict((name, layer) for name, layer in layers if layer))
        self.classifier = classifier(c5 * side**2, hidden, num_classes, dropout)

    def forward(self, x: Tensor) -> Tensor:
        # 224×224 时：(N, 96, 55, 55) → 27×27 → (N, 256, 27, 27) → 13×13 → (N, 384, 13, 13) 两次
        # → (N, 256, 13, 13) → 6×6。
        logits: Tensor = self.classifier(self.features(x))
        return logits


def local_response_norm() -> nn.LocalResponseNorm:
    """返回论文 §3.3 的局部响应归一化：每个单元除以相邻 5 个通道同一位置的平方和的函数。"""
    n, alpha, beta, k = 5, 1e-4, 0.75, 2.0
    # 论文的 α 乘平方和，PyTorch 的 alpha 乘平方的平均，差 n 倍。
    return nn.LocalResponseNorm(n, alpha=alpha * n, beta=beta, k=k)


def feature_size(image_size: int, padding: int = 2, pool_size: int = 3) -> int:
    """返回最后一个池化之后的边长；不足 1 时抛出 ``ValueError``。"""
    side = (image_size + 2 * padding - 11) // 4 + 1
    for _ in range(3):
        side = (side - pool_size) // 2 + 1
    if side < 1:
        raise ValueError(f"{image_size}×{image_size} 的图太小：五次缩小之后什么也不剩")
    return side
