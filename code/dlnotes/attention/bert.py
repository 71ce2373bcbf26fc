"""BERT 的编码器：词元、片段、位置三种嵌入相加，再过若干层没有因果掩码的 ``EncoderLayer``。

论文：Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
NAACL 2019，§3、图 2；初始化（标准差 0.02）见其公开代码。post-norm，GELU。
"""

import torch
from torch import Tensor, nn

from dlnotes.attention.layers import EncoderLayer
from dlnotes.attention.multihead import causal_mask, padding_mask


class Embeddings(nn.Module):
    """三种嵌入相加，归一化，丢弃；位置嵌入与另两种一样是学来的。

    参数:
        longest: 备了多少个位置；更长的输入抛出 ``ValueError``，因为没有学过的位置无从查起。
        norm: 假时不归一化，同《动手学深度学习》。

    形状:
        tokens, segments: (B, T)；``segments`` 不给就全是 0。
        返回值: (B, T, D)。
    """

    def __init__(
        self, vocabulary_size: int, width: int, *, longest: int = 512, dropout: float = 0.1, norm: bool = True
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary_size, width)
        self.segments = nn.Embedding(2, width)
        self.positions = nn.Embedding(longest, width)
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, segments: Tensor | None = None) -> Tensor:
        T = tokens.shape[1]
        if self.positions.num_embeddings < T:
            raise ValueError(f"只有 {self.positions.num_embeddings} 个位置，输入长 {T}")
        segments = torch.zeros_like(tokens) if segments is None else segments
        # 位置的 (T, D) 广播到每一句。取的是参数本身，不是 .data：后者得不到梯度，永远不更新。
        x = self.tokens(tokens) + self.segments(segments) + self.positions.weight[:T]
        y: Tensor = self.dropout(self.norm(x))
        return y


class BERTEncoder(nn.Module):
    """嵌入，若干层自注意力；每个词元在每一层都看得见整句，填充除外。

    参数:
        hidden: 前馈网络中间的宽度；不给就是 4 倍 ``width``。
        causal: 真时每个词元只看得见自己与左边，用作对照；参数个数不变。
        norm_first: 真时换成 pre-norm，末尾另加一个归一化；论文是 post-norm。
        longest, norm: 见 ``Embeddings``。

    形状:
        tokens, segments: (B, T)；lengths: (B,)，有效长度，不给就没有填充。
        返回值: (B, T, D)。
    """

    def __init__(
        self,
        vocabulary_size: int,
        width: int,
        heads: int,
        layers: int,
        *,
        hidden: int | None = None,
        longest: int = 512,
        dropout: float = 0.1,
        norm: bool = True,
        causal: bool = False,
        norm_first: bool = False,
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.embeddings = Embeddings(vocabulary_size, width, longest=longest, dropout=dropout, norm=norm)
        self.layers = nn.ModuleList(
            EncoderLayer(
                width,
                heads,
                hidden or 4 * width,
                dropout=dropout,
                norm_first=norm_first,
                activation=activation,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width) if norm_first else nn.Identity()
        self.apply(initialize)

    def forward(
        self, tokens: Tensor, segments: Tensor | None = None, lengths: Tensor | None = None
    ) -> Tensor:
        return self.encode(self.embeddings(tokens, segments), lengths)

    def encode(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """已是向量的 (B, T, D) 穿过各层。"""
        mask = self.visible(x.shape[1], lengths, x.device)
        for layer in self.layers:
            x = layer(x, mask)
        y: Tensor = self.norm(x)
        return y

    def visible(self, steps: int, lengths: Tensor | None, device: torch.device) -> Tensor | None:
        """各层共用的掩码，真 = 看得见；没有填充又不是因果的，就不需要。"""
        mask = None if lengths is None else padding_mask(lengths, steps)  # (B, 1, T)
        if not self.causal:
            return mask
        past = causal_mask(steps, device=device)
        return past if mask is None else past & mask


class Pooler(nn.Module):
    """``<cls>`` 处的输出过一个线性层与 tanh，代表整句：(B, T, D) → (B, D)。"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        initialize(self.dense)

    def forward(self, states: Tensor) -> Tensor:
        y: Tensor = self.dense(states[:, 0]).tanh()
        return y


class BERT(nn.Module):
    """编码器与 ``Pooler``，不含预训练的两个头；微调从这里开始。

    默认的大小是论文的 BERT-base（词表是英文小写的 30,522），共 109,482,240 个参数；
    ``width=1024, heads=16, layers=24`` 是 BERT-large，共 335,141,888 个。
    """

    def __init__(
        self, vocabulary_size: int = 30_522, width: int = 768, heads: int = 12, layers: int = 12
    ) -> None:
        super().__init__()
        self.encoder = BERTEncoder(vocabulary_size, width, heads, layers)
        self.pooler = Pooler(width)

    def forward(
        self, tokens: Tensor, segments: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """返回各词元的 (B, T, D) 与整句的 (B, D)。"""
        states = self.encoder(tokens, segments, lengths)
        return states, self.pooler(states)


def initialize(module: nn.Module) -> None:
    """就地初始化一个线性层或嵌入：权重是标准差 0.02 的正态分布，偏置是 0；别的模块不动。"""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
