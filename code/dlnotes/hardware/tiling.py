"""分块矩阵乘法：把数搬进快的内存，用够了再放回去；数一数搬了多少。

这是 BLAS 与 GPU 共享内存里那套办法的骨架：搬一块要 b² 次读，却够做 b³ 次乘加。
"""

import torch
from torch import Tensor


def tiled_matmul(a: Tensor, b: Tensor, tile: int) -> tuple[Tensor, int]:
    """返回 ``a @ b`` 与从慢内存搬进搬出的元素个数；``tile`` 除不尽各边时抛出 ``ValueError``。

    设想快内存只放得下三个 ``tile`` × ``tile`` 的块：``a``、``b``、``c`` 各一个。``tile=1`` 就是三重循环。

    形状:
        a: (M, K)；b: (K, N)；返回的积: (M, N)。
    """
    M, K = a.shape
    N = b.shape[1]
    if M % tile or K % tile or N % tile:
        raise ValueError(f"块的边长 {tile} 须整除 {M}、{K}、{N}")
    c = a.new_empty(M, N)
    moved = 0
    for i in range(0, M, tile):
        for j in range(0, N, tile):
            block = a.new_zeros(tile, tile)  # 一直留在快内存里，直到累加完
            for k in range(0, K, tile):
                left = a[i : i + tile, k : k + tile]
                right = b[k : k + tile, j : j + tile]
                moved += left.numel() + right.numel()
                block += left @ right
            c[i : i + tile, j : j + tile] = block
            moved += block.numel()
    return c, moved


def tiled_traffic(n: int, tile: int) -> int:
    """n × n 的分块乘法搬运的元素个数：2n³/tile 个读，n² 个写。"""
    return 2 * n**3 // tile + n**2


def best_tile(fast_bytes: int, itemsize: int = 4) -> int:
    """返回快内存放得下三块时最大的边长。"""
    return int(torch.tensor(fast_bytes / (3 * itemsize)).sqrt().floor())
