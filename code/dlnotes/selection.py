"""模型选择：把样本分成 K 折，轮流拿一折作验证。"""

from collections.abc import Iterator

import torch
from torch import Tensor


def k_fold(n: int, k: int, *, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """把 ``n`` 个样本的下标打乱后分成 ``k`` 折，依次给出（训练，验证）的下标。

    每个样本恰好在一折里作验证；各折大小至多差 1。同样的 ``n``、``k``、``seed`` 永远得到同样的折，
    所以不同的模型可以在同样的折上比较。

    参数:
        seed: 打乱的种子，只影响这一次划分，不动全局的随机数。

    形状:
        每次给出两个一维的 int64 张量，长度之和是 ``n``。

    ``k`` 不在 2 到 ``n`` 之间时抛出 ``ValueError``。
    """
    if not 2 <= k <= n:
        raise ValueError(f"k 应在 2 到 n={n} 之间，得到 {k}")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    folds = order.tensor_split(k)
    for i, held_out in enumerate(folds):
        yield torch.cat([*folds[:i], *folds[i + 1 :]]), held_out
