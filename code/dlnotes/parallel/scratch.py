"""数据并行，从零写起：一个进程管着几块卡，切批、各算梯度、all-reduce、各自同样更新。

来源：《动手学深度学习》12.5 节。差异：损失求和、更新时除以整批的样本数，所以各卡分到的样本可以不一样多；
梯度用 ``torch.autograd.grad`` 取，不累积在 ``.grad`` 里，不必清零。
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Device = torch.device | str
Forward = Callable[[Tensor, Sequence[Tensor]], Tensor]  # (x, 参数) → logits

SHAPES = ((20, 1, 3, 3), (20,), (50, 20, 5, 5), (50,), (128, 800), (128,), (10, 128), (10,))


def init_lenet(std: float = 0.01) -> list[Tensor]:
    """返回 ``lenet`` 的 8 个参数，都是标准差 ``std`` 的正态随机数，偏置为 0；共 129,068 个数。"""
    return [torch.randn(shape) * std if len(shape) > 1 else torch.zeros(shape) for shape in SHAPES]


def lenet(x: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """课上这一节用的 LeNet：20 个 3×3、50 个 5×5，ReLU，平均池化，800 → 128 → 10。

    形状:
        x: (N, 1, 28, 28)；parameters: 见 ``SHAPES``；返回值: (N, 10)。
    """
    w1, b1, w2, b2, w3, b3, w4, b4 = parameters
    x = F.avg_pool2d(F.conv2d(x, w1, b1).relu(), 2)  # (N, 20, 13, 13)
    x = F.avg_pool2d(F.conv2d(x, w2, b2).relu(), 2)  # (N, 50, 4, 4)
    x = F.linear(x.flatten(1), w3, b3).relu()  # (N, 128)
    return F.linear(x, w4, b4)


def lenet_module() -> nn.Sequential:
    """同一个网络写成模块，参数的次序与 ``SHAPES`` 相同；用 PyTorch 默认的初始化。"""
    return nn.Sequential(
        nn.Conv2d(1, 20, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def replicate(parameters: Sequence[Tensor], devices: Sequence[Device]) -> list[list[Tensor]]:
    """给每块卡复制一份参数，都要记梯度；返回的第 k 项是第 k 块卡的那一份。"""
    # 目标设备相同时 .to 不复制，几份会变成同一份：所以先 clone。
    return [[p.detach().clone().to(device).requires_grad_() for p in parameters] for device in devices]


def split_batch(
    x: Tensor, y: Tensor, devices: Sequence[Device], sizes: Sequence[int] | None = None
) -> list[tuple[Tensor, Tensor]]:
    """把一批切成几段，第 k 段放到第 k 块卡上，样本与标签一起切。

    参数:
        sizes: 每块卡几个样本，加起来是 N；不给时尽量平分，前几块多一个。

    ``x`` 与 ``y`` 不一样长，或 ``sizes`` 对不上时抛出 ``ValueError``。
    """
    N, K = len(x), len(devices)
    sizes = [N // K + (k < N % K) for k in range(K)] if sizes is None else list(sizes)
    if len(y) != N or len(sizes) != K or sum(sizes) != N:
        raise ValueError(f"{N} 个样本、{len(y)} 个标签，不能按 {sizes} 分给 {K} 块卡")
    parts = zip(x.split(sizes), y.split(sizes), devices, strict=True)
    return [(a.to(device), b.to(device)) for a, b, device in parts]


def allreduce(tensors: Sequence[Tensor]) -> None:
    """就地把每块卡上的张量换成它们的和：都送到第一块卡上相加，再发回去。

    [1, 1] 与 [2, 2] 变成 [3, 3] 与 [3, 3]。第一块卡收发全部数据，卡多了它就是瓶颈。
    """
    first, *others = tensors
    for other in others:
        first += other.to(first.device)
    for other in others:
        other.copy_(first)


def gradients(x: Tensor, y: Tensor, parameters: Sequence[Tensor], net: Forward = lenet) -> list[Tensor]:
    """返回这一段样本的交叉熵之**和**对每个参数的梯度。"""
    loss = F.cross_entropy(net(x, parameters), y, reduction="sum")
    return list(torch.autograd.grad(loss, parameters))


def train_batch(
    x: Tensor,
    y: Tensor,
    replicas: Sequence[Sequence[Tensor]],
    devices: Sequence[Device],
    lr: float,
    sizes: Sequence[int] | None = None,
    net: Forward = lenet,
) -> None:
    """用一批数据就地更新每块卡上的参数，一步小批量 SGD。

    更新之前各卡的参数若相同，之后仍相同：起点一样，加的东西也一样。
    """
    # GPU 上的计算是异步的：这一行发完第一块卡的命令就去发第二块的，两块同时在算。
    parts = zip(split_batch(x, y, devices, sizes), replicas, strict=True)
    grads = [gradients(a, b, parameters, net) for (a, b), parameters in parts]
    for same in zip(*grads, strict=True):  # 同一个参数在各卡上的梯度
        allreduce(same)
    with torch.no_grad():  # 更新本身不是要求导的计算
        for parameters, grad in zip(replicas, grads, strict=True):
            for p, g in zip(parameters, grad, strict=True):
                p -= lr * g / len(x)  # len(x) 是整批的样本数，不是这块卡的
