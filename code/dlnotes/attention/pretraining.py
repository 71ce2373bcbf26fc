"""预训练 BERT：猜遮住的词元（MLM），判断乙句是不是甲句的下一句（NSP），两个损失相加。

论文：Devlin et al., NAACL 2019，§3.1、附录 A.2；预热与线性降到 0 同其公开代码。
差异：只在选中的位置上算输出层，损失除以选中的个数，没有填充的份。
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from dlnotes.attention.bert import BERTEncoder, Pooler, initialize
from dlnotes.attention.inputs import Inputs
from dlnotes.attention.masking import PAPER, Masked, Mix, mask_tokens
from dlnotes.attention.sentence_pairs import SentencePairs
from dlnotes.train import device_of, evaluating


class MaskedLMHead(nn.Module):
    """每个要猜的位置的输出 (M, D) → 词表上的 logits (M, V)：线性、激活、归一化，再与词表比。

    参数:
        tied: 给出时，输出层与这个嵌入共用一个 (V, D) 的矩阵，只另有 V 个偏置。
    """

    def __init__(
        self,
        width: int,
        vocabulary_size: int,
        *,
        tied: nn.Embedding | None = None,
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(width, width), activation(), nn.LayerNorm(width))
        self.output = nn.Linear(width, vocabulary_size)
        self.apply(initialize)
        if tied is not None:
            self.output.weight = tied.weight

    def forward(self, states: Tensor) -> Tensor:
        y: Tensor = self.output(self.transform(states))
        return y


class Pretraining(nn.Module):
    """编码器加两个头。

    参数:
        tied: 输出层是否与词元嵌入共用矩阵；论文的代码共用，《动手学深度学习》不共用。

    形状:
        inputs: B 对句子；chosen: (B, T) 的布尔值，真 = 要猜，共 M 处。
        返回值: 猜词的 logits (M, V)，按行的次序；下一句的 logits (B, 2)。
    """

    def __init__(
        self, encoder: BERTEncoder, *, tied: bool = True, activation: type[nn.Module] = nn.GELU
    ) -> None:
        super().__init__()
        table = encoder.embeddings.tokens
        self.encoder = encoder
        self.masked_lm = MaskedLMHead(
            table.embedding_dim,
            table.num_embeddings,
            tied=table if tied else None,
            activation=activation,
        )
        self.pooler = Pooler(table.embedding_dim)
        self.next_sentence = nn.Linear(table.embedding_dim, 2)
        initialize(self.next_sentence)

    @property
    def vocabulary_size(self) -> int:
        return self.encoder.embeddings.tokens.num_embeddings

    def forward(self, inputs: Inputs, chosen: Tensor) -> tuple[Tensor, Tensor]:
        states = self.encoder(inputs.tokens, inputs.segments, inputs.lengths)
        return self.masked_lm(states[chosen]), self.next_sentence(self.pooler(states))


@dataclass(frozen=True)
class PretrainingScore:
    """在一份句对上的平均损失（自然对数）与精度。"""

    masked_loss: float
    masked_accuracy: float
    next_loss: float
    next_accuracy: float


@dataclass(frozen=True)
class PretrainingRecord:
    """一次预训练的记录：每步的两个损失，隔若干步的验证（第几步 → 成绩），训练的秒数。"""

    masked_loss: tuple[float, ...]
    next_loss: tuple[float, ...]
    val: dict[int, PretrainingScore]
    seconds: float


def hide(inputs: Inputs, masked: Masked) -> Inputs:
    """把 ``inputs`` 的词元换成遮过的。"""
    return Inputs(masked.tokens, inputs.segments, inputs.lengths)


def fit(
    model: Pretraining,
    train: SentencePairs,
    val: SentencePairs,
    *,
    steps: int,
    lr: float,
    batch_size: int = 64,
    mix: Mix = PAPER,
    next_sentence: bool = True,
    warmup: float = 0.1,
    max_norm: float = 1.0,
    probability: float = 0.15,
    every: int | None = None,
    seed: int = 0,
) -> PretrainingRecord:
    """就地预训练 ``steps`` 步，返回记录；模型留在评估状态，用完一轮数据就重新打乱。

    学习率先线性升到 ``lr``，再线性降到 0。

    参数:
        probability, mix: 选多少、选中的怎样换，见 ``mask_tokens``；每次取批都重新选。
        next_sentence: 假时损失里没有下一句那一项。
        warmup: 前多大比例的步数用来预热。
        every: 每这么多步验证一次；不给就只在最后验证。
        seed: 决定样本的次序与遮住哪些；初始化与丢弃法用全局随机数。

    ``steps`` 小于 1 时抛出 ``ValueError``。
    """
    if steps < 1:
        raise ValueError(f"steps 至少是 1，得到 {steps}")
    device = device_of(model)
    optimizer = AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    schedule = LambdaLR(optimizer, lambda step: rise_and_fall(step, steps, warmup))
    random = torch.Generator().manual_seed(seed)
    history: list[Tensor] = []
    scores: dict[int, PretrainingScore] = {}
    seconds, rows = 0.0, torch.arange(0)
    for step in range(1, steps + 1):
        started = time.perf_counter()
        model.train()
        if len(rows) < batch_size:
            rows = torch.randperm(len(train), generator=random)
        batch, rows = train.select(rows[:batch_size]), rows[batch_size:]
        masked = mask_tokens(
            batch.inputs.tokens, model.vocabulary_size, probability=probability, mix=mix, generator=random
        )
        words, following = model(hide(batch.inputs, masked).to(device), masked.chosen.to(device))
        masked_loss = F.cross_entropy(words, masked.answers.to(device))
        next_loss = F.cross_entropy(following, batch.is_next.to(device))
        optimizer.zero_grad()
        (masked_loss + next_loss if next_sentence else masked_loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        schedule.step()
        history.append(torch.stack([masked_loss, next_loss]).detach())
        seconds += time.perf_counter() - started
        if step == steps or (every and step % every == 0):
            scores[step] = evaluate(model, val)
    model.eval()
    first, second = torch.stack(history).T.tolist()
    return PretrainingRecord(tuple(first), tuple(second), scores, seconds)


def rise_and_fall(step: int, steps: int, warmup: float) -> float:
    """第 ``step`` 步（从 0 数起）的学习率是最大值的几倍：线性升到 1，再线性降到 0。"""
    rise = max(1, round(warmup * steps))
    return (step + 1) / rise if step < rise else max(0.0, (steps - step) / max(1, steps - rise))


@torch.no_grad()
def predict(
    model: Pretraining, pairs: SentencePairs, masked: Masked, *, batch_size: int = 256
) -> tuple[Tensor, Tensor]:
    """以评估状态运行，返回 CPU 上的猜词 (M, V) 与下一句 (N, 2) 的 logits；次序同 ``masked.answers``。"""
    device = device_of(model)
    words, following = [], []
    with evaluating(model):
        for rows in torch.arange(len(pairs)).split(batch_size):
            inputs = hide(pairs.inputs, masked).select(rows)
            chosen = masked.chosen[rows, : inputs.tokens.shape[1]]
            a, b = model(inputs.to(device), chosen.to(device))
            words.append(a.cpu())
            following.append(b.cpu())
    return torch.cat(words), torch.cat(following)


def evaluate(
    model: Pretraining, pairs: SentencePairs, *, hidden: Callable[[Tensor], Masked] | None = None
) -> PretrainingScore:
    """返回 ``model`` 在 ``pairs`` 上的成绩。

    参数:
        hidden: 怎样遮住 (N, T) 的词元；不给就是种子固定的 15%，全换成 ``<mask>``，
            所以不同的模型猜的是同样的位置。
    """
    tokens = pairs.inputs.tokens
    masked = hidden(tokens) if hidden else held_out_mask(tokens, model.vocabulary_size)
    words, following = predict(model, pairs, masked)
    answers = masked.answers
    return PretrainingScore(
        F.cross_entropy(words, answers).item(),
        (words.argmax(1) == answers).double().mean().item(),
        F.cross_entropy(following, pairs.is_next).item(),
        (following.argmax(1) == pairs.is_next).double().mean().item(),
    )


def held_out_mask(tokens: Tensor, vocabulary_size: int) -> Masked:
    """评估用的遮法：种子固定，选 15%，全换成 ``<mask>``。"""
    generator: Generator = torch.Generator().manual_seed(0)
    return mask_tokens(tokens, vocabulary_size, mix=(1.0, 0.0, 0.0), generator=generator)
