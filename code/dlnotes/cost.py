"""形状与代价：逐层的输出形状、参数、乘加与感受野，都从模型算出，不靠手填。

乘加（multiply-accumulate，MAC）只数卷积与全连接里的乘法；偏置、激活、归一化与池化不计。
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import pandas as pd
from torch import Tensor, nn

from dlnotes.trace import Call, calls_of, trace
from dlnotes.train import device_of

WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
MULTIPLYING = (nn.Conv2d, nn.Linear)


@dataclass(frozen=True)
class Field:
    """一层输出里的一个单元看得见输入的哪一块。"""

    size: int = 1  # 感受野的边长，以输入像素计
    jump: int = 1  # 相邻两个单元的感受野相隔几个输入像素

    def through(self, kernel: int, stride: int) -> Self:
        """返回再经过一个 ``kernel`` × ``kernel``、步幅 ``stride`` 的窗口之后的感受野。"""
        # 新单元盖住旧的 kernel 个单元：第一个带来 size，其余每个往外多看 jump 个像素。
        return type(self)(self.size + (kernel - 1) * self.jump, self.jump * stride)


def receptive_field(layers: Iterable[tuple[int, int]]) -> int:
    """返回一串窗口（卷积或池化）之后的感受野边长；``layers`` 每项是（核的边长，步幅）。

    例如 5×5 卷积、2×2 池化、5×5 卷积：1 → 5 → 6 → 14。填充改变位置，不改变大小。
    """
    field = Field()
    for kernel, stride in layers:
        field = field.through(kernel, stride)
    return field.size


def count_parameters(model: nn.Module) -> int:
    """返回全部参数的个数；共享的只数一次，归一化层的移动平均不是参数。"""
    return sum(parameter.numel() for parameter in model.parameters())


def count_macs(model: nn.Module, x: Tensor) -> int:
    """返回处理一个样本的乘加次数；``x`` 是一批输入 (N, ...)，只用它的形状。"""
    return sum(_macs(call) for call in trace(model, x))


def layer_table(model: nn.Module, x: Tensor) -> pd.DataFrame:
    """逐层列出名称、类型、一个样本的输出形状、参数、乘加、感受野；最后不加合计行。

    既无参数又不改变形状的层（激活、丢弃）不列。感受野沿着层与层之间的张量推算：展平之后是整张输入；
    遇到不认识的运算（相加、拼接、写成函数的激活）就留空，宁缺毋错。

    形状:
        x: (N, C, H, W)。
    """
    full = "×".join(map(str, x.shape[2:]))
    x = x.to(device_of(model))
    # 键是张量的 id；trace 的记录让这些张量都活着，id 不会被复用。
    calls = trace(model, x)
    fields: dict[int, Field | str] = {id(x): Field()}
    rows = []
    for call in calls:
        field = fields[id(call.output)] = _field(call, fields.get(id(call.input), ""), full)
        parameters = count_parameters(call.module)
        if parameters or call.input.shape != call.output.shape:
            rows.append(
                {
                    "层": call.name,
                    "类型": type(call.module).__name__,
                    "输出形状": "×".join(map(str, call.output.shape[1:])),
                    "参数": parameters,
                    "乘加": _macs(call),
                    "感受野": f"{field.size}×{field.size}" if isinstance(field, Field) else field,
                }
            )
    return pd.DataFrame(rows)


def block_table(model: nn.Module, x: Tensor) -> pd.DataFrame:
    """逐块列出名称、输出形状、参数、乘加；块是 ``model`` 的直接子模块，按执行次序。

    深的网络一层一行太长，一块一行正好看清形状怎样变化。只列被调用过的子模块；共用的模块每调用一次一行。

    形状:
        x: (N, ...)，只用它的形状；表里是一个样本的输出形状。
    """
    return pd.DataFrame(
        {
            "块": call.name,
            "输出形状": "×".join(map(str, call.output.shape[1:])),
            "参数": count_parameters(call.module),
            "乘加": count_macs(call.module, call.input),
        }
        for call in calls_of(model.named_children(), model, x)
    )


def _macs(call: Call) -> int:
    if not isinstance(call.module, MULTIPLYING):
        return 0
    # 每个输出单元是一次内积，长度是它那一行权重的元素个数。
    return call.output[0].numel() * call.module.weight[0].numel()


def _field(call: Call, field: Field | str, full: str) -> Field | str:
    """返回这一层输出的感受野：``Field``、整张输入 ``full``，或不知道时的空串。"""
    module = call.module
    if not isinstance(field, Field):
        return field
    if isinstance(module, WINDOWED):
        kernel, stride = module.kernel_size, module.stride
        kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        stride = stride if isinstance(stride, tuple) else (stride, stride)
        square = kernel[0] == kernel[1] and stride[0] == stride[1]
        dilation = getattr(module, "dilation", 1)
        return field.through(kernel[0], stride[0]) if square and dilation in (1, (1, 1)) else ""
    if isinstance(module, (nn.Flatten, nn.Linear)):
        return full
    return field if call.input.shape == call.output.shape else ""
