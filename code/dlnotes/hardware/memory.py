"""内存的阶梯：一环接一环地读（延迟），与一起发出许多次读（吞吐）。

前一种的下一个地址写在这一次读到的内容里，处理器无法提前去取，叫指针追逐（pointer chasing）。
"""

import gc
from functools import reduce
from itertools import repeat

import torch
from torch import Tensor

NODE_BYTES = 48  # 垃圾回收头 16 + 对象头 16 + 一个指针 8，向上取整到 16 的倍数


class Node:
    """环上的一节：只有一个指向下一节的指针。"""

    __slots__ = ("next",)
    next: "Node"


def ring(size: int, *, seed: int = 0) -> list[Node]:
    """返回 ``size`` 个节点，按随机的次序首尾相接成一个环；占 ``size * NODE_BYTES`` 字节。

    用完要 ``cut``，否则环要等垃圾回收才放得掉。``size`` 小于 1 时抛出 ``ValueError``。
    """
    if size < 1:
        raise ValueError(f"环上至少一个节点，得到 {size}")
    collecting = gc.isenabled()
    gc.disable()  # 造上百万个对象时，回收器会一遍遍地白扫
    nodes = [Node() for _ in range(size)]
    # 随机的次序使预取器猜不到下一个地址。
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed)).tolist()
    for here, there in zip(order, [*order[1:], order[0]], strict=True):
        nodes[here].next = nodes[there]
    if collecting:
        gc.enable()
    return nodes


def chase(node: Node, steps: int) -> Node:
    """沿环走 ``steps`` 步，返回到达的节点；循环在 C 里，每步只有一次 ``getattr``。"""
    return reduce(getattr, repeat("next", steps), node)


def cut(nodes: list[Node]) -> None:
    """剪断环，内存随即可以释放。"""
    for node in nodes:
        del node.next


def random_cycle(size: int, *, seed: int = 0) -> Tensor:
    """返回一个只有一个圈的随机排列：反复取 ``table[i]``，走完全部 ``size`` 个位置才回到原处。

    形状:
        返回值: (size,)，int64。
    """
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    table = torch.empty_like(order)
    table[order] = order.roll(-1)
    return table


def strided(size: int, stride: int, device: torch.device | str = "cpu") -> Tensor:
    """返回 ``size`` 个 float32 的视图，相邻两个在内存里相隔 ``stride`` 个数。

    形状:
        返回值: (size,)，步幅是 ``stride``。
    """
    return torch.ones(size * stride, device=device)[::stride]
