"""微调 BERT：四种输出层接在同一个编码器上，以及带预热的训练循环。

论文：Devlin et al., NAACL 2019，§3、图 4（四类任务的接法）、附录 A.3（轮数、学习率、批量）；
预热与线性降到 0 同其公开代码。差异：句子的表示除了 ``[CLS]``，也可以取平均；不带预训练时的 pooler。
"""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from dlnotes.attention.bert import BERTEncoder
from dlnotes.attention.inputs import Inputs
from dlnotes.attention.multihead import padding_mask
from dlnotes.attention.pretraining import rise_and_fall
from dlnotes.train import device_of, evaluating

Pool = Literal["cls", "mean"]


def pool(states: Tensor, lengths: Tensor, how: Pool = "cls") -> Tensor:
    """(B, T, D) 的各词元 → (B, D) 的整句：取第一个词元 ``[CLS]``，或者不算填充的平均。"""
    if how == "cls":
        return states[:, 0]
    kept = padding_mask(lengths, states.shape[1]).mT  # (B, T, 1)
    return (states * kept).sum(dim=1) / lengths[:, None]


class SentenceHead(nn.Module):
    """一句或一对句子的类别：D × K + K 个参数；两种任务的区别只在输入。

    形状:
        states: (B, T, D)；返回值: (B, K)。
    """

    def __init__(self, width: int, classes: int, *, how: Pool = "cls", dropout: float = 0.1) -> None:
        super().__init__()
        self.how: Pool = how
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, classes)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        return self.output(self.dropout(pool(states, lengths, self.how)))


class TokenHead(nn.Module):
    """每个词元的类别，各位置用同一个线性层：(B, T, D) → (B, T, K)。"""

    def __init__(self, width: int, classes: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, classes)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002 两种头同样调用
        return self.output(self.dropout(states))


class SpanHead(nn.Module):
    """答案的起点与终点：两个长 D 的向量给每个位置各打一个分，再在位置之间做 softmax。

    形状:
        states: (B, T, D)；返回值: (B, T, 2)，起点与终点的 logits，填充处是 −∞。
    """

    def __init__(self, width: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, 2)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        padding = ~padding_mask(lengths, states.shape[1]).mT  # (B, T, 1)
        return self.output(self.dropout(states)).masked_fill(padding, -math.inf)


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """逐词元的交叉熵，标签为 −100 的位置（填充、``[CLS]``、``[SEP]``）不计；(B, T, K) 与 (B, T)。"""
    return F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=-100)


def span_loss(logits: Tensor, spans: Tensor) -> Tensor:
    """起点与终点两个交叉熵的平均；logits (B, T, 2)，spans (B, 2) 是两端的位置，含两端。"""
    return F.cross_entropy(logits, spans)


