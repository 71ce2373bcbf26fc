"""模型选择：把样本分成 K 折，轮流拿一折作验证；样本不独立、类别不均、有先后时各有各的切法。"""

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


def stratified_k_fold(labels: Tensor, k: int, *, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """同 ``k_fold``，但每一类在各折里的个数至多差 1；类别不均时，没有一折会缺了少数类。

    形状:
        labels: (N,)，整数。

    ``k`` 不在 2 到 N 之间时抛出 ``ValueError``。
    """
    n = len(labels)
    if not 2 <= k <= n:
        raise ValueError(f"k 应在 2 到 n={n} 之间，得到 {k}")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    # 打乱后按类排好（同类之间仍是乱的），再像发牌一样轮流发给各折。
    dealt = order[labels[order].argsort(stable=True)]
    folds = [dealt[i::k] for i in range(k)]
    for i, held_out in enumerate(folds):
        yield torch.cat([*folds[:i], *folds[i + 1 :]]), held_out


def group_k_fold(groups: Tensor, k: int, *, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """同 ``k_fold``，但切的是组：同一组（同一个病人、同一段视频）的样本永远在同一边。

    形状:
        groups: (N,)，整数，每个样本的组号。

    ``k`` 不在 2 到组数之间时抛出 ``ValueError``。
    """
    names, member_of = groups.unique(return_inverse=True)
    for _, held_out in k_fold(len(names), k, seed=seed):
        inside = torch.isin(member_of, held_out)
        yield (~inside).nonzero().flatten(), inside.nonzero().flatten()


def forward_chain(n: int, k: int) -> Iterator[tuple[Tensor, Tensor]]:
    """把按时间排好的 ``n`` 个样本切成 k + 1 段，依次用前 i 段训练、第 i + 1 段验证：永远不用未来预测过去。

    ``k`` 不在 1 到 n − 1 之间时抛出 ``ValueError``。
    """
    if not 1 <= k < n:
        raise ValueError(f"k 应在 1 到 n-1={n - 1} 之间，得到 {k}")
    parts = torch.arange(n).tensor_split(k + 1)
    for i in range(1, k + 1):
        yield torch.cat(parts[:i]), parts[i]
