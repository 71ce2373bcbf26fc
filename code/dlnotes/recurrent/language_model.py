"""语言模型：由前面的词元给出下一个词元的分布；训练、困惑度、生成。

核心可以是任何循环层：``nn.RNN``、``nn.GRU``、``nn.LSTM``（``batch_first=True``，几层都行），
或 ``Unrolled(单元)``。困惑度是 exp(平均每个词元的交叉熵)。
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from dlnotes.data.text import Batches
from dlnotes.recurrent.rnn import State
from dlnotes.train import device_of, evaluating


class LanguageModel(nn.Module):
    """词元 → 独热或嵌入 → 循环的核心 → 线性层 → 下一个词元的 logits。

    参数:
        core: 以 ``core(x, state)`` 调用的循环层，输入 (B, T, D)，返回 (B, T, ``hidden``) 与状态。
        vocabulary_size: 词表大小 V。
        hidden: 核心输出的宽度；双向的是每个方向的两倍。
        embedding: 给出时，词元先变成这么宽的嵌入，D = ``embedding``；不给就是独热，D = V。
        dropout: 核心的输出上丢弃的比例。

    ``core.batch_first`` 不是 True 时抛出 ``ValueError``：那样的层会把时间当作批量，不报错却全错。

    形状:
        tokens: (B, T)，取值 0 到 V−1。
        返回值: logits (B, T, V)，核心最后的状态。
    """

    def __init__(
        self,
        core: nn.Module,
        vocabulary_size: int,
        hidden: int,
        embedding: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if getattr(core, "batch_first", None) is not True:
            raise ValueError("核心的 batch_first 应是 True：输入是 (B, T, D)")
        self.vocabulary_size = vocabulary_size
        self.embedding = nn.Embedding(vocabulary_size, embedding) if embedding else None
        self.core = core
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, vocabulary_size)

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if self.embedding is None:
            x = F.one_hot(tokens, self.vocabulary_size).to(self.head.weight.dtype)  # (B, T, V)
        else:
            x = self.embedding(tokens)  # (B, T, D)
        outputs, state = self.core(x, state)
        return self.head(self.dropout(outputs)), state


@dataclass(frozen=True)
class Record:
    """一次训练的记录：每轮一个困惑度，每步一个损失与一个梯度范数（裁剪之前的）。

    训练困惑度是这一轮里边学边记的；验证困惑度在轮末测得。``seconds`` 只算训练。
    """

    train: tuple[float, ...]
    val: tuple[float, ...]
    step_loss: tuple[float, ...]
    step_norm: tuple[float, ...]
    seconds: tuple[float, ...]


def fit(
    model: LanguageModel,
    train: Batches,
    val: Batches,
    *,
    epochs: int,
    lr: float,
    optimizer: Callable[..., Optimizer] = Adam,
    max_norm: float | None = 1.0,
    on_epoch: Callable[[LanguageModel, int], None] | None = None,
) -> Record:
    """就地训练 ``model``，每轮在 ``val`` 上测一次困惑度；模型与每一批都在模型所在的设备上。

    ``train.carry`` 为真时，状态传给下一批，但先从计算图上截下来（截断的反向传播）；
    为假时每批都从初始状态开始。

    参数:
        optimizer: 以 ``optimizer(parameters, lr=lr)`` 调用。
        max_norm: 梯度范数超过它时按比例缩到它；None 是不裁剪。
        on_epoch: 每轮之后以 ``on_epoch(model, epoch)`` 调用，``epoch`` 从 1 数起。

    ``epochs`` 小于 1 时抛出 ``ValueError``。
    """
    if epochs < 1:
        raise ValueError(f"epochs 至少是 1，得到 {epochs}")
    device = device_of(model)
    updater = optimizer(model.parameters(), lr=lr)
    losses: list[Tensor] = []
    norms: list[Tensor] = []
    rounds: list[tuple[float, float, float]] = []
    for epoch in range(1, epochs + 1):
        started, first = time.perf_counter(), len(losses)
        model.train()
        state: State | None = None
        for inputs, targets in train:
            logits, state = model(inputs.to(device), state)
            state = detach(state) if train.carry else None
            loss = F.cross_entropy(logits.flatten(0, 1), targets.to(device).flatten())
            updater.zero_grad()
            loss.backward()
            # 上限是无穷大时只量范数，不裁剪。
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), max_norm or math.inf))
            updater.step()
            losses.append(loss.detach())
        train_loss = torch.stack(losses[first:]).mean().exp().item()
        seconds = time.perf_counter() - started
        rounds.append((train_loss, perplexity(model, val), seconds))
        if on_epoch:
            on_epoch(model, epoch)
    return Record(
        train=tuple(train_perplexity for train_perplexity, _, _ in rounds),
        val=tuple(val_perplexity for _, val_perplexity, _ in rounds),
        step_loss=tuple(torch.stack(losses).tolist()),
        step_norm=tuple(torch.stack(norms).tolist()),
        seconds=tuple(seconds for _, _, seconds in rounds),
    )


@torch.no_grad()
def perplexity(model: LanguageModel, batches: Batches) -> float:
    """返回 ``model`` 在 ``batches`` 的全部目标上的困惑度；以评估状态运行，事后恢复。"""
    device = device_of(model)
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    state: State | None = None
    with evaluating(model):
        for inputs, targets in batches:
            logits, state = model(inputs.to(device), state if batches.carry else None)
            total += F.cross_entropy(
                logits.flatten(0, 1), targets.to(device).flatten(), reduction="sum"
            ).cpu()
            count += targets.numel()
    return (total / count).exp().item()


def detach(state: State) -> State:
    """返回数值相同、但不连着计算图的状态；元组里的每一个都截下来。"""
    if isinstance(state, Tensor):
        return state.detach()
    return tuple(detach(part) for part in state)


@torch.no_grad()
def generate(
    model: LanguageModel,
    prefix: Tensor,
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    banned: Sequence[int] = (),
    generator: Generator | None = None,
) -> Tensor:
    """读完 ``prefix`` 之后，一个接一个地抽出 ``length`` 个词元；参数的含义与错误见 ``sample``。

    形状:
        prefix: (P,)，P ≥ 1，用来预热状态；空的抛出 ``ValueError``。
        返回值: (P + ``length``,)，在 CPU 上，开头就是 ``prefix``。
    """
    if len(prefix) == 0:
        raise ValueError("prefix 至少要有一个词元，第一步才有输入")
    device = device_of(model)
    tokens = [prefix.cpu()]
    state: State | None = None
    with evaluating(model):
        inputs = prefix
        for _ in range(length):
            logits, state = model(inputs.to(device)[None], state)  # (1, T, V)
            last = logits[0, -1].cpu().clone()
            last[list(banned)] = -torch.inf
            inputs = sample(last, temperature=temperature, top_k=top_k, generator=generator)[None]
            tokens.append(inputs)
    return torch.cat(tokens)


def sample(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """由 (V,) 的 logits 抽一个词元，返回标量的编号。

    参数:
        temperature: logits 先除以它：小于 1 更保守，大于 1 更散；0 是总取最大的（贪心）。
        top_k: 只在最大的这么多个里抽；不给就不限。

    ``temperature`` 是负数，或 ``top_k`` 小于 1 时抛出 ``ValueError``。
    """
    if temperature < 0 or (top_k is not None and top_k < 1):
        raise ValueError(f"temperature ≥ 0 且 top_k ≥ 1，得到 {temperature} 与 {top_k}")
    if temperature == 0:
        return logits.argmax()
    kept, numbers = logits.topk(min(top_k or len(logits), len(logits)))
    chosen = torch.multinomial((kept / temperature).softmax(dim=0), 1, generator=generator)
    return numbers[chosen[0]]
