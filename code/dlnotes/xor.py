"""异或：一条直线分不开、两个隐藏单元就够的四个点。

来源：Minsky, Papert, "Perceptrons", MIT Press, 1969；手工的权重仿 Goodfellow 等 "Deep Learning" §6.1。
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlnotes.mlp import mlp_scratch


def xor() -> tuple[Tensor, Tensor]:
    """返回四个点与它们的异或：形状 (4, 2) 与 (4,)，都取值 0 或 1。"""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return x, (x[:, 0] != x[:, 1]).float()


def hand_weights() -> dict[str, Tensor]:
    """返回一个 2 – 2 – 1 的 ReLU 网络的参数，它的输出恰好是异或；键同 ``MLP``。

    h₁ = relu(x₁ + x₂) 数有几个 1，h₂ = relu(x₁ + x₂ − 1) 只在两个都是 1 时为 1；输出 h₁ − 2h₂。
    """
    return {
        "linear1.weight": torch.ones(2, 2),
        "linear1.bias": torch.tensor([0.0, -1.0]),
        "linear2.weight": torch.tensor([[1.0, -2.0]]),
        "linear2.bias": torch.zeros(1),
    }


@dataclass(frozen=True)
class Crowd:
    """S 个同样大小、不同种子的网络，一起训练完的样子。

    形状:
        parameters: 键同 ``MLP``，前面多一维 S；偏置是 (S, 1, h)。
        losses, solved: (S,)；``solved`` 为真的网络四个点全对。
    """

    parameters: dict[str, Tensor]
    losses: Tensor
    solved: Tensor

    def member(self, index: int) -> dict[str, Tensor]:
        """返回第 ``index`` 个网络的参数，可以直接给 ``mlp_scratch``。"""
        return {
            name: p[index].squeeze(0) if "bias" in name else p[index] for name, p in self.parameters.items()
        }


def train_crowd(
    seeds: range,
    hidden: int,
    *,
    steps: int,
    lr: float,
    activation: Callable[[Tensor], Tensor] = torch.relu,
    on_step: Callable[[dict[str, Tensor], int], None] | None = None,
) -> Crowd:
    """每个种子初始化一个 2 – ``hidden`` – 1 的网络，全部一起用 Adam 在异或上训练 ``steps`` 步。

    初始化同 ``nn.Linear`` 的范围：±1/√(输入个数) 的均匀分布。损失是二分类的交叉熵，每步看全部四个点。

    参数:
        on_step: 每步之前以 ``on_step(parameters, step)`` 调用，``step`` 从 0 数起；最后再调用一次。
    """
    x, y = xor()
    parameters = {name: p.requires_grad_() for name, p in _initial(seeds, hidden).items()}
    # Adam 逐个参数地更新，损失又是各网络的和：网络之间互不影响，等于各训各的。
    optimizer = torch.optim.Adam(parameters.values(), lr=lr)
    for step in range(steps):
        if on_step:
            on_step(parameters, step)
        losses = _losses(mlp_scratch(x, parameters, activation=activation), y)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
    if on_step:
        on_step(parameters, steps)
    parameters = {name: p.detach() for name, p in parameters.items()}
    logits = mlp_scratch(x, parameters, activation=activation)  # (S, 4, 1)
    return Crowd(parameters, _losses(logits, y), ((logits[..., 0] > 0) == (y > 0)).all(dim=1))


def _initial(seeds: range, hidden: int) -> dict[str, Tensor]:
    members = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        members.append(
            {
                "linear1.weight": _uniform((hidden, 2), 2, generator),
                "linear1.bias": _uniform((1, hidden), 2, generator),
                "linear2.weight": _uniform((1, hidden), hidden, generator),
                "linear2.bias": _uniform((1, 1), hidden, generator),
            }
        )
    return {name: torch.stack([member[name] for member in members]) for name in members[0]}


def _uniform(shape: tuple[int, int], fan_in: int, generator: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=generator) * 2 - 1) / fan_in**0.5


def _losses(logits: Tensor, y: Tensor) -> Tensor:
    targets = y.expand(len(logits), 4)
    return F.binary_cross_entropy_with_logits(logits[..., 0], targets, reduction="none").mean(dim=1)
