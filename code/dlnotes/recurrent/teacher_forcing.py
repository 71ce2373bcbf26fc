"""seq2seq 的训练：教师强制，损失不算填充，按词元平均一次。"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from dlnotes.data.padded import Pairs
from dlnotes.recurrent.seq2seq import Seq2Seq
from dlnotes.train import device_of, evaluating


def mask(lengths: Tensor, steps: int) -> Tensor:
    """(B,) 的有效长度 → (B, ``steps``) 的布尔值，有效处为真。"""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def masked_losses(logits: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """逐个词元的交叉熵 (B, T)，有效长度以外是 0；和除以 ``lengths.sum()`` 才是平均。

    形状:
        logits: (B, T, V)；targets: (B, T)；lengths: (B,)。
    """
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")  # 类别须在第 1 维
    return losses * mask(lengths, targets.shape[1])


def batch_loss(model: Seq2Seq, batch: Pairs) -> tuple[Tensor, Tensor]:
    """教师强制地走一批，返回损失之和与词元数，都是标量。"""
    logits = model(batch.source, batch.source_lengths, batch.inputs)
    losses = masked_losses(logits, batch.target, batch.target_lengths)
    return losses.sum(), batch.target_lengths.sum()


@dataclass(frozen=True)
class Record:
    """每轮一个数：训练（边学边记）与验证（轮末测）的每词元交叉熵，训练用的秒数。"""

    train: tuple[float, ...]
    val: tuple[float, ...]
    seconds: tuple[float, ...]


def fit(
    model: Seq2Seq,
    train: Pairs,
    val: Pairs,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 64,
    seed: int = 0,
    max_norm: float = 1.0,
    on_epoch: Callable[[Seq2Seq, int], None] | None = None,
) -> Record:
    """用 Adam 就地训练；``seed`` 决定次序，``on_epoch`` 每轮之后以 ``(model, epoch)`` 调用。

    ``epochs`` 小于 1 时抛出 ``ValueError``。
    """
    if epochs < 1:
        raise ValueError(f"epochs 至少是 1，得到 {epochs}")
    device = device_of(model)
    updater = Adam(model.parameters(), lr=lr)
    order = torch.Generator().manual_seed(seed)
    rounds: list[tuple[float, float, float]] = []
    for epoch in range(1, epochs + 1):
        started, total, count = time.perf_counter(), 0.0, 0
        model.train()
        for batch in train.batches(batch_size, generator=order):
            loss, tokens = batch_loss(model, batch.to(device))
            updater.zero_grad()
            (loss / tokens).backward()  # 只除这一次
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            updater.step()
            total, count = total + loss.item(), count + int(tokens)
        seconds = time.perf_counter() - started
        rounds.append((total / count, evaluate(model, val), seconds))
        if on_epoch:
            on_epoch(model, epoch)
    return Record(*zip(*rounds, strict=True))


@torch.no_grad()
def evaluate(model: Seq2Seq, pairs: Pairs, *, batch_size: int = 200) -> float:
    """``pairs`` 上平均每个词元的交叉熵（教师强制）；以评估状态运行，事后恢复。"""
    device = device_of(model)
    with evaluating(model):
        sums = [batch_loss(model, batch.to(device)) for batch in pairs.batches(batch_size)]
    losses, counts = zip(*sums, strict=True)
    return (sum(losses) / sum(counts)).item()
