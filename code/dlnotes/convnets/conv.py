"""从零实现卷积与池化：先写四重循环看清定义，再用滑动窗口与 einsum 写成一步张量运算。

深度学习里的“卷积”其实是互相关：核不翻转。结果与 ``torch.nn.functional`` 的同名函数相等，梯度也相等。
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def conv2d_loops(x: Tensor, weight: Tensor, bias: Tensor, padding: int = 0) -> Tensor:
    """按定义逐个算出卷积的输出单元；只为看懂，比 ``conv2d`` 慢几千倍。

    形状:
        x: (N, C, H, W)；weight: (O, C, h, w)；bias: (O,)。
        返回值: (N, O, H + 2·padding − h + 1, W + 2·padding − w + 1)。
    """
    x = F.pad(x, [padding] * 4)
    N, _, H, W = x.shape
    out_channels, _, h, w = weight.shape
    out = x.new_empty(N, out_channels, H - h + 1, W - w + 1)
    for n in range(N):  # 每张图
        for o in range(out_channels):  # 每个输出通道
            for i in range(H - h + 1):  # 每一行
                for j in range(W - w + 1):  # 每一列
                    window = x[n, :, i : i + h, j : j + w]  # (C, h, w)
                    out[n, o, i, j] = (window * weight[o]).sum() + bias[o]
    return out


def windows(x: Tensor, kernel_size: tuple[int, int], stride: int = 1) -> Tensor:
    """返回滑动窗口的视图，不复制数据；窗口比图大时抛出 ``RuntimeError``。

    形状:
        x: (N, C, H, W)。
        返回值: (N, C, H', W', h, w)，H' = ⌊(H − h) / stride⌋ + 1，W' 同理。
    """
    h, w = kernel_size
    return x.unfold(2, h, stride).unfold(3, w, stride)


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Tensor:
    """二维卷积：每个输出单元是一个窗口与一个核的内积，再加偏置；通道数不合时抛出 ``ValueError``。

    形状:
        x: (N, C, H, W)；weight: (O, C, h, w)；bias: (O,)。
        返回值: (N, O, H', W')，H' = ⌊(H + 2·padding − h) / stride⌋ + 1，W' 同理。
    """
    if x.shape[1] != weight.shape[1]:
        raise ValueError(f"输入有 {x.shape[1]} 个通道，核有 {weight.shape[1]} 个")
    h, w = weight.shape[2:]
    x = windows(F.pad(x, [padding] * 4), (h, w), stride)  # (N, C, H', W', h, w)
    # 对通道 c 与窗口里的位置 i、j 求和；同一个核滑过所有位置，这就是权重共享。
    out = torch.einsum("ncHWij,ocij->noHW", x, weight)
    return out if bias is None else out + bias[:, None, None]


def avg_pool2d(x: Tensor, size: int) -> Tensor:
    """不重叠的平均池化：每个 size × size 窗口取平均；排不满的边缘舍去。

    形状:
        x: (N, C, H, W)。
        返回值: (N, C, ⌊H / size⌋, ⌊W / size⌋)。
    """
    return windows(x, (size, size), stride=size).mean(dim=(-2, -1))


def max_pool2d(x: Tensor, size: int) -> Tensor:
    """不重叠的最大池化：每个 size × size 窗口取最大；形状同 ``avg_pool2d``。"""
    # amax 遇到并列的最大值会平分梯度；max 只给其中一个，与 PyTorch 的池化层相同。
    return windows(x, (size, size), stride=size).flatten(-2).max(dim=-1).values
