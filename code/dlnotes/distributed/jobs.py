"""交给 ``processes.run_processes`` 的函数：每个进程各运行一份，结果都是能比较的数。

新进程看不见笔记本的格子，所以这些函数放在模块里。
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parameters_to_vector

from dlnotes.distributed import softmax
from dlnotes.distributed.parameter_server import Client, Shard, serve, work
from dlnotes.distributed.ring import Traffic, ring_all_reduce
from dlnotes.distributed.zero import ZeroAdam


@dataclass(frozen=True)
class Reduced:
    """一次环形 all-reduce 的结果，旁边是 PyTorch 自己的。"""

    ours: Tensor
    theirs: Tensor
    traffic: Traffic


def all_reduce(rank: int, _world_size: int, sizes: Sequence[int]) -> list[Reduced]:
    """对每个大小各求一次和：用我们的环，也用 ``dist.all_reduce``；双精度，各进程的数不同。"""
    results = []
    for size in sizes:
        ours = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(rank))
        theirs, traffic = ours.clone(), Traffic()
        ring_all_reduce(ours, traffic)
        dist.all_reduce(theirs)
        results.append(Reduced(ours, theirs, traffic))
    return results


@dataclass(frozen=True)
class Served:
    """一个进程跑完的结果：服务器有参数与每次推送的（谁，陈旧度），worker 有推送完的时刻；另一半空着。"""

    value: Tensor | None = None
    pushes: tuple[tuple[int, int], ...] = ()
    finished: tuple[float, ...] = ()


def parameter_server(
    rank: int,
    world_size: int,
    servers: int,
    batches: Sequence[tuple[Tensor, Tensor]],
    lr: float,
    updates: int,
    synchronous: bool,
    pauses: Sequence[float] = (),
) -> Served:
    """用参数服务器训练 softmax 回归：进程 0 到 ``servers`` − 1 是服务器，其余是 worker。

    参数:
        batches: 全局的批；每一批切成几份，每个 worker 用自己的一份。
        updates: 参数更新几次。
        pauses: 每个 worker 算一个梯度之前多睡几秒；不给时都不睡。
    """
    workers = world_size - servers
    start = softmax.start(batches[0][0])
    dist.barrier()  # 一起开始：谁先启动，不该算作快
    if rank < servers:
        shard = Shard(start.tensor_split(servers)[rank].clone(), lr, workers, synchronous)
        serve(shard)
        pushes = tuple((who - servers, old) for who, old in shard.pushes)  # 进程号换成第几台 worker
        return Served(value=shard.value, pushes=pushes)
    mine = rank - servers
    own = [(x.tensor_split(workers)[mine], y.tensor_split(workers)[mine]) for x, y in batches]
    pause = pauses[mine] if pauses else 0.0
    client = Client(start, servers)
    times = work(client, softmax.gradient, own, updates, synchronous=synchronous, pause=pause)
    return Served(finished=tuple(times))


def _network(width: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10)).double()


@dataclass(frozen=True)
class Trained:
    """训练几步之后的参数，与这个进程存着多少个参数、多少个 Adam 状态。"""

    weights: Tensor
    parameters: int
    states: int


METHODS = ("环", "DDP", "ZeRO-1", "FSDP2")


def train_four_ways(
    rank: int, world_size: int, x: Tensor, y: Tensor, steps: int, width: int
) -> dict[str, Trained]:
    """同一个网络、同一批数据（双精度），用四种办法训练几步 Adam；每个进程只看自己的 1/n。

    环：反向之后逐个参数做我们的环形 all-reduce；DDP：反向途中分桶做；ZeRO-1：我们的 ``ZeroAdam``；
    FSDP2：``fully_shard``，参数也切开，用到时才收集。
    """
    own_x, own_y = x.tensor_split(world_size)[rank], y.tensor_split(world_size)[rank]
    return {method: _train(method, own_x, own_y, steps, width) for method in METHODS}


def _train(method: str, x: Tensor, y: Tensor, steps: int, width: int, lr: float = 1e-3) -> Trained:
    net: nn.Module = _network(width)
    if method == "DDP":
        net = DistributedDataParallel(net)
    if method == "FSDP2":
        fully_shard(net, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    parameters = list(net.parameters())
    updater = ZeroAdam(parameters, lr) if method == "ZeRO-1" else torch.optim.Adam(parameters, lr=lr)
    for _ in range(steps):
        net.zero_grad()
        F.cross_entropy(net(x), y).backward()
        if method == "环":
            for p in parameters:
                assert p.grad is not None
                ring_all_reduce(p.grad)
                p.grad /= dist.get_world_size()
        updater.step()
    if isinstance(updater, ZeroAdam):
        states = updater.state_numel()
    else:
        kept = [s[k] for s in updater.state.values() for k in ("exp_avg", "exp_avg_sq")]
        states = sum(_local(t).numel() for t in kept)
    held = sum(_local(p).numel() for p in parameters)
    whole = [p.full_tensor() if isinstance(p, DTensor) else p for p in parameters]
    return Trained(parameters_to_vector(whole).detach().clone(), held, states)


def _local(t: Tensor) -> Tensor:
    """返回这个进程真正存着的那一块。"""
    return t.to_local() if isinstance(t, DTensor) else t
