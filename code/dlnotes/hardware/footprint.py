"""训练时内存里放着什么：参数、梯度、优化器的状态，和反向传播要用的激活。"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


@dataclass(frozen=True)
class Footprint:
    """训练一个模型常驻的字节数，不含激活。"""

    parameters: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        return self.parameters + self.gradients + self.optimizer


def footprint(model: nn.Module, optimizer: Optimizer) -> Footprint:
    """数出三样东西现在各占多少字节；梯度与状态在第一次 ``step`` 之后才齐。

    在 ``meta`` 设备上也能数：那里的张量只有形状，没有内容。
    """
    parameters = list(model.parameters())
    gradients = [p.grad for p in parameters if p.grad is not None]
    states = [value for state in optimizer.state.values() for value in state.values()]
    return Footprint(_bytes(parameters), _bytes(gradients), _bytes([s for s in states if torch.is_tensor(s)]))


def saved_bytes(model: nn.Module, x: Tensor) -> int:
    """返回一次前向为反向传播留下多少字节：同一块内存只数一次，参数与输入 ``x`` 不数。"""
    skip = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers(), x)}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in skip:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(x)
    total = sum(kept.values())
    del out  # 活到这里，中途才不会有内存被释放后又重新用上
    return total


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
