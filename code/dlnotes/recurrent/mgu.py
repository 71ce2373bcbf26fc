"""最小门控单元（MGU）：一个门身兼两职，参数是 GRU 的三分之二。

论文：Zhou et al., "Minimal Gated Unit for Recurrent Neural Networks", Int. J. Autom. Comput. 13(3), 2016。
差异：论文的门管换多少，这里同 GRU，管留多少：先取 1 减去它。
"""

import math

import torch
from torch import Tensor, nn


class MGUCell(nn.Module):
    r"""一步：遗忘门 f 既管候选看见多少旧状态，也管换掉多少旧状态。共 2H(D + H + 1) 个参数。

    形状:
        x: (B, D)；state: (B, H)。
        返回值: 输出 (B, H)，新的状态 (B, H)，两者是同一个张量。
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.forget = nn.Linear(input_size + hidden_size, hidden_size)
        self.candidate = nn.Linear(input_size + hidden_size, hidden_size)
        bound = 1 / math.sqrt(hidden_size)  # 与 nn.GRU 相同的初始化
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def initial(self, batch_size: int) -> Tensor:
        return self.forget.bias.new_zeros(batch_size, self.hidden_size)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        forget = self.forget(torch.cat([x, state], dim=1)).sigmoid()
        candidate = self.candidate(torch.cat([x, forget * state], dim=1)).tanh()
        state = (1 - forget) * state + forget * candidate
        return state, state
