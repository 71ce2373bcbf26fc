"""计时：热身，重复，取中位数；GPU 上先等它算完再看表。"""

import math
from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch


def synchronize(device: torch.device | str) -> None:
    """等 ``device`` 上已经发出的运算全部做完；CPU 上什么也不做。"""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def seconds(
    job: Callable[[], object],
    device: torch.device | str = "cpu",
    *,
    repeats: int = 5,
    at_least: float = 0.003,
) -> float:
    """返回 ``job()`` 一次要几秒：量 ``repeats`` 段，每段大约 ``at_least`` 秒，取中位数。

    中位数不怕偶尔的打扰；平均会被一次卡顿带偏，最小值又只代表运气最好的一次。
    ``repeats`` 小于 1 时抛出 ``ValueError``。
    """
    if repeats < 1:
        raise ValueError(f"至少量一段，得到 {repeats}")

    def run(calls: int) -> float:
        synchronize(device)
        start = perf_counter()
        for _ in range(calls):
            job()
        synchronize(device)  # GPU 的调用发出就返回；不等，量到的只是“发出”
        return perf_counter() - start

    run(1)  # 热身：第一次要申请内存、选算法、把代码读进缓存
    calls = max(1, math.ceil(at_least / max(run(1), 1e-7)))
    return median(run(calls) for _ in range(repeats)) / calls
