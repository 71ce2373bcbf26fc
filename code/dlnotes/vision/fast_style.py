"""快速样式迁移：训一个小网络，一次前向就出图；再加上只换统计量的 AdaIN。

论文：Johnson, Alahi, Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution",
ECCV 2016，图 2（用同一个损失训一个网络）；
实例归一化：Ulyanov et al., "Instance Normalization", arXiv:1607.08022；
最近邻放大再卷积，避免棋盘纹：Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016；
AdaIN：Huang & Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization",
ICCV 2017，式 8。
差异：通道少，残差块两个（论文五个），首尾的核 3×3（论文 9×9）；
网络输出的是对原图的修改量，所以一开始输出的就是原图。
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from dlnotes.vision.style import Losses


class TransformNet(nn.Module):
    """一张图到一张带样式的图；47,395 个参数，一个网络只会一种样式。

    参数:
        width: 第一层的通道数；之后加倍一次。
        num_blocks: 中间残差块的个数。

    形状:
        x: (N, 3, H, W)，取值 [0, 1]，H 与 W 是偶数。
        返回值: 形状、取值范围都与 ``x`` 相同。
    """

    def __init__(self, width: int = 16, num_blocks: int = 2) -> None:
        super().__init__()
        self.enter = _conv(3, width)
        self.down = _conv(width, 2 * width, stride=2)
        self.blocks = nn.ModuleList(
            nn.Sequential(_conv(2 * width, 2 * width), nn.Conv2d(2 * width, 2 * width, 3, padding=1))
            for _ in range(num_blocks)
        )
        self.up = _conv(2 * width, width)
        self.leave = nn.Conv2d(width, 3, 3, padding=1)
        # 从“什么也不改”开始：最后一层全 0，输出就是输入。
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(self.enter(x))  # (N, 2·width, H/2, W/2)
        for block in self.blocks:
            y = y + block(y)
        y = self.up(F.interpolate(y, scale_factor=2))  # (N, width, H, W)
        # 在 logit 上加修改量，再经 sigmoid，输出必在 0 与 1 之间。
        return (x.logit(eps=0.02) + self.leave(y)).sigmoid()


def train(
    net: TransformNet,
    batches: Callable[[], Tensor],
    losses: Callable[[Tensor, Tensor], Losses],
    *,
    steps: int,
    lr: float = 2e-3,
) -> list[float]:
    """训 ``steps`` 步，返回每步的总损失。

    参数:
        batches: 每次调用给出一批内容图，(N, 3, H, W)。
        losses: （输出的图，内容图）→ 三项损失。
    """
    optimizer = Adam(net.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=steps)
    history = []
    for _ in range(steps):
        images = batches()
        found = losses(net(images), images)
        optimizer.zero_grad()
        found.total.backward()
        optimizer.step()
        schedule.step()
        history.append(found.total.item())
    return history


def adain(content: Tensor, style: Tensor, eps: float = 1e-5) -> Tensor:
    """把内容特征每个通道的均值与标准差换成样式特征的；花纹的位置不动。

    形状:
        content: (N, C, H, W)；style: (N, C, H', W')。
        返回值: 与 ``content`` 相同。
    """
    normalized = F.instance_norm(content, eps=eps)
    mean = style.mean((2, 3), keepdim=True)
    std = style.var((2, 3), keepdim=True, correction=0).add(eps).sqrt()
    return normalized * std + mean


def _conv(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    # 反射补边：补 0 会在图的四周留一圈黑边。
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, padding_mode="reflect"),
        nn.InstanceNorm2d(out_channels, affine=True),
        nn.ReLU(),
    )
