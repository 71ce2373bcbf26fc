"""跨卡的批量归一化（SyncBN）：均值与方差对全部卡上的样本求，不只对自己这一段。

来源：与 ``torch.nn.SyncBatchNorm`` 同义。差异：它只有 GPU 上的实现，这里用 all-reduce 写，CPU 上也能用；
它收集各卡的均值与方差再合并，通信一次，这里先求均值再求方差，通信两次。
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from dlnotes.normalize import BatchNorm


class AllReduce(torch.autograd.Function):
    """求和的 all-reduce，可以求导：每个进程都得到 Σx，所以 x 的梯度也是各进程梯度之和。"""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        return _summed(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        return _summed(grad)


class SyncBatchNorm(BatchNorm):
    """同 ``BatchNorm``，但训练时的均值与方差取自所有进程的样本；各进程的样本可以不一样多。

    评估时用移动平均，不通信。没有进程组时就是 ``BatchNorm``。
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and dist.is_initialized()):
            return super().forward(x)
        axes = (0, *range(2, x.ndim))
        column = (1, -1, *[1] * (x.ndim - 2))
        own = x.new_full((1,), x.numel() / x.shape[1])
        total: Tensor = AllReduce.apply(torch.cat([own, x.sum(axes)]))  # (1 + C,)
        count, mean = total[0].detach(), total[1:] / total[0].detach()
        # 把 Σx 与 Σx² 放在一次里通信更省，但两个大数相减会丢掉有效数字。
        squares: Tensor = AllReduce.apply((x - mean.view(column)).square().sum(axes))
        variance = squares / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(squares / (count - 1), self.momentum)
        x = (x - mean.view(column)) / (variance.view(column) + self.eps).sqrt()
        return self.weight.view(column) * x + self.bias.view(column)


def _summed(x: Tensor) -> Tensor:
    total = x.detach().clone()
    dist.all_reduce(total)
    return total
