"""给 32×32 小图的 ResNet，6n + 2 层；去掉捷径就是同样大小的“平”网络，专为比较这一处。

论文：He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016，§4.2、表 6；
预激活的块见 He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016，图 1(b)。
形状变化处的捷径是论文的选项 A：隔一个像素取一个，多出的通道补零，没有参数。
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Callable[[int], nn.Module]


class ZeroPadding(nn.Module):
    """不带参数的捷径：隔 ``stride`` 个像素取一个，通道在后面补零到 ``channels`` 个。

    形状:
        x: (N, C, H, W)，C ≤ ``channels``。
        返回值: (N, channels, ⌈H / stride⌉, ⌈W / stride⌉)。
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class Block(nn.Module):
    """两层 3×3；``residual`` 为假时没有捷径，其余一模一样，参数也一样多。

    形状:
        x: (N, in_channels, H, W)。
        返回值: (N, channels, ⌈H / stride⌉, ⌈W / stride⌉)。
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, *, residual: bool, norm: Norm = nn.BatchNorm2d
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = norm(channels)
        self.shortcut = ZeroPadding(channels, stride) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(self.conv1(x)).relu()
        y = self.norm2(self.conv2(y))
        return (y if self.shortcut is None else y + self.shortcut(x)).relu()


class PreActBlock(Block):
    """预激活的残差块：归一化和激活移到卷积之前，相加之后什么也不做，捷径上干干净净。

    形状同 ``Block``；``residual`` 为假时抛出 ``ValueError``。
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        *,
        residual: bool = True,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        if not residual:
            raise ValueError("没有捷径，就谈不上预激活")
        super().__init__(in_channels, channels, stride, residual=True, norm=norm)
        self.norm1 = norm(in_channels)  # 现在它在 conv1 之前

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.norm1(x).relu())
        y = self.conv2(self.norm2(y).relu())
        return y + self.shortcut(x)  # type: ignore[misc]


class CifarNet(nn.Module):
    """6n + 2 层：一层 3×3，三个阶段各 n 个块（每块两层），全局平均池化，一层全连接。

    3 通道、10 类、默认宽度时，n = 3、9、18 的参数是 269,722、853,018、1,727,962 个，有没有捷径都一样。

    参数:
        n: 每个阶段的块数；20 层是 3，56 层是 9。
        residual: 有没有捷径。
        preact: 用 ``PreActBlock``；最后多一次归一化和激活，开头少一次。
        channels: 三个阶段的通道数；第二、三阶段的第一个块把高宽减半。
        norm: 归一化层的类；``nn.Identity`` 就是不要归一化。
        zero_init: 每个块第二个归一化的 γ 从 0 开始，于是每个块起初只剩捷径。

    没有捷径而要 ``zero_init`` 时抛出 ``ValueError``。

    形状:
        x: (N, in_channels, H, W)，论文是 32×32。
        返回值: (N, num_classes)。
    """

    def __init__(
        self,
        n: int,
        *,
        residual: bool = True,
        preact: bool = False,
        num_classes: int = 10,
        in_channels: int = 3,
        channels: Sequence[int] = (16, 32, 64),
        norm: Norm = nn.BatchNorm2d,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        if zero_init and not residual:
            raise ValueError("没有捷径，γ 全为 0 的网络什么也传不过去")
        block, width = PreActBlock if preact else Block, channels[0]
        self.conv = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.norm = norm(channels[-1] if preact else width)
        self.preact = preact
        self.blocks = nn.Sequential()
        for i, c in enumerate(channels):
            for j in range(n):
                stride = 2 if i > 0 and j == 0 else 1
                self.blocks.append(block(width, c, stride, residual=residual, norm=norm))
                width = c
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, num_classes)
        if zero_init:
            for layer in self.blocks:
                nn.init.zeros_(layer.norm2.weight)  # type: ignore[union-attr, arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.norm(self.blocks(x)).relu() if self.preact else self.blocks(self.norm(x).relu())
        return self.fc(self.pool(x).flatten(1))


def gradient_norms(model: CifarNet, x: Tensor, labels: Tensor) -> list[float]:
    """做一次前向与反向（训练状态），返回损失对每个块的输入的梯度的范数，从前往后；模型的梯度不留下。

    形状:
        x: (N, in_channels, H, W)；labels: (N,)。
    """
    inputs: list[Tensor] = []
    hooks = [
        block.register_forward_pre_hook(lambda _, args: inputs.append(args[0])) for block in model.blocks
    ]
    try:
        loss = F.cross_entropy(model(x), labels)
    finally:
        for hook in hooks:
            hook.remove()
    return [gradient.norm().item() for gradient in torch.autograd.grad(loss, inputs)]
