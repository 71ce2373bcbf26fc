"""ZeRO：优化器状态、梯度、参数不再人手一份。这里是第一阶段的做法，与三个阶段的显存公式。

论文：Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", SC 2020，
§5 与 §7。
"""

from collections.abc import Iterable

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.optim import Adam

from dlnotes.distributed.ring import all_gather, finished_chunk, reduce_scatter

STAGES = (0, 1, 2, 3)


class ZeroAdam:
    """每个进程只更新 1/n 的参数，也只存这 1/n 的 Adam 状态；结果与人人更新全部参数相同。

    一步 = reduce-scatter 梯度 → 各更新各的一块 → all-gather 参数。这两段正是环形 all-reduce 的两段，
    更新插在中间，通信量一个字节也不多。
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        self.parameters = list(parameters)
        self.own = self._chunks(parameters_to_vector(self.parameters).detach())[self._mine()].clone()
        self.adam = Adam([self.own], lr=lr)

    def step(self) -> None:
        """用各进程梯度的平均更新一步；每个参数都须有梯度。"""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        total = reduce_scatter(self._chunks(parameters_to_vector(gradients)))
        self.own.grad = total / dist.get_world_size()
        self.adam.step()
        whole = parameters_to_vector(self.parameters).detach()
        chunks = self._chunks(whole)
        chunks[self._mine()].copy_(self.own)
        all_gather(chunks)
        vector_to_parameters(whole, self.parameters)

    def state_numel(self) -> int:
        """返回这个进程里 Adam 的两个动量一共有多少个数。"""
        state = self.adam.state[self.own]
        return sum(state[name].numel() for name in ("exp_avg", "exp_avg_sq"))

    def _chunks(self, whole: Tensor) -> list[Tensor]:
        return list(whole.tensor_split(dist.get_world_size()))

    def _mine(self) -> int:
        return finished_chunk(dist.get_rank(), dist.get_world_size())


def bytes_per_gpu(parameters: float, n: int, stage: int, optimizer: int = 12) -> float:
    """返回每张卡上模型状态的字节数；不含激活与缓冲。

    混合精度的 Adam，每个参数 16 字节：半精度的参数 2、梯度 2，优化器 12（单精度的副本与两个动量）。
    阶段 0 人手一份（DDP）；1 切优化器状态；2 再切梯度；3 连参数也切（FSDP 的默认）。

    参数:
        optimizer: 优化器状态的字节数，论文的 K；带动量的 SGD 是 8。

    ``stage`` 不是 0 到 3 时抛出 ``ValueError``。
    """
    if stage not in STAGES:
        raise ValueError(f"stage 应是 0 到 3，得到 {stage}")
    kinds = (optimizer, 2, 2)  # 按切分的先后：优化器状态、梯度、参数
    return parameters * sum(size / n if stage > k else size for k, size in enumerate(kinds))


def traffic_per_step(parameters: float, n: int, stage: int) -> float:
    """返回每张卡每步发出多少个数（不是字节）：前三个阶段是一次 all-reduce，第三阶段多一次 all-gather。

    阶段 3 前向、反向各要把参数收集一次，再 reduce-scatter 梯度：三趟，每趟 (n−1)/n。
    ``stage`` 不是 0 到 3 时抛出 ``ValueError``。
    """
    if stage not in STAGES:
        raise ValueError(f"stage 应是 0 到 3，得到 {stage}")
    return parameters * (n - 1) / n * (3 if stage == 3 else 2)
