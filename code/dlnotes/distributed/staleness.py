"""异步 SGD 的陈旧梯度：谁先算完谁先更新，等轮到你时，参数早已不是你读的那一份。

来源：Dean et al., "Large Scale Distributed Deep Networks", NeurIPS 2012（Downpour SGD）。
这里不开进程：真的进程每次快慢不同，结果不能重复；模拟出来的每一步都说得清。
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Push:
    """一次推送：什么时刻，谁推的，从它读参数到推送之间别人更新了几次（陈旧度）。"""

    time: float
    worker: int
    staleness: int


def asynchronous_pushes(durations: Sequence[float], pushes: int) -> list[Push]:
    """模拟 ``pushes`` 次推送：worker w 算一个梯度要 ``durations[w]`` 秒，推完立刻拉新参数，再算下一个。

    同时到的，编号小的先推。
    """
    # 每项是（推送的时刻，谁，读到的版本）
    queue = [(duration, worker, 0) for worker, duration in enumerate(durations)]
    heapq.heapify(queue)
    done = []
    for version in range(pushes):
        time, worker, read = heapq.heappop(queue)
        done.append(Push(time, worker, version - read))
        heapq.heappush(queue, (time + durations[worker], worker, version + 1))
    return done


def delayed_sgd(
    gradient: Callable[[Tensor, int], Tensor],
    start: Tensor,
    *,
    lr: float,
    delays: Sequence[int],
) -> Tensor:
    """从 ``start`` 走 ``len(delays)`` 步，第 t 步的梯度是在 ``delays[t]`` 步之前的参数上算的；返回终点。

    w(t+1) = w(t) − lr · gradient(w(t − delay), t)。全是 0 时就是同步 SGD；历史不够长时用最早的参数。

    参数:
        gradient: ``gradient(w, t)`` 返回第 t 步的梯度，形状同 ``w``。
    """
    history = deque([start.clone()], maxlen=max(delays, default=0) + 1)
    for t, delay in enumerate(delays):
        read = history[max(-1 - delay, -len(history))]
        history.append(history[-1] - lr * gradient(read, t))
    return history[-1]


def critical_rate(delay: int) -> float:
    """返回 lr·λ 的上限：在曲率是 λ 的二次函数上，小于它收敛，大于它发散。

    误差服从 e(t+1) = e(t) − lr·λ·e(t − delay)；特征方程 z^(d+1) − z^d + lr·λ = 0 的根碰到单位圆时，
    lr·λ = 2 sin(π / (4d + 2))。d = 0 时是 2，d 大时约 π / (2d + 1)：迟到几步，学习率就得小几倍。
    """
    return 2 * math.sin(math.pi / (4 * delay + 2))
