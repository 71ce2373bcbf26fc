"""批量归一化与层归一化：把激活减去均值、除以标准差，再乘 γ 加 β；两者只差在沿哪个轴求平均。

论文：Ioffe, Szegedy, "Batch Normalization", ICML 2015，算法 1 与 2；
Ba, Kiros, Hinton, "Layer Normalization", 2016，式 (4)。
"""

import torch
from torch import Tensor, nn


def normalise(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """沿 ``axes`` 减均值、除标准差；方差除以个数 n，不是 n − 1。``eps`` 使方差为 0 时也不除以 0。"""
    mean = x.mean(dim=axes, keepdim=True)
    variance = x.var(dim=axes, keepdim=True, correction=0)
    return (x - mean) / (variance + eps).sqrt()


def layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """每个样本各自归一化：沿最后一维，与同批的别的样本无关，训练与评估也就没有区别。

    形状:
        x: (..., C)；gamma, beta: (C,)。
        返回值: 同 x。
    """
    return gamma * normalise(x, (-1,), eps) + beta


class BatchNorm(nn.Module):
    """每个特征各自归一化：沿批量（卷积时还有高与宽）求平均；参数与缓冲区同 ``nn.BatchNorm1d`` / ``2d``。

    训练时用这一批的均值与方差，并记下它们的移动平均；评估时用移动平均，一个样本也能算。

    形状:
        x: (N, C) 或 (N, C, H, W)；训练时每个特征至少要两个数，否则抛出 ``ValueError``。
        返回值: 同 x。
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))  # γ
        self.bias = nn.Parameter(torch.zeros(num_features))  # β
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Tensor) -> Tensor:
        axes = (0, *range(2, x.ndim))  # 除了特征那一维
        column = (1, -1, *[1] * (x.ndim - 2))  # 把 (C,) 排成能与 x 广播的样子
        if self.training:
            self._remember(x.detach(), axes)
            x = normalise(x, axes, self.eps)
        else:
            variance = self.running_var.view(column)
            x = (x - self.running_mean.view(column)) / (variance + self.eps).sqrt()
        return self.weight.view(column) * x + self.bias.view(column)

    def _remember(self, x: Tensor, axes: tuple[int, ...]) -> None:
        if x.numel() // x.shape[1] < 2:
            raise ValueError(f"只有一个数，方差是 0：训练时批量至少是 2，得到 {tuple(x.shape)}")
        # 归一化时方差除以 n；记下来的却除以 n − 1（论文算法 2 第 10 行）：要估计的是全体的方差。
        self.running_mean.lerp_(x.mean(axes), self.momentum)
        self.running_var.lerp_(x.var(axes, correction=1), self.momentum)