def best_span(logits: Tensor, *, longest: int | None = None) -> Tensor:
    """起点分加终点分最大、且起点不晚于终点的一段；(B, T, 2) → (B, 2)。

    ``longest`` 给出时，一段不超过这么多词元。各取各的最大会得到终点在起点之前的答案。
    """
    B, T, _ = logits.shape
    scores = logits[:, :, None, 0] + logits[:, None, :, 1]  # (B, 起点, 终点)
    ones = torch.ones(T, T, dtype=torch.bool, device=logits.device)
    allowed = ones.triu() & (ones if longest is None else ones.tril(longest - 1))
    best = scores.masked_fill(~allowed, -math.inf).view(B, -1).argmax(dim=1)
    return torch.stack([best // T, best % T], dim=1)


class Tuned(nn.Module):
    """编码器加输出层；句级的头给出 (N, K)，词元级的给出 (N, T, K)。"""

    def __init__(self, encoder: BERTEncoder, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, inputs: Inputs) -> Tensor:
        return self.head(self.encoder(inputs.tokens, inputs.segments, inputs.lengths), inputs.lengths)


class Upper(nn.Module):
    """编码器从第 ``start`` 层起的部分加输出层；下面的层冻结时，它们的输出算一次存起来就行。

    形状:
        states: (B, T, D)，第 ``start`` 层的输入，即 ``levels`` 的第 ``start`` 项；lengths: (B,)。
    """

    def __init__(self, encoder: BERTEncoder, head: nn.Module, start: int) -> None:
        super().__init__()
        self.layers = encoder.layers[start:]
        self.head = head

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        mask = padding_mask(lengths, states.shape[1])
        for layer in self.layers:
            states = layer(states, mask)
        return self.head(states, lengths)


def levels(encoder: BERTEncoder, inputs: Inputs) -> list[Tensor]:
    """嵌入与每一层的输出，各 (B, T, D)；层数加一项。"""
    states = [encoder.embeddings(inputs.tokens, inputs.segments)]
    mask = padding_mask(inputs.lengths, inputs.tokens.shape[1])
    for layer in encoder.layers:
        states.append(layer(states[-1], mask))
    return states


def fit(
    model: nn.Module,
    loss_of: Callable[[Tensor], Tensor],
    count: int,
    *,
    epochs: int,
    lr: float,
    head: nn.Module | None = None,
    ratio: float = 1.0,
    batch_size: int = 16,
    seed: int = 0,
    warmup: float = 0.1,
    max_norm: float = 1.0,
) -> list[float]:
    """就地训练 ``model`` 里没有冻结的参数，返回每步的损失；结束后是评估状态。

    学习率先线性升到 ``lr``，再线性降到 0。

    参数:
        loss_of: 由一批样本的下标 (B,) 算出这一批的平均损失；数据由它自己取。
        count: 样本数，每轮打乱一次。
        head, ratio: 给出 ``head`` 时，它的学习率是 ``lr`` 的 ``ratio`` 倍。
        warmup: 前多大比例的步数用来预热。

    ``epochs`` 或 ``count`` 小于 1 时抛出 ``ValueError``。
    """
    if epochs < 1 or count < 1:
        raise ValueError(f"轮数与样本数至少是 1，得到 {epochs} 与 {count}")
    # 两千多万个参数，一步只看十几句：逐个张量更新要占三分之一的时间，fused 把它压到十分之一。
    optimizer = AdamW(groups(model, lr, head=head, ratio=ratio), fused=True)
    total = epochs * math.ceil(count / batch_size)
    schedule = LambdaLR(optimizer, lambda step: rise_and_fall(step, total, warmup))
    learned = [p for p in model.parameters() if p.requires_grad]
    order = torch.Generator().manual_seed(seed)
    losses = []
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(count, generator=order).split(batch_size):
            loss = loss_of(rows)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learned, max_norm)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    model.eval()
    return losses


def groups(
    model: nn.Module, lr: float, *, head: nn.Module | None = None, ratio: float = 1.0, decay: float = 0.01
) -> list[dict[str, object]]:
    """给 AdamW 的参数组：冻结的不收；偏置与层归一化（一维的参数）不做权重衰退。"""
    fast = {id(p) for p in head.parameters()} if head else set()
    found: dict[tuple[bool, bool], list[Tensor]] = {}
    for p in model.parameters():
        if p.requires_grad:
            found.setdefault((id(p) in fast, p.ndim > 1), []).append(p)
    return [
        {"params": ps, "lr": lr * (ratio if quick else 1), "weight_decay": decay if matrix else 0.0}
        for (quick, matrix), ps in found.items()
    ]


def freeze(modules: Iterable[nn.Module]) -> None:
    """就地冻结若干模块：参数不再更新。"""
    for module in modules:
        module.requires_grad_(False)


def predict(model: Tuned, inputs: Inputs, *, batch_size: int = 64) -> Tensor:
    """以评估状态、不记梯度地运行，返回 CPU 上的 logits；句级是 (N, K)，词元级补到 (N, T, K)。"""
    device = device_of(model)
    parts = []
    with evaluating(model), torch.no_grad():
        for rows in torch.arange(len(inputs)).split(batch_size):
            logits = model(inputs.select(rows).to(device)).cpu()
            if logits.ndim == 3:  # 每批只补到这一批最长的一句
                logits = F.pad(logits, (0, 0, 0, inputs.tokens.shape[1] - logits.shape[1]), value=-math.inf)
            parts.append(logits)
    return torch.cat(parts)
