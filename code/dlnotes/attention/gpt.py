"""GPT 的主体：只有解码器，没有交叉注意力；由前面的词元预测下一个。

论文：Radford et al., "Language Models are Unsupervised Multitask Learners", 2019，§2.3（pre-norm、GELU）。
差异：位置用正余弦编码（论文是可学的）；嵌入与输出层在 ``LanguageModel`` 里，各是各的。
"""

from torch import Tensor, nn

from dlnotes.attention.layers import EncoderLayer
from dlnotes.attention.multihead import causal_mask
from dlnotes.attention.positional import PositionalEncoding


class CausalTransformer(nn.Module):
    """GPT 的主体：pre-norm 的 ``EncoderLayer`` 加因果掩码；可以直接当 ``LanguageModel`` 的核心。

    状态是各层的键与值（KV 缓存），摊平成一个元组：第 2i 个是第 i 层的键，第 2i+1 个是值，各 (B, h, t, D/h)。
    训练与量困惑度要用 ``carry`` 为假的批：缓存不会自己变短，超出 ``longest`` 时抛出 ``ValueError``。

    参数:
        positions: 假时不加位置编码，用来看少了它会怎样。

    形状:
        x: (B, T, D)；返回值: (B, T, D)，状态。
    """

    batch_first = True

    def __init__(
        self,
        width: int,
        heads: int,
        layers: int,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
        positions: bool = True,
        longest: int = 1000,
    ) -> None:
        super().__init__()
        self.positions = PositionalEncoding(width, dropout=dropout, longest=longest) if positions else None
        self.layers = nn.ModuleList(
            EncoderLayer(
                width, heads, hidden or 4 * width, dropout=dropout, norm_first=True, activation=nn.GELU
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, state: tuple[Tensor, ...] | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        read = state[0].shape[2] if state else 0
        if self.positions is not None:
            x = self.positions(x, read)
        mask = causal_mask(x.shape[1], read + x.shape[1], device=x.device)
        flat: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            past = (state[2 * i], state[2 * i + 1]) if state else None
            x, pair = layer.step(x, past, mask)  # type: ignore[operator]
            flat += pair
        return self.norm(x), tuple(flat)
