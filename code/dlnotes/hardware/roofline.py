"""屋顶线：一个运算最快能多快，由“算”与“搬”里慢的那一个决定。

论文：Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
Architectures", CACM 52(4), 2009，图 1。
约定：一次乘加算 2 次浮点运算（FLOP）；字节数取下限，即输入与参数各读一次、输出写一次。
"""

from dataclasses import dataclass
from typing import Literal, Self

from torch import Tensor, nn

from dlnotes import cost
from dlnotes.trace import Call, trace

FLOAT32 = 4  # 字节

# 每个输出元素几次运算；归一化在评估状态下只是乘一个数、加一个数。
PER_OUTPUT = {nn.ReLU: 1, nn.BatchNorm2d: 2}


@dataclass(frozen=True)
class Work:
    """一个运算的两笔账：多少次浮点运算，至少搬多少字节。"""

    flops: float
    bytes: float

    @property
    def intensity(self) -> float:
        """算术强度：每搬一个字节做几次浮点运算。"""
        return self.flops / self.bytes

    def __add__(self, other: Self) -> Self:
        return type(self)(self.flops + other.flops, self.bytes + other.bytes)

    @classmethod
    def axpy(cls, n: int, itemsize: int = FLOAT32) -> Self:
        """``y + a·x``：读两个数、写一个数，做一次乘法、一次加法。"""
        return cls(2 * n, 3 * n * itemsize)

    @classmethod
    def matmul(cls, m: int, k: int, n: int, itemsize: int = FLOAT32) -> Self:
        """(m, k) 乘 (k, n)。"""
        return cls(2 * m * k * n, (m * k + k * n + m * n) * itemsize)

    @classmethod
    def elementwise(cls, n: int, flops: float, itemsize: int = FLOAT32) -> Self:
        """``n`` 个数各读一次、写一次，各做 ``flops`` 次运算；如 ReLU、softmax。"""
        return cls(n * flops, 2 * n * itemsize)

    @classmethod
    def layer(cls, module: nn.Module, x: Tensor) -> Self:
        """一层的一次前向，整批 ``x``；``module`` 须是叶子。"""
        work = layer_works(module, x)[0][1]
        return cls(work.flops, work.bytes)


@dataclass(frozen=True)
class Roofline:
    """一台机器的屋顶：平顶是算力，斜顶是带宽。"""

    peak: float  # FLOP/s
    bandwidth: float  # 字节/s

    @property
    def ridge(self) -> float:
        """屋脊的算术强度：低于它受限于带宽，高于它受限于算力。"""
        return self.peak / self.bandwidth

    def attainable(self, intensity: float) -> float:
        """算术强度为 ``intensity`` 的运算至多能到多少 FLOP/s。"""
        return min(self.peak, intensity * self.bandwidth)

    def bound(self, work: Work) -> Literal["带宽", "算力"]:
        """返回 ``work`` 受限于哪一样；正好在屋脊上算作算力。"""
        return "带宽" if work.intensity < self.ridge else "算力"

    def seconds(self, work: Work) -> float:
        """返回 ``work`` 至少要几秒；算与搬可以同时进行，所以取大的，不是相加。"""
        return max(work.flops / self.peak, work.bytes / self.bandwidth)


def layer_works(model: nn.Module, x: Tensor) -> list[tuple[nn.Module, Work]]:
    """逐层返回（模块，一次前向的代价），按执行次序；展平、丢弃这类不动数据的层不列。

    写在 ``forward`` 里的运算（如残差的相加）看不见，也就没有算进去。
    """
    return [(call.module, _work(call)) for call in trace(model, x) if not isinstance(call.module, IDLE)]


IDLE = (nn.Flatten, nn.Dropout, nn.Identity)  # 评估状态下只换形状，或什么也不做


def _work(call: Call) -> Work:
    x, y, module = call.input, call.output, call.module
    moved = x.numel() + cost.count_parameters(module) + y.numel()
    return Work(_flops(call), moved * FLOAT32)


def _flops(call: Call) -> int:
    x, y, module = call.input, call.output, call.module
    if isinstance(module, cost.MULTIPLYING):
        return 2 * y.numel() * module.weight[0].numel()
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        side = module.kernel_size
        window = side * side if isinstance(side, int) else side[0] * side[1]
        return y.numel() * window
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return x.numel()
    for kind, flops in PER_OUTPUT.items():
        if isinstance(module, kind):
            return y.numel() * flops
    raise TypeError(f"不知道 {type(module).__name__} 做几次运算")
