"""参数服务器：worker 推送（push）梯度、拉取（pull）参数；参数切成片，一台服务器管一片。

论文：Li et al., "Scaling Distributed Machine Learning with the Parameter Server", OSDI 2014，
§3.2（按键的范围推送与拉取）。
差异：键就是参数在展平后的向量里的下标，每台服务器管一段；没有副本与一致性哈希，所以不能容错。
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

PULL, PUSH, BYE = range(3)
HEADER, VERSION, PAYLOAD = range(3)  # 消息的标签：三种消息各走各的，不会收错

Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]  # (参数, 输入, 标签) → 梯度，形状同参数


@dataclass
class Shard:
    """一台服务器管的那一片参数，与更新它的规则（SGD）。

    同步时等所有 worker 的梯度都到了，平均后更新一次；异步时来一个用一个。

    形状:
        value: (k,)。
    """

    value: Tensor
    lr: float
    workers: int
    synchronous: bool = True
    version: int = 0  # 更新过几次
    pushes: list[tuple[int, int]] = field(default_factory=list)  # 每次推送：谁，它读的参数旧了几版
    pending: dict[int, Tensor] = field(default_factory=dict)

    def push(self, worker: int, gradient: Tensor, version: int) -> None:
        """收下 ``worker`` 在第 ``version`` 版参数上算的梯度。

        同步时同一个 worker 在一次更新之前推送两次，抛出 ``ValueError``。
        """
        if worker in self.pending:
            raise ValueError(f"worker {worker} 这一步已经推送过了")
        self.pushes.append((worker, self.version - version))
        self.pending[worker] = gradient
        if self.synchronous and len(self.pending) < self.workers:
            return
        # 按编号的次序相加：谁先到由网络决定，浮点加法换了次序，结果会差最后一位。
        total = torch.stack([self.pending[w] for w in sorted(self.pending)]).sum(dim=0)
        self.value -= self.lr * total / len(self.pending)
        self.version += 1
        self.pending.clear()


def serve(shard: Shard) -> None:
    """服务器的一生：收一条请求，办一件事，直到每个 worker 都说再见。"""
    waiting: list[tuple[int, int]] = []  # （谁，至少要第几版）
    here = shard.workers
    while here:
        header = torch.zeros(2, dtype=torch.int64)
        worker = dist.recv(header, tag=HEADER)  # 不指定来源：谁先到先办谁的
        action, version = header.tolist()
        if action == PUSH:
            gradient = torch.empty_like(shard.value)
            dist.recv(gradient, worker, tag=PAYLOAD)
            shard.push(worker, gradient, version)
        elif action == PULL:
            waiting.append((worker, version))
        else:
            here -= 1
        for asked in [asked for asked in waiting if asked[1] <= shard.version]:
            waiting.remove(asked)
            dist.send(torch.tensor([shard.version]), asked[0], tag=VERSION)
            dist.send(shard.value, asked[0], tag=PAYLOAD)


class Client:
    """worker 这一头：把整个向量的推送与拉取，拆成对每台服务器的一段。服务器是进程 0 到 S − 1。"""

    def __init__(self, like: Tensor, servers: int) -> None:
        self.whole = torch.empty_like(like)
        self.parts = self.whole.tensor_split(servers)
        self.versions = [torch.zeros(1, dtype=torch.int64) for _ in range(servers)]

    def pull(self, at_least: int) -> Tensor:
        """返回全部参数 (P,)；哪一片的版本还不到 ``at_least``，就等到那一片更新。"""
        pending = []
        # 先挂好接收再去要：服务器一发就有人收，谁也不会互相等死。
        for server, (part, version) in enumerate(zip(self.parts, self.versions, strict=True)):
            pending += [dist.irecv(version, server, tag=VERSION), dist.irecv(part, server, tag=PAYLOAD)]
            self._ask(server, PULL, at_least)
        for work in pending:
            if work is not None:
                work.wait()
        return self.whole.clone()

    def push(self, gradient: Tensor) -> None:
        """把梯度 (P,) 分片推送给各台服务器，注明是在哪一版参数上算的。"""
        for server, part in enumerate(gradient.tensor_split(len(self.parts))):
            self._ask(server, PUSH, int(self.versions[server]))
            dist.send(part.contiguous(), server, tag=PAYLOAD)

    def bye(self) -> None:
        """告诉每台服务器：不会再来了。"""
        for server in range(len(self.parts)):
            self._ask(server, BYE, 0)

    def _ask(self, server: int, action: int, version: int) -> None:
        dist.send(torch.tensor([action, version]), server, tag=HEADER)


def work(
    client: Client,
    gradient: Gradient,
    batches: Sequence[tuple[Tensor, Tensor]],
    updates: int,
    *,
    synchronous: bool,
    pause: float = 0.0,
) -> list[float]:
    """worker 的一生：拉取、算梯度、推送，直到第一片更新满 ``updates`` 次；返回每次推送完的时刻（秒）。

    参数:
        batches: 第 k 次用第 k 批，用完从头再来。
        pause: 每算一个梯度多睡几秒，扮演慢的机器。
    """
    started = time.perf_counter()
    finished: list[float] = []
    while True:
        weights = client.pull(at_least=len(finished) if synchronous else 0)
        if int(client.versions[0]) >= updates:
            break
        inputs, labels = batches[len(finished) % len(batches)]
        time.sleep(pause)
        client.push(gradient(weights, inputs, labels))
        finished.append(time.perf_counter() - started)
    client.bye()
    return finished
