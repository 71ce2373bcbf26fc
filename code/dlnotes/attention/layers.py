"""Transformer 的一层：注意力与前馈网络，外面各包着残差连接与层归一化。

论文：Vaswani et al., NeurIPS 2017，图 1、§3.1–3.3；pre-norm 见 Xiong et al., ICML 2020，图 1。
差异：前馈网络的中间不丢弃（``nn.TransformerEncoderLayer`` 丢弃；评估时没有区别）。
"""

from torch import Tensor, nn

from dlnotes.attention.multihead import MultiHeadAttention, Pair, causal_mask, extend


class FeedForward(nn.Module):
    """逐位置的两层感知机 D → ``hidden`` → D，即两个 1×1 卷积；位置之间不来往。"""

    def __init__(self, width: int, hidden: int, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.activation = activation()
        self.reduce = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.reduce(self.activation(self.expand(x)))
        return y


class Residual(nn.Module):
    """子层外面的残差连接与层归一化，分成子层之前、之后两半。

    参数:
        norm_first: 假是论文的 post-norm，LN(x + f(x))；真是 pre-norm，x + f(LN(x))。
    """

    def __init__(self, width: int, dropout: float = 0.0, *, norm_first: bool = False) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def before(self, x: Tensor) -> Tensor:
        """子层的输入。"""
        return self.norm(x) if self.norm_first else x

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """由残差 ``x`` 与子层的输出 ``y`` 得到这一子层的结果。"""
        x = x + self.dropout(y)
        return x if self.norm_first else self.norm(x)


class EncoderLayer(nn.Module):
    """自注意力，再前馈。没有掩码是编码器的一层；加上因果掩码，就是 GPT 的一层。

    形状:
        x: (B, T, D)；mask: 能广播到 (B, T, T)，真 = 看得见。
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        dropout: float = 0.0,
        norm_first: bool = False,
        bias: bool = True,
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(width, heads, bias=bias)
        self.around_attention = Residual(width, dropout, norm_first=norm_first)
        self.feed_forward = FeedForward(width, hidden, activation)
        self.around_feed_forward = Residual(width, dropout, norm_first=norm_first)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.step(x, None, mask)[0]

    def step(self, x: Tensor, past: Pair | None, mask: Tensor | None) -> tuple[Tensor, Pair]:
        """接着缓存 ``past`` 往下算；返回输出与加长了的缓存，mask 要盖住缓存里的键。"""
        y = self.around_attention.before(x)
        pair = extend(past, self.attention.project(y, y))
        x = self.around_attention.after(x, self.attention.attend(y, pair, mask)[0])
        y = self.feed_forward(self.around_feed_forward.before(x))
        return self.around_feed_forward.after(x, y), pair


class DecoderLayer(nn.Module):
    """因果的自注意力，对编码器输出的交叉注意力，再前馈；参数同 ``EncoderLayer``。

    形状:
        x: (B, T, D)；memory: (B, S, D)，编码器的输出；memory_mask: 能广播到 (B, T, S)。
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        dropout: float = 0.0,
        norm_first: bool = False,
        bias: bool = True,
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(width, heads, bias=bias)
        self.around_attention = Residual(width, dropout, norm_first=norm_first)
        self.cross = MultiHeadAttention(width, heads, bias=bias)
        self.around_cross = Residual(width, dropout, norm_first=norm_first)
        self.feed_forward = FeedForward(width, hidden, activation)
        self.around_feed_forward = Residual(width, dropout, norm_first=norm_first)

    def forward(self, x: Tensor, memory: Tensor, memory_mask: Tensor | None = None) -> Tensor:
        return self.step(x, None, self.cross.project(memory, memory), memory_mask)[0]

    def step(
        self, x: Tensor, past: Pair | None, memory: Pair, memory_mask: Tensor | None
    ) -> tuple[Tensor, Pair]:
        """接着缓存往下算；``memory`` 是编码器输出的键与值，整句只算一次。"""
        y = self.around_attention.before(x)
        pair = extend(past, self.attention.project(y, y))
        causal = causal_mask(x.shape[1], pair[0].shape[2], device=x.device)
        x = self.around_attention.after(x, self.attention.attend(y, pair, causal)[0])
        y = self.around_cross.before(x)
        x = self.around_cross.after(x, self.cross.attend(y, memory, memory_mask)[0])
        y = self.feed_forward(self.around_feed_forward.before(x))
        return self.around_feed_forward.after(x, y), pair
