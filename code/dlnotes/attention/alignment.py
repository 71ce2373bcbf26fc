"""带注意力的解码器：每一步回头看编码器的每一个输出，按权重取一个新的上下文。

论文：Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
ICLR 2015，§3.1 与附录 A。
差异：编码器单向（论文双向）；输出层只用 GRU 的输出（论文还用上下文与嵌入，经 maxout）。
两处都与《动手学深度学习》10.4 节相同。
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dlnotes.attention.scoring import AdditiveAttention
from dlnotes.data.padded import Pairs
from dlnotes.recurrent.seq2seq import Decoder, Encoded, Encoder, Seq2Seq
from dlnotes.recurrent.teacher_forcing import mask
from dlnotes.train import device_of, evaluating


@dataclass(frozen=True)
class AttentionState:
    """解码到一半的状态：只有 ``hidden`` 每步都变。

    形状:
        hidden: (L, B, H)；keys: (B, S, H)，投影过的编码器输出；values: (B, S, H)，编码器输出。
        visible: (B, 1, S)，真的位置是原文，假的是填充。
    """

    hidden: Tensor
    keys: Tensor
    values: Tensor
    visible: Tensor

    def select(self, rows: Tensor) -> "AttentionState":
        return AttentionState(self.hidden[:, rows], self.keys[rows], self.values[rows], self.visible[rows])


class AttentionDecoder(Decoder):
    """GRU 解码器：上一步末层的隐状态作查询，编码器各步的输出作键和值，取得的上下文拼进这一步的输入。

    形状:
        tokens: (B, T)；返回值: logits (B, T, V)，``AttentionState``。
    """

    def __init__(
        self, vocabulary_size: int, embedding: int, hidden: int, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.attention = AdditiveAttention(hidden, hidden, hidden)
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.dropout = nn.Dropout(dropout)
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(embedding + hidden, hidden, layers, batch_first=True, dropout=between)
        self.head = nn.Linear(hidden, vocabulary_size)

    def initial(self, encoded: Encoded) -> AttentionState:
        visible = mask(encoded.lengths.to(encoded.outputs.device), encoded.outputs.shape[1])[:, None]
        keys = self.attention.project(encoded.outputs)
        return AttentionState(encoded.state, keys, encoded.outputs, visible)

    def forward(self, tokens: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        logits, state, _ = self.unroll(tokens, state)
        return logits, state

    def unroll(self, tokens: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState, Tensor]:
        """同 ``forward``，另外返回每一步的权重 (B, T, S)。"""
        hidden, keys, values, visible = state.hidden.contiguous(), state.keys, state.values, state.visible
        outputs: list[Tensor] = []
        rows: list[Tensor] = []
        # 查询是上一步的隐状态，要走完一步才有：教师强制时也只能一步一步来。
        for x in self.dropout(self.embedding(tokens)).split(1, dim=1):  # (B, 1, E)
            query = hidden[-1][:, None]  # (B, 1, H)
            context, weights = self.attention.attend(query, keys, values, visible)
            output, hidden = self.gru(torch.cat([x, context], dim=2), hidden)
            outputs.append(output)
            rows.append(weights)
        logits = self.head(self.dropout(torch.cat(outputs, dim=1)))
        return logits, AttentionState(hidden, keys, values, visible), torch.cat(rows, dim=1)


def attention_seq2seq(
    source_size: int,
    target_size: int,
    *,
    embedding: int,
    hidden: int,
    layers: int = 1,
    dropout: float = 0.0,
) -> Seq2Seq:
    """与 ``gru_seq2seq`` 只差注意力。

    词表 184/201、嵌入与隐藏都是 32、两层时，共 49,449 个参数，多 2,080 个。
    """
    sizes = embedding, hidden, layers, dropout
    return Seq2Seq(Encoder(source_size, *sizes), AttentionDecoder(target_size, *sizes))


@torch.no_grad()
def alignments(model: Seq2Seq, pairs: Pairs) -> Tensor:
    """教师强制地写出 ``pairs.target``，返回每一步看原文各处的权重 (B, T, S)。

    把模型自己写的句子作 ``target``，得到的就是它写的时候的权重。解码器没有注意力时抛出 ``TypeError``。
    """
    if not isinstance(model.decoder, AttentionDecoder):
        raise TypeError(f"要 AttentionDecoder，得到 {type(model.decoder).__name__}")
    batch = pairs.to(device_of(model))
    with evaluating(model):
        state = model.start(batch.source, batch.source_lengths)
        weights: Tensor = model.decoder.unroll(batch.inputs, state)[2]
    return weights.cpu()
