"""环形 all-reduce：n 个进程围成一圈，只与左右邻居收发，人人得到全体的和。

来源：Patarasuk, Yuan, "Bandwidth Optimal All-reduce Algorithms for Clusters of Workstations", JPDC 69(2),
2009；书：《动手学深度学习》12.7 节。这里只用点对点的 isend 与 irecv，不用现成的集合通信。
"""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass
class Traffic:
    """一个进程到现在为止收发的字节数；只数张量，不数协议的开销。"""

    sent: int = 0
    received: int = 0


def sent_chunk(rank: int, step: int, n: int) -> int:
    """返回第 ``step`` 步（从 0 数起）进程 ``rank`` 发给右邻居的是第几块；收到的是左邻居发的那一块。"""
    return (rank - step) % n


def finished_chunk(rank: int, n: int) -> int:
    """返回 reduce-scatter 之后进程 ``rank`` 手里求完和的那一块。"""
    return (rank + 1) % n


def reduce_scatter(chunks: list[Tensor], traffic: Traffic | None = None) -> Tensor:
    """就地求和，n − 1 步之后每个进程只有一块是全体的和；返回这一块（``finished_chunk``），其余是半成品。

    形状:
        chunks: n 块一维张量，块的大小可以不同，也可以是 0；各进程的第 k 块要一样大。
    """
    for step in range(len(chunks) - 1):
        target, arrived = _pass_on(chunks, step, traffic)
        target += arrived
    return chunks[finished_chunk(dist.get_rank(), len(chunks))]


def all_gather(chunks: list[Tensor], traffic: Traffic | None = None) -> None:
    """就地把每个进程的 ``finished_chunk`` 那一块传给所有人：n − 1 步，只抄不加。

    形状:
        chunks: 同 ``reduce_scatter``。
    """
    n = len(chunks)
    # 步数接着 reduce-scatter 数：发哪一块，两段用的是同一个公式。
    for step in range(n - 1, 2 * n - 2):
        target, arrived = _pass_on(chunks, step, traffic)
        target.copy_(arrived)


def ring_all_reduce(x: Tensor, traffic: Traffic | None = None) -> None:
    """就地把 ``x`` 换成全体进程的 ``x`` 之和；每个进程收发各 2(n−1)/n 份 ``x``。

    形状:
        x: 任意形状，内存须连续；各进程的形状要相同。元素个数不必被 n 整除：块与块至多差一个元素。
    """
    chunks = list(x.view(-1).tensor_split(dist.get_world_size()))
    reduce_scatter(chunks, traffic)
    all_gather(chunks, traffic)


def _pass_on(chunks: list[Tensor], step: int, traffic: Traffic | None) -> tuple[Tensor, Tensor]:
    """发一块给右邻居，同时从左邻居收一块；返回（自己的那一块，收到的内容）。"""
    n, rank = dist.get_world_size(), dist.get_rank()
    left, right = (rank - 1) % n, (rank + 1) % n
    outgoing = chunks[sent_chunk(rank, step, n)]
    target = chunks[sent_chunk(left, step, n)]
    arrived = torch.empty_like(target)
    # 先都挂上，再一起等：若人人先发完再收，一圈都在等别人收，谁也动不了。
    pending = [dist.isend(outgoing, right)] if outgoing.numel() else []
    pending += [dist.irecv(arrived, left)] if target.numel() else []
    for work in pending:
        if work is not None:
            work.wait()
    if traffic is not None:
        traffic.sent += outgoing.nbytes
        traffic.received += arrived.nbytes
    return target, arrived
