"""记住有记号的那一个：开头的符号带着记号，其后全是同一字母表里的干扰，最后问开头是哪个。

改自 Hochreiter 与 Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997, §5.2；
差异：干扰与要记的是同一批符号，只能靠记号分辨。
"""

import torch
from torch import Generator, Tensor


def sequences(
    batch_size: int, steps: int, symbols: int = 4, *, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """随机造一批题；每一步是符号的独热，最后再加一维记号，只有第一步是 1。

    ``steps`` 小于 1 时抛出 ``ValueError``。

    形状:
        返回值: 输入 (B, T, symbols + 1)；答案 (B,)，取值 0 到 symbols − 1。
    """
    if steps < 1:
        raise ValueError(f"steps 至少是 1，得到 {steps}")
    shown = torch.randint(symbols, (batch_size, steps), generator=generator)
    x = torch.zeros(batch_size, steps, symbols + 1)
    x.scatter_(2, shown[:, :, None], 1)
    x[:, 0, -1] = 1
    return x, shown[:, 0]
