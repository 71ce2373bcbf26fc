"""多层感知机：线性层与逐元素的激活交替，最后一层不带激活。

论文：Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323, 1986；
默认的大小同《动手学深度学习》4.2 节：784 – 256 – 10。
差异：激活默认是 ReLU（论文是 sigmoid），输出配交叉熵（论文是平方误差）。
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from dlnotes.activations import relu


def mlp_scratch(
    x: Tensor, parameters: Mapping[str, Tensor], *, activation: Callable[[Tensor], Tensor] = relu
) -> Tensor:
    """只用矩阵乘法做多层感知机的前向计算；``parameters`` 就是 ``MLP`` 的 ``state_dict``。

    形状:
        x: (N, ...)，每个样本先拉直成 d 个数。
        linear1.weight: (h, d)，linear1.bias: (h,)；后面各层照此类推。
        返回值: (N, K)，与 ``MLP`` 的输出相等。
    """
    h = x.flatten(1)  # (N, d)
    for n in range(1, len(parameters) // 2 + 1):
        if n > 1:
            h = activation(h)
        # .mT 只转置最后两维：前面多一维 S，就是 S 个网络一起算。
        h = h @ parameters[f"linear{n}.weight"].mT + parameters[f"linear{n}.bias"]
    return h


def mlp_gradients(x: Tensor, labels: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """手写的反向传播：返回平均交叉熵对 ReLU 网络每个参数的梯度，键与 ``parameters`` 相同。

    形状:
        x: (N, ...)；labels: (N,)，整数，取值 0 到 K−1。
        返回值: 每项与同名的参数同形。
    """
    depth = len(parameters) // 2
    inputs, h = [], x.flatten(1)
    for n in range(1, depth + 1):
        inputs.append(relu(h) if n > 1 else h)  # 第 n 层的输入，反向时要用
        h = inputs[-1] @ parameters[f"linear{n}.weight"].T + parameters[f"linear{n}.bias"]
    gradients = {}
    delta = h.softmax(dim=1)  # (N, K)，下一行之后是损失对 logits 的导数
    delta[torch.arange(len(labels)), labels] -= 1
    delta /= len(labels)
    for n in range(depth, 0, -1):
        weight = parameters[f"linear{n}.weight"]
        gradients[f"linear{n}.weight"] = delta.T @ inputs[n - 1]
        gradients[f"linear{n}.bias"] = delta.sum(dim=0)
        # 输入是 ReLU 的输出：为正的地方导数是 1，为零的地方是 0。
        delta = (delta @ weight) * (inputs[n - 1] > 0)
    return gradients


class MLP(nn.Sequential):
    """各层大小是 ``sizes`` 的多层感知机；``MLP(784, 256, 10)`` 共 203,530 个参数、203,264 次乘加。

    参数:
        sizes: 输入、各隐藏层、输出的大小，至少两个，否则抛出 ``ValueError``；
            只有两个时没有隐藏层，就是 softmax 回归。
        activation: 激活层的类，夹在相邻两个线性层之间。

    形状:
        x: (N, ...)，拉直后是 (N, sizes[0])。
        返回值: (N, sizes[-1])，未经 softmax。
    """

    def __init__(self, *sizes: int, activation: Callable[[], nn.Module] = nn.ReLU) -> None:
        if len(sizes) < 2:
            raise ValueError(f"至少要有输入与输出的大小，得到 {sizes}")
        layers = OrderedDict[str, nn.Module](flatten=nn.Flatten())
        for n, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            if n > 1:
                layers[f"activation{n - 1}"] = activation()
            layers[f"linear{n}"] = nn.Linear(inputs, outputs)
        super().__init__(layers)
