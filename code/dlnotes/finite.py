"""找出第一个算出 nan 或 inf 的层：在每个叶子模块上挂钩子，前向看输出，反向看输出收到的梯度。"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn


def check(where: str, values: Tensor) -> None:
    """有 nan 或 inf 时抛出 ``FloatingPointError``，说明在哪里、有几个、其余的数最大是多少。"""
    finite = values.detach().isfinite()
    if not finite.all():
        bad, rest = (~finite).sum().item(), values.detach()[finite].abs()
        largest = f"{rest.max().item():.3g}" if rest.numel() else "无"
        raise FloatingPointError(f"{where}：{values.numel()} 个数里有 {bad} 个不是有限的，其余最大 {largest}")


@contextmanager
def finite_or_raise(model: nn.Module) -> Iterator[None]:
    """在 ``with`` 里照常运行 ``model``；哪一层先出 nan 或 inf，就在哪一层抛出 ``FloatingPointError``。

    写在 ``forward`` 里的函数没有模块，要到下一个模块才看得见。每层都要看一遍全部的数，只在排查时用。
    """

    def watch(name: str, module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        where = f"{name}（{type(module).__name__}）"
        check(f"{where}的输出", output)
        if output.requires_grad:
            output.register_hook(partial(check, f"{where}收到的梯度"))

    leaves = [(name, module) for name, module in model.named_modules() if not list(module.children())]
    hooks = [module.register_forward_hook(partial(watch, name)) for name, module in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
