"""Transformer：编码器—解码器，只用注意力与逐位置的前馈网络；逐词解码有 KV 缓存。

论文：Vaswani et al., NeurIPS 2017，图 1、§3。``Seq2Seq`` 的训练、贪心与束搜索都可以直接用。
"""

import math
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor, nn

from dlnotes.attention.layers import DecoderLayer, EncoderLayer
from dlnotes.attention.multihead import Pair, padding_mask
from dlnotes.attention.positional import PositionalEncoding
from dlnotes.recurrent.seq2seq import Decoder, Encoded, Seq2Seq

Layer = TypeVar("Layer", EncoderLayer, DecoderLayer)


class Embedding(nn.Module):
    """词元 → 嵌入 × √D + 位置编码。

    嵌入按方差 1/D 初始化：与输出层共用时，logits 才不至于太大；乘 √D 之后每个分量的方差是 1，
    与位置编码（均方 1/2）同一量级。
    """

    def __init__(self, size: int, width: int, *, dropout: float = 0.0, longest: int = 1000) -> None:
        super().__init__()
        self.table = nn.Embedding(size, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)
        self.positions = PositionalEncoding(width, dropout=dropout, longest=longest)

    def forward(self, tokens: Tensor, start: int = 0) -> Tensor:
        x: Tensor = self.positions(self.table(tokens) * math.sqrt(self.table.embedding_dim), start)
        return x


class TransformerEncoder(nn.Module):
    """嵌入，若干 ``EncoderLayer``；``final_norm`` 为真时最后再归一化一次（pre-norm 必需）。

    形状:
        tokens: (B, S)；lengths: (B,)，其后的填充谁也看不见。
    """

    def __init__(self, embedding: Embedding, layers: list[EncoderLayer], *, final_norm: bool) -> None:
        super().__init__()
        width = embedding.table.embedding_dim
        self.embedding = embedding
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width) if final_norm else nn.Identity()

    def forward(self, tokens: Tensor, lengths: Tensor) -> Encoded:
        x = self.encode(self.embedding(tokens), padding_mask(lengths, tokens.shape[1]))
        # 没有循环层，也就没有末态：L = 0。
        return Encoded(x, x.new_zeros(0, len(x), x.shape[2]), lengths)

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """已是向量的 (B, S, D) 穿过各层。"""
        for layer in self.layers:
            x = layer(x, mask)
        y: Tensor = self.norm(x)
        return y


@dataclass(frozen=True)
class DecoderState:
    """解码到一半的状态。

    形状:
        memory: 每层一对 (B, h, S, D/h)，由编码器的输出算得，从头到尾不变。
        memory_mask: (B, 1, S)。
        cache: 每层一对 (B, h, t, D/h)，已读的 t 个词元的键与值；还没有读时是空的。
    """

    memory: tuple[Pair, ...]
    memory_mask: Tensor
    cache: tuple[Pair, ...] = ()

    @property
    def steps(self) -> int:
        """已经读过多少个词元，也就是下一个词元的位置。"""
        return self.cache[0][0].shape[2] if self.cache else 0

    def select(self, rows: Tensor) -> "DecoderState":
        def of(pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
            return tuple((keys[rows], values[rows]) for keys, values in pairs)

        return DecoderState(of(self.memory), self.memory_mask[rows], of(self.cache))


class TransformerDecoder(Decoder):
    """嵌入，若干 ``DecoderLayer``，线性层。一次读 T 个与一次读一个，算出同样的数。

    形状:
        tokens: (B, T)；返回值: logits (B, T, V)，``DecoderState``。
    """

    def __init__(
        self, embedding: Embedding, layers: list[DecoderLayer], head: nn.Linear, *, final_norm: bool
    ) -> None:
        super().__init__()
        width = embedding.table.embedding_dim
        self.embedding = embedding
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width) if final_norm else nn.Identity()
        self.head = head

    def initial(self, encoded: Encoded) -> DecoderState:
        memory = encoded.outputs
        pairs = tuple(layer.cross.project(memory, memory) for layer in self.layers)  # type: ignore[operator,union-attr]
        return DecoderState(pairs, padding_mask(encoded.lengths, memory.shape[1]))

    def forward(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        # 位置从 state.steps 数起；漏了它，逐词解码时每个词元都成了第 0 个。
        x, state = self.decode(self.embedding(tokens, state.steps), state)
        return self.head(x), state

    def decode(self, x: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """已是向量的 (B, T, D) 接着 ``state`` 穿过各层。"""
        cache = []
        for i, layer in enumerate(self.layers):
            past = state.cache[i] if state.cache else None
            x, pair = layer.step(x, past, state.memory[i], state.memory_mask)  # type: ignore[operator]
            cache.append(pair)
        return self.norm(x), DecoderState(state.memory, state.memory_mask, tuple(cache))


class Transformer(Seq2Seq):
    """论文的编码器—解码器；默认的大小是论文的 base（表 3）。

    参数:
        bias: 注意力的四个线性层是否带偏置；论文没有。
        final_norm: 每一叠的末尾是否再归一化；不给就与 ``norm_first`` 相同。
        shared: 真时两边的嵌入与输出层共用一个矩阵（论文 §3.4），输出层没有偏置；两边词表须同样大，
            否则抛出 ``ValueError``。

    37,000 个词元、``shared=True`` 时，共 63,045,632 个参数。
    """

    encoder: TransformerEncoder
    decoder: TransformerDecoder

    def __init__(
        self,
        source_size: int,
        target_size: int,
        *,
        width: int = 512,
        heads: int = 8,
        hidden: int = 2048,
        layers: int = 6,
        dropout: float = 0.1,
        norm_first: bool = False,
        bias: bool = False,
        final_norm: bool | None = None,
        shared: bool = False,
        activation: type[nn.Module] = nn.ReLU,
        longest: int = 1000,
    ) -> None:
        if shared and source_size != target_size:
            raise ValueError(f"共用嵌入时两边词表须同样大，得到 {source_size} 与 {target_size}")

        def stack(kind: type[Layer]) -> list[Layer]:
            options = {"dropout": dropout, "norm_first": norm_first, "bias": bias, "activation": activation}
            return [kind(width, heads, hidden, **options) for _ in range(layers)]  # type: ignore[arg-type]

        last = norm_first if final_norm is None else final_norm
        source = Embedding(source_size, width, dropout=dropout, longest=longest)
        target = source if shared else Embedding(target_size, width, dropout=dropout, longest=longest)
        head = nn.Linear(width, target_size, bias=not shared)
        if shared:
            head.weight = source.table.weight
        super().__init__(
            TransformerEncoder(source, stack(EncoderLayer), final_norm=last),
            TransformerDecoder(target, stack(DecoderLayer), head, final_norm=last),
        )
        # 论文没有写初始化；这里与 nn.Transformer、The Annotated Transformer 相同。
        for name, p in self.named_parameters():
            if p.ndim == 2 and "embedding" not in name and p is not head.weight:
                nn.init.xavier_uniform_(p)


def noam(step: int, width: int, warmup: int) -> float:
    """论文式 (3) 的学习率：前 ``warmup`` 步线性地升，以后按 1/√step 降。

    ``step`` 从 1 数起；``step`` 或 ``warmup`` 小于 1 时抛出 ``ValueError``。
    """
    if step < 1 or warmup < 1:
        raise ValueError(f"step 与 warmup 至少是 1，得到 {step} 与 {warmup}")
    return float(width**-0.5 * min(step**-0.5, step * warmup**-1.5))
