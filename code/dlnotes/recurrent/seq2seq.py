"""编码器—解码器：读完一句，再写出另一句；两边可以不一样长。

来源：Sutskever et al., NeurIPS 2014（末态作初态）；Cho et al., EMNLP 2014，式 (7)–(9)（每一步都看上下文）。
差异：末层的输出直接进线性层，没有论文的 maxout；上下文与嵌入拼接，与《动手学深度学习》9.7 节相同。
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True)
class Encoded:
    """编码器留给解码器的一切。

    形状:
        outputs: (B, S, H)，末层每一步的输出，填充处是 0；注意力才用得上。
        state: (L, B, H)，各层在真正的句尾的隐状态。
        lengths: (B,)，有效长度。
    """

    outputs: Tensor
    state: Tensor
    lengths: Tensor


class State(Protocol):
    """解码的状态：各行互不相干，所以可以挑出几行，也可以一行复制成几行（束搜索）。"""

    def select(self, rows: Tensor) -> Self:
        """按行号取出，可以重复。"""


class Decoder(nn.Module, ABC):
    """解码器的接口：有没有注意力，训练与搜索的代码都不用改。"""

    @abstractmethod
    def initial(self, encoded: Encoded) -> Any:
        """返回读入 ``<bos>`` 之前的状态（``State``）。"""

    @abstractmethod
    def forward(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """接着 ``state`` 读入 (B, T) 个词元，返回每一步的 logits (B, T, V) 与新的状态。

        一次读入 T 个，与一次一个读 T 次，结果必须相同。
        """


class Encoder(nn.Module):
    """GRU 编码器。填充不进入 GRU，所以补多少 ``<pad>`` 都不改变结果。

    参数:
        dropout: 嵌入上与层之间丢弃的比例。

    形状:
        tokens: (B, S)；lengths: (B,)，各至少是 1。
    """

    def __init__(
        self, vocabulary_size: int, embedding: int, hidden: int, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.dropout = nn.Dropout(dropout)
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(embedding, hidden, layers, batch_first=True, dropout=between)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Encoded:
        x = self.dropout(self.embedding(tokens))  # (B, S, E)
        # 打包之后，每一句走到自己的句尾就停。长度要放在 CPU 上。
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        outputs, state = self.gru(packed)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=tokens.shape[1])
        return Encoded(outputs, state, lengths)


@dataclass(frozen=True)
class ContextState:
    """解码到一半的状态：``hidden`` (L, B, H) 每步都变，``context`` (B, H) 从头到尾不变。"""

    hidden: Tensor
    context: Tensor

    def select(self, rows: Tensor) -> "ContextState":
        return ContextState(self.hidden[:, rows], self.context[rows])


class ContextDecoder(Decoder):
    """GRU 解码器：编码器的末态既是初态，又作为上下文拼进每一步的输入。

    形状:
        tokens: (B, T)；返回值: logits (B, T, V)，``ContextState``。
    """

    def __init__(
        self, vocabulary_size: int, embedding: int, hidden: int, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.dropout = nn.Dropout(dropout)
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(embedding + hidden, hidden, layers, batch_first=True, dropout=between)
        self.head = nn.Linear(hidden, vocabulary_size)

    def initial(self, encoded: Encoded) -> ContextState:
        return ContextState(encoded.state, encoded.state[-1])

    def forward(self, tokens: Tensor, state: ContextState) -> tuple[Tensor, ContextState]:
        x = self.dropout(self.embedding(tokens))  # (B, T, E)
        # 用的是存下的上下文，不是 hidden 的末层：一步一步解码时，后者早已变了。
        context = state.context[:, None].expand(-1, x.shape[1], -1)  # (B, T, H)
        outputs, hidden = self.gru(torch.cat([x, context], dim=2), state.hidden.contiguous())
        return self.head(self.dropout(outputs)), ContextState(hidden, state.context)


class Seq2Seq(nn.Module):
    """编码器接解码器。

    形状:
        source: (B, S)；source_lengths: (B,)；inputs: (B, T)，以 ``<bos>`` 开头。
        返回值: logits (B, T, V)，第 t 步预测第 t 个目标词元。
    """

    def __init__(self, encoder: nn.Module, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def start(self, source: Tensor, lengths: Tensor) -> Any:
        """读完原文，返回解码的初始状态。"""
        return self.decoder.initial(self.encoder(source, lengths))

    def forward(self, source: Tensor, source_lengths: Tensor, inputs: Tensor) -> Tensor:
        logits, _ = self.decoder(inputs, self.start(source, source_lengths))
        return cast(Tensor, logits)


def gru_seq2seq(
    source_size: int,
    target_size: int,
    *,
    embedding: int,
    hidden: int,
    layers: int = 1,
    dropout: float = 0.0,
) -> Seq2Seq:
    """两边同样大小的 GRU；词表 184/201、嵌入与隐藏都是 32、两层时，共 18,560 + 28,809 = 47,369 个参数。"""
    sizes = embedding, hidden, layers, dropout
    return Seq2Seq(Encoder(source_size, *sizes), ContextDecoder(target_size, *sizes))
