"""在每个进程里运行的函数，交给 ``run_processes``；笔记本的格子里定义的函数送不过去，所以放在这里。

每个函数的前两个参数是 ``rank`` 与 ``world_size``，进程组已经建好。
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

Batches = Sequence[tuple[Tensor, Tensor]]


def collectives(rank: int, world_size: int) -> dict[str, list[int]]:
    """做一遍常用的集合通信，返回每一个的结果；进程 r 手里是 [10r, 10r + 1, …]，共 ``world_size`` 个数。"""
    mine = torch.arange(world_size) + 10 * rank
    found = {"手里": mine.clone()}

    found["broadcast"] = mine.clone()
    dist.broadcast(found["broadcast"], src=0)

    found["all_reduce"] = mine.clone()
    dist.all_reduce(found["all_reduce"])  # 默认求和

    found["reduce_scatter"] = torch.empty(1, dtype=mine.dtype)
    dist.reduce_scatter(found["reduce_scatter"], list(mine.split(1)))

    everyone = [torch.empty_like(mine) for _ in range(world_size)]
    dist.all_gather(everyone, mine)
    found["all_gather"] = torch.cat(everyone)
    return {name: value.tolist() for name, value in found.items()}


def train_by_hand(rank: int, world_size: int, model: nn.Module, batches: Batches, lr: float) -> nn.Module:
    """数据并行的 SGD，每批一步，返回训好的模型；各进程取这一批里自己的一段。"""
    for x, y in batches:
        a, b = x.tensor_split(world_size)[rank], y.tensor_split(world_size)[rank]
        model.zero_grad()
        # 求和，再除以整批的样本数：各段不一样长也对。
        (F.cross_entropy(model(a), b, reduction="sum") / len(x)).backward()
        with torch.no_grad():
            for p in model.parameters():
                assert p.grad is not None
                dist.all_reduce(p.grad)
                p.sub_(lr * p.grad)
    return model


def train_ddp(rank: int, world_size: int, model: nn.Module, batches: Batches, lr: float) -> nn.Module:
    """同 ``train_by_hand``，但梯度由 DDP 合并；它求各进程的平均，所以各段应一样长。"""
    parallel = DistributedDataParallel(model)  # 先把 rank 0 的参数与缓冲区广播给大家
    optimizer = torch.optim.SGD(parallel.parameters(), lr=lr)
    for x, y in batches:
        a, b = x.tensor_split(world_size)[rank], y.tensor_split(world_size)[rank]
        optimizer.zero_grad()
        F.cross_entropy(parallel(a), b).backward()  # 反向还没做完，算好的梯度已经在路上
        optimizer.step()
    return model


def through(rank: int, world_size: int, layer: nn.Module, x: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
    """让 ``x`` 的一段通过一层，返回输出与 (输出 × ``pull``) 之和对输入的梯度；用来比较两种归一化。"""
    part = x.tensor_split(world_size)[rank].clone().requires_grad_()
    y = layer(part)
    (y * pull.tensor_split(world_size)[rank]).sum().backward()
    assert part.grad is not None
    return y.detach(), part.grad


def step_seconds(
    rank: int, world_size: int, model: nn.Module, x: Tensor, y: Tensor, repeats: int = 5
) -> tuple[float, float]:
    """量一步里计算（前向、反向）与通信（all-reduce 全部梯度）各要多少秒，取中位数。

    每个进程算 ``x`` 里自己的一段。通信之前先对齐，等慢的那个进程的时间不算在通信里。
    """
    a, b = x.tensor_split(world_size)[rank], y.tensor_split(world_size)[rank]

    def compute() -> None:
        model.zero_grad()
        F.cross_entropy(model(a), b).backward()

    compute()
    bucket = nn.utils.parameters_to_vector([p.grad for p in model.parameters() if p.grad is not None])
    spent = _seconds(compute, repeats), _seconds(lambda: dist.all_reduce(bucket), 2 * repeats)
    return spent[0], spent[1] if world_size > 1 else 0.0


def allreduce_seconds(
    rank: int,  # noqa: ARG001  run_processes 总会给
    world_size: int,  # noqa: ARG001
    groups: Sequence[Sequence[int]],
    repeats: int = 9,
) -> list[float]:
    """量每一组张量逐个 all-reduce 完要多少秒，取中位数；``groups`` 的每一项是各张量有几个 float32。"""

    def work(tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            dist.all_reduce(tensor)

    return [_seconds(partial(work, [torch.zeros(size) for size in group]), repeats) for group in groups]


def _seconds(work: Callable[[], object], repeats: int) -> float:
    work()
    found = []
    for _ in range(repeats):
        dist.barrier()
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found)
