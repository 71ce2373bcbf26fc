"""截断的沿时间反向传播：只截梯度，不截数值。

来源：Williams, Peng, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network
Trajectories", Neural Computation 2(4), 1990。
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlnotes.recurrent.language_model import LanguageModel, detach
from dlnotes.recurrent.rnn import State


def truncated_gradient(model: LanguageModel, inputs: Tensor, targets: Tensor, window: int) -> Tensor:
    """返回平均损失对全部参数的梯度，接成一个向量；每过 ``window`` 步，状态从计算图上截下来一次。

    前向与不截断时完全相同；``window`` ≥ T 时就是完整的梯度。``window`` 小于 1 时抛出 ``ValueError``。

    形状:
        inputs, targets: (B, T)。
        返回值: (参数总数,)。
    """
    if window < 1:
        raise ValueError(f"window 至少是 1，得到 {window}")
    parameters = list(model.parameters())
    total = [torch.zeros_like(p) for p in parameters]
    state: State | None = None
    for tokens, following in zip(inputs.split(window, dim=1), targets.split(window, dim=1), strict=True):
        logits, state = model(tokens, state)
        state = detach(state)
        loss = F.cross_entropy(logits.flatten(0, 1), following.flatten(), reduction="sum") / targets.numel()
        for sum_, gradient in zip(total, torch.autograd.grad(loss, parameters), strict=True):
            sum_ += gradient
    return torch.cat([gradient.flatten() for gradient in total])


def graph_size(tensor: Tensor) -> int:
    """数出 ``tensor`` 背后的计算图有多少个节点；从图上截下来的是 0。"""
    waiting, seen = [tensor.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return len(seen)
