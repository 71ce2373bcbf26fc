"""看一次前向计算：用钩子记下每一层的输入与输出，不必改模型的代码。"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from dlnotes.train import device_of, evaluating


@dataclass(frozen=True)
class Call:
    """一个模块的一次调用。"""

    name: str
    module: nn.Module
    input: Tensor
    output: Tensor


def trace(model: nn.Module, x: Tensor) -> list[Call]:
    """以评估状态、不记梯度地运行 ``model(x)``，按执行次序返回每个叶子模块的调用。

    写在 ``forward`` 里的函数没有模块，看不见。其余同 ``calls_of``。
    """
    leaves = [(name, module) for name, module in model.named_modules() if not list(module.children())]
    return calls_of(leaves, model, x)


def calls_of(modules: Iterable[tuple[str, nn.Module]], model: nn.Module, x: Tensor) -> list[Call]:
    """以评估状态、不记梯度地运行 ``model(x)``，按执行次序返回 ``modules``（名称与子模块）的调用。

    共用的模块（例如同一个激活）每调用一次记一次，没有调用的不记。
    """
    calls: list[Call] = []

    def record(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls.append(Call(name, module, inputs[0], output))

    hooks = [module.register_forward_hook(partial(record, name)) for name, module in modules]
    try:
        with evaluating(model), torch.no_grad():
            model(x.to(device_of(model)))
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def feature_maps(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """返回每一层输出的特征图，键是层名；只收有空间维的输出，共用的模块只留最后一次。

    形状:
        x: (N, C, H, W)。
        返回值: 每项 (N, C', H', W')，在 CPU 上。
    """
    return {call.name: call.output.cpu() for call in trace(model, x) if call.output.ndim == 4}
