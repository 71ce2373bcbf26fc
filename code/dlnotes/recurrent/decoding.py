"""解码：没有正确答案可抄时，怎样由每一步的分布得到一句话。

束搜索的长度惩罚：得分 = 对数概率 / 词元数^α（Wu et al., 2016，§7 的简化；α = 0 是不惩罚）。
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dlnotes.data.padded import BOS, EOS, PAD, UNK, strip
from dlnotes.recurrent.seq2seq import Seq2Seq, State
from dlnotes.train import device_of, evaluating

# 一步：上一个词元 (R,) 与状态 → 对数概率 (R, V) 与新的状态。
Step = Callable[[Tensor, Any], tuple[Tensor, Any]]
BANNED = (PAD, UNK, BOS)  # 译文里不该有的词元


@dataclass(frozen=True)
class Hypothesis:
    """一个候选译文；``tokens`` 连同收尾的 ``<eos>``（走到最大长度还没有收尾的就没有）。"""

    tokens: tuple[int, ...]
    log_probability: float
    score: float


def next_tokens(model: Seq2Seq, banned: Sequence[int] = BANNED) -> Step:
    """模型走一步；``banned`` 里的词元概率置 0，其余按比例放大。"""
    device = device_of(model)
    never = torch.tensor(banned, device=device)

    def step(tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        logits, state = model.decoder(tokens[:, None].to(device), state)
        logits = logits[:, 0].index_fill(1, never, -torch.inf)
        return logits.log_softmax(dim=1), state

    return step


@torch.no_grad()
def greedy(
    model: Seq2Seq,
    source: Tensor,
    lengths: Tensor,
    max_length: int,
    *,
    banned: Sequence[int] = BANNED,
) -> list[list[int]]:
    """每一步取概率最大的词元；返回每句的编号，不含 ``<eos>``，至多 ``max_length`` 个。

    形状:
        source: (B, S)；lengths: (B,)。
    """
    device = device_of(model)
    with evaluating(model):
        state = model.start(source.to(device), lengths.to(device))
        step = next_tokens(model, banned)
        tokens = torch.full((len(source),), BOS, device=device)
        ended = torch.zeros(len(source), dtype=torch.bool, device=device)
        columns: list[Tensor] = []
        for _ in range(max_length):
            log_probabilities, state = step(tokens, state)
            tokens = log_probabilities.argmax(dim=1)
            columns.append(tokens.masked_fill(ended, PAD))
            ended = ended | (tokens == EOS)
            if ended.all():
                break
    return [strip(row) for row in torch.stack(columns, dim=1).cpu()]


def search(step: Step, state: State, width: int, max_length: int, *, alpha: float = 0.75) -> list[Hypothesis]:
    """束搜索：每一步从全部后续里留下 ``width`` 个；收尾的移出，其余继续；按得分从高到低返回。

    参数:
        state: 一行的初始状态。
        width: 1 就是贪心；不小于 V 的 T 次方时没有可丢的，就是穷举。

    ``width`` 或 ``max_length`` 小于 1 时抛出 ``ValueError``。
    """
    if width < 1 or max_length < 1:
        raise ValueError(f"width 与 max_length 至少是 1，得到 {width} 与 {max_length}")
    alive: list[tuple[int, ...]] = [()]
    totals = torch.zeros(1)
    last = torch.tensor([BOS])
    finished: list[Hypothesis] = []
    for length in range(1, max_length + 1):
        log_probabilities, state = step(last, state)  # (R, V)
        candidates = totals[:, None] + log_probabilities.cpu()
        possible = int(candidates.isfinite().sum())
        best, numbers = candidates.flatten().topk(min(width, possible))
        beams, tokens = numbers // candidates.shape[1], numbers % candidates.shape[1]
        grown = [(*alive[beam], token) for beam, token in zip(beams.tolist(), tokens.tolist(), strict=True)]
        done = (tokens == EOS) | (length == max_length)
        finished += [
            Hypothesis(grown[i], best[i].item(), best[i].item() / length**alpha)
            for i in done.nonzero().flatten().tolist()
        ]
        kept = (~done).nonzero().flatten()
        if len(kept) == 0:
            break
        alive, totals = [grown[i] for i in kept.tolist()], best[kept]
        last, state = tokens[kept], state.select(beams[kept])
    return sorted(finished, key=lambda hypothesis: -hypothesis.score)


@torch.no_grad()
def beam(
    model: Seq2Seq,
    source: Tensor,
    width: int,
    max_length: int,
    *,
    alpha: float = 0.75,
    banned: Sequence[int] = BANNED,
) -> list[Hypothesis]:
    """对一句 (S,) 的原文（连同 ``<eos>``，没有填充）做束搜索；其余同 ``search``。"""
    device = device_of(model)
    with evaluating(model):
        state = model.start(source[None].to(device), torch.tensor([len(source)], device=device))
        return search(next_tokens(model, banned), state, width, max_length, alpha=alpha)
