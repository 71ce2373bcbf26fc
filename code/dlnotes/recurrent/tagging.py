"""序列标注：给每个字一个标签；这里用来分词，标签是 B（词首）、M（词中）、E（词尾）、S（单字词）。

把分词当作逐字标注，来自 Xue, "Chinese Word Segmentation as Character Tagging", IJCLCLP 8(1), 2003；
双向的网络用于标注，见 Graves, Schmidhuber, Neural Networks 18, 2005。
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.optim import Adam

from dlnotes.data.text import UNKNOWN, Vocabulary
from dlnotes.recurrent.bidirectional import Bidirectional
from dlnotes.train import device_of, evaluating

TAGS = "BMES"
PAD = 0  # 填充的词元；词表的第 0 个
IGNORED = -100  # 填充处的标签，``F.cross_entropy`` 默认不计


def tags_of(words: Iterable[str]) -> str:
    """词 → 每个字一个标签，如 ``["我们", "在"]`` → ``"BES"``。"""
    return "".join("S" if len(word) == 1 else "B" + "M" * (len(word) - 2) + "E" for word in words)


def words_of(characters: Sequence[str], tags: str) -> list[str]:
    """标签 → 词；不合法的标签也能读：遇到 B、S，或前一个是 E、S，就另起一词。

    长度不同时抛出 ``ValueError``。
    """
    words: list[str] = []
    before = "S"
    for character, tag in zip(characters, tags, strict=True):
        if tag in "BS" or before in "ES":
            words.append(character)
        else:
            words[-1] += character
        before = tag
    return words


def longest_match(characters: Sequence[str], dictionary: Collection[str], longest: int = 4) -> list[str]:
    """查词典分词：从左到右，每次取词典里最长的词，没有就取一个字；不用学习的老办法。"""
    text, words = "".join(characters), []
    while text:
        size = next((n for n in range(longest, 1, -1) if text[:n] in dictionary), 1)
        words.append(text[:size])
        text = text[size:]
    return words


@dataclass(frozen=True)
class Score:
    """分词的好坏：词的起止都对才算对；标点不算词。"""

    precision: float
    recall: float
    f1: float


def score(gold: Iterable[Sequence[str]], guessed: Iterable[Sequence[str]]) -> Score:
    """逐句比较两种分词；同一句的字不同时抛出 ``ValueError``。"""
    right = given = wanted = 0
    for one, other in zip(gold, guessed, strict=True):
        if "".join(one) != "".join(other):
            raise ValueError(f"不是同一句话：{''.join(one)!r} 与 {''.join(other)!r}")
        a, b = _spans(one), _spans(other)
        right, wanted, given = right + len(a & b), wanted + len(a), given + len(b)
    return Score(right / max(given, 1), right / max(wanted, 1), 2 * right / max(given + wanted, 1))


def _spans(words: Iterable[str]) -> set[tuple[int, int]]:
    spans, start = set(), 0
    for word in words:
        if any(character.isalnum() for character in word):
            spans.add((start, start + len(word)))
        start += len(word)
    return spans


def vocabulary_of(sentences: Iterable[Sequence[str]]) -> Vocabulary:
    """返回字的词表，第 0 个是填充；只出现一次的字算 ``<unk>``，它才有机会被训练。"""
    characters = (c for words in sentences for c in "".join(words))
    return Vocabulary(characters, min_count=2, reserved=("<pad>", UNKNOWN))


def encode(sentences: Sequence[Sequence[str]], vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """把分好词的句子变成填齐的编号与标签；填充在右边，分别是 ``PAD`` 与 ``IGNORED``。

    形状:
        返回值: 两个 (N, T)，T 是最长的句子的字数。
    """
    tokens = [vocabulary.encode("".join(words)) for words in sentences]
    tags = [torch.tensor([TAGS.index(tag) for tag in tags_of(words)]) for words in sentences]
    return (
        pad_sequence(tokens, batch_first=True, padding_value=PAD),
        pad_sequence(tags, batch_first=True, padding_value=IGNORED),
    )


class Tagger(nn.Module):
    """字 → 嵌入 → 双向层（或它的一个方向）→ 每个字的标签 logits。

    参数:
        reader: 输入宽 ``embedding``，输出宽 ``width``。
        delay: 第 t 个字的标签等读到第 t + ``delay`` 个字再给；单向的也就看得见后面几个字。

    形状:
        tokens: (B, T)，填充是 ``PAD``，在右边。
        返回值: (B, T, 4)。
    """

    def __init__(
        self,
        reader: Bidirectional,
        vocabulary_size: int,
        embedding: int,
        width: int,
        *,
        delay: int = 0,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.dropout = nn.Dropout(dropout)
        self.reader = reader
        self.head = nn.Linear(width, len(TAGS))
        self.delay = delay

    def forward(self, tokens: Tensor) -> Tensor:
        lengths = (tokens != PAD).sum(dim=1) + self.delay
        tokens = F.pad(tokens, (0, self.delay), value=PAD)  # 句末再等几步，读到的是填充
        outputs, _ = self.reader(self.dropout(self.embedding(tokens)), lengths)
        return self.head(self.dropout(self.merge(outputs[:, self.delay :])))

    def merge(self, outputs: Tensor) -> Tensor:
        """两个方向怎样合成一个：已经拼接好了，原样返回；别的办法由子类给出。"""
        return outputs


def fit(
    model: Tagger,
    tokens: Tensor,
    tags: Tensor,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 64,
    seed: int = 0,
) -> list[float]:
    """就地训练，返回每一步的损失；``seed`` 决定句子的次序。"""
    device = device_of(model)
    optimizer = Adam(model.parameters(), lr=lr)
    order = Generator().manual_seed(seed)
    losses = []
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(tokens), generator=order).split(batch_size):
            logits = model(tokens[rows].to(device))
            loss = F.cross_entropy(logits.flatten(0, 1), tags[rows].to(device).flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.detach())
    return torch.stack(losses).tolist()


@torch.no_grad()
def predict(model: Tagger, tokens: Tensor) -> list[str]:
    """返回每句的标签，长度是它的有效长度；以评估状态运行，事后恢复。"""
    with evaluating(model):
        best = model(tokens.to(device_of(model))).argmax(dim=2).cpu()
    lengths = (tokens != PAD).sum(dim=1).tolist()
    return ["".join(TAGS[k] for k in row[:n]) for row, n in zip(best.tolist(), lengths, strict=True)]
