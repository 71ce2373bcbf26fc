"""把数据集切成小批量。"""

from torch import Generator, Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    Sampler,
    SequentialSampler,
    TensorDataset,
)


def batches(
    dataset: TensorDataset, batch_size: int, *, shuffle: bool = False, generator: Generator | None = None
) -> DataLoader[tuple[Tensor, ...]]:
    """按批遍历 ``dataset``，每批是一个张量元组，最后一批可以不满。

    参数:
        shuffle: 每一轮重新打乱次序。
        generator: 打乱所用的随机数发生器；不给时用全局的。
    """
    order: Sampler[int] = (
        RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
    )
    # 默认的 DataLoader 一次取一张图，再把 256 张拼成一批；数据已经在内存里时，时间几乎全花在这上面。
    # 这里由采样器一次给出整批下标，batch_size=None 关掉自动拼批：每批只对张量索引一次。
    return DataLoader(
        dataset,
        sampler=BatchSampler(order, batch_size, drop_last=False),
        batch_size=None,
        generator=generator,
    )


def take(dataset: TensorDataset, n: int) -> TensorDataset:
    """返回只含前 ``n`` 个样本的数据集；``n`` 不在 1 到样本总数之间时抛出 ``ValueError``。"""
    if not 1 <= n <= len(dataset):
        raise ValueError(f"n 应在 1 到 {len(dataset)} 之间，得到 {n}")
    return TensorDataset(*dataset[:n])
