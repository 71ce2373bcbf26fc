"""隔得远的记忆题：开头一个字是答案，中间全是干扰，读完再问开头是哪个。

仿 Hochreiter 与 Schmidhuber, "Long Short-Term Memory", 1997, §5.2 的任务 2b；差异：只在最后问一次。
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

KEYS = 4  # 答案的种数；编号 0 到 3
NOISE = 4  # 干扰的种数；编号 4 到 7
SYMBOLS = KEYS + NOISE


def examples(count: int, steps: int, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
    """随机出 ``count`` 道长 ``steps`` 的题：输入 (N, T, 8) 的独热，答案 (N,)。

    ``steps`` 小于 1 时抛出 ``ValueError``。
    """
    if steps < 1:
        raise ValueError(f"steps 至少是 1，得到 {steps}")
    answers = torch.randint(KEYS, (count,), generator=generator)
    noise = torch.randint(KEYS, SYMBOLS, (count, steps - 1), generator=generator)
    tokens = torch.cat([answers[:, None], noise], dim=1)
    return F.one_hot(tokens, SYMBOLS).float(), answers


class Reader(nn.Module):
    """读完整段，由最后一步的输出给出答案。

    形状:
        x: (N, T, D)。
        返回值: (N, ``answers``)，logits。
    """

    def __init__(self, core: nn.Module, hidden: int, answers: int = KEYS) -> None:
        super().__init__()
        self.core = core
        self.head = nn.Linear(hidden, answers)

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.core(x)
        return self.head(outputs[:, -1])


def practise(
    reader: Reader,
    steps: int,
    *,
    updates: int,
    lr: float,
    batch_size: int = 64,
    generator: Generator | None = None,
    done: Callable[[float], bool] = lambda loss: loss < 0.02,
) -> list[float]:
    """就地训练 ``reader``，每步一批新题，返回每步的损失；``done(loss)`` 为真时提前停。"""
    updater = Adam(reader.parameters(), lr=lr)
    losses: list[float] = []
    while len(losses) < updates and not (losses and done(losses[-1])):
        x, answers = examples(batch_size, steps, generator)
        loss = F.cross_entropy(reader(x), answers)
        updater.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        updater.step()
        losses.append(loss.item())
    return losses
