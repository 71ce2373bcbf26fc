"""一个隐藏层的 ReLU 网络就是折线：给定折点，权重可以直接写出来。

论文：Cybenko, "Approximation by superpositions of a sigmoidal function", 1989；Leshno 等 1993（ReLU 也行，
只要激活不是多项式）；折叠见 Telgarsky, "Benefits of depth in neural networks", COLT 2016。
"""

from collections.abc import Callable

import torch
from torch import Tensor


def hinge_network(f: Callable[[Tensor], Tensor], knots: Tensor) -> dict[str, Tensor]:
    """返回一个 1 – n – 1 的 ReLU 网络，它在 n + 1 个 ``knots`` 处等于 ``f``，其间是直线；键同 ``MLP``。

    每个隐藏单元 relu(x − t) 是一个在 t 处折起的合页；输出权重是那里的斜率变了多少。

    形状:
        knots: (n + 1,)，严格递增，n 至少是 1，否则抛出 ``ValueError``。
    """
    if knots.ndim != 1 or len(knots) < 2 or (knots.diff() <= 0).any():
        raise ValueError("knots 应是至少两个严格递增的数")
    heights = f(knots)
    slopes = heights.diff() / knots.diff()  # (n,)
    turns = slopes.diff(prepend=slopes.new_zeros(1))  # 第一个合页从水平折到第一段的斜率
    return {
        "linear1.weight": torch.ones_like(turns)[:, None],
        "linear1.bias": -knots[:-1],
        "linear2.weight": turns[None],
        "linear2.bias": heights[:1],
    }


def folding_network(folds: int) -> dict[str, Tensor]:
    """返回每层 2 个单元、共 ``folds`` 个隐藏层的 ReLU 网络，在 [0, 1] 上是 2^folds 段的锯齿；键同 ``MLP``。

    每层做同一件事：把 [0, 1] 对折，m(x) = 2·relu(x) − 4·relu(x − ½)。参数一共 6·folds + 1 个，双精度。
    ``folds`` 小于 1 时抛出 ``ValueError``。
    """
    if folds < 1:
        raise ValueError(f"folds 至少是 1，得到 {folds}")
    fold = torch.tensor([[2.0, -4.0]], dtype=torch.float64)
    parameters = {}
    for n in range(1, folds + 1):
        parameters[f"linear{n}.weight"] = fold.new_ones(2, 1) if n == 1 else fold.repeat(2, 1)
        parameters[f"linear{n}.bias"] = fold.new_tensor([0.0, -0.5])
    parameters[f"linear{folds + 1}.weight"] = fold
    parameters[f"linear{folds + 1}.bias"] = fold.new_zeros(1)
    return parameters


def count_pieces(y: Tensor, *, tolerance: float = 1e-9) -> int:
    """数一串等距的函数值由几段直线组成；折点须落在取值的点上，否则一个折点会数成两个。

    形状:
        y: (M,)，M 至少是 3。
    """
    bends = y.diff().diff().abs() > tolerance
    return int(bends.sum()) + 1
