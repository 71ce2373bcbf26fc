"""填空：由两边的词元猜中间的那一个，一次前向猜出每一个位置，而答案不在输入里。

做法同 Melamud et al., "context2vec", CoNLL 2016, §2：第 t 个位置用前向读到 t − 1、反向读到 t + 1 的输出。
要深，就两个方向各叠各的，到最后才拼（ELMo，Peters et al., 2018, §3.1）。每层都拼就漏题：第二层的前向
在 t − 1 处读到第一层的反向，而那里已经看过第 t 个词元。
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from dlnotes.data.text import Batches
from dlnotes.recurrent.bidirectional import Bidirectional
from dlnotes.train import device_of, evaluating


class Cloze(nn.Module):
    """每个位置的词元由别的位置猜；只有前向时就是语言模型，只有反向时是倒着写的语言模型。

    参数:
        reader: 读独热输入的双向层（或它的一个方向）。
        width: ``reader`` 输出的宽度，两个方向是 2H。

    形状:
        tokens: (B, T)，取值 0 到 V−1。
        返回值: (B, T, V)，第 t 个位置的 logits 与 ``tokens[:, t]`` 无关。
    """

    def __init__(self, reader: Bidirectional, vocabulary_size: int, width: int) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.reader = reader
        self.head = nn.Linear(width, vocabulary_size)

    def forward(self, tokens: Tensor) -> Tensor:
        x = F.one_hot(tokens, self.vocabulary_size).to(self.head.weight.dtype)  # (B, T, V)
        directions = self.reader.read(x)
        shifted = []
        if self.reader.ahead is not None:
            shifted.append(F.pad(directions[0], (0, 0, 1, 0))[:, :-1])  # 往右挪一格：只读到 t − 1
        if self.reader.back is not None:
            shifted.append(F.pad(directions[-1], (0, 0, 0, 1))[:, 1:])  # 往左挪一格：只读到 t + 1
        return self.head(torch.cat(shifted, dim=2))


def fit(model: Cloze, train: Batches, *, epochs: int, lr: float, margin: int = 0) -> list[float]:
    """就地训练，返回每一步的损失；每批只用输入，目标就是输入自己。

    参数:
        margin: 每段两头各这么多个位置不算损失，它们的上下文太短。
    """
    device = device_of(model)
    optimizer = Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        for tokens, _ in train:
            tokens = tokens.to(device)
            loss = F.cross_entropy(*_inner(model(tokens), tokens, margin))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.detach())
    return torch.stack(losses).tolist()


@torch.no_grad()
def answers(model: Cloze, data: Batches, *, margin: int) -> tuple[Tensor, Tensor]:
    """返回 ``data`` 里每个要猜的位置的 logits 与答案，在 CPU 上；两头各 ``margin`` 个位置不猜。

    形状:
        返回值: (N, V)，(N,)；同样的 ``data`` 与 ``margin``，不同的模型猜的是同样的位置。
    """
    device = device_of(model)
    with evaluating(model):
        parts = [_inner(model(tokens.to(device)).cpu(), tokens, margin) for tokens, _ in data]
    logits, labels = zip(*parts, strict=True)
    return torch.cat(logits), torch.cat(labels)


def _inner(logits: Tensor, tokens: Tensor, margin: int) -> tuple[Tensor, Tensor]:
    inside = slice(margin, tokens.shape[1] - margin)
    return logits[:, inside].flatten(0, 1), tokens[:, inside].flatten()
