"""查漏题：哪个位置的输出看得见哪个位置的输入。不看结构，只看改了输入以后输出动不动。"""

from collections.abc import Callable

import torch
from torch import Tensor


@torch.no_grad()
def visible(logits_of: Callable[[Tensor], Tensor], tokens: Tensor, *, tolerance: float = 1e-6) -> Tensor:
    """逐个换掉输入的词元，记下哪些位置的 logits 变了。

    参数:
        logits_of: (1, T) 的词元 → (1, T, V) 的 logits；须没有随机性（评估状态）。
        tolerance: 变化的绝对值超过它才算变了。

    形状:
        tokens: (T,)，0 与 1 须都是合法的词元。
        返回值: (T, T)，布尔；[t, s] 为真是说第 t 个输出看得见第 s 个输入。
    """
    before = logits_of(tokens[None])[0]  # (T, V)
    columns = []
    for s in range(len(tokens)):
        changed = tokens.clone()
        changed[s] = int(tokens[s] == 0)  # 换成另一个词元
        columns.append((logits_of(changed[None])[0] - before).abs().amax(dim=1) > tolerance)
    return torch.stack(columns, dim=1)
