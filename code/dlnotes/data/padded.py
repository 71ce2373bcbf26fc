"""长短不一的句子补齐成小批量：``<pad>``、``<bos>``、``<eos>``，以及每句的有效长度。"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.utils.rnn import pad_sequence

from dlnotes.data.text import UNKNOWN, Vocabulary

RESERVED = ("<pad>", UNKNOWN, "<bos>", "<eos>")
PAD, UNK, BOS, EOS = range(4)


@dataclass(frozen=True)
class Pairs:
    """若干对句子，可以是整份数据，也可以是一批；各句都以 ``<eos>`` 收尾，其后是 ``<pad>``。

    形状:
        source: (N, S)；target: (N, T)。
        source_lengths, target_lengths: (N,)，有效长度，``<eos>`` 算在内。
    """

    source: Tensor
    source_lengths: Tensor
    target: Tensor
    target_lengths: Tensor

    def __len__(self) -> int:
        return len(self.source)

    @property
    def inputs(self) -> Tensor:
        """解码器的输入 (N, T)：正确答案右移一步，以 ``<bos>`` 开头，这就是教师强制。"""
        return torch.cat([torch.full_like(self.target[:, :1], BOS), self.target[:, :-1]], dim=1)

    def select(self, rows: Tensor) -> "Pairs":
        """取出几对，补齐到其中最长的一句为止。"""
        lengths = self.source_lengths[rows], self.target_lengths[rows]
        S, T = (int(length.max()) for length in lengths)
        return Pairs(self.source[rows, :S], lengths[0], self.target[rows, :T], lengths[1])

    def to(self, device: torch.device) -> "Pairs":
        """搬到 ``device`` 上。"""
        parts = self.source, self.source_lengths, self.target, self.target_lengths
        return Pairs(*(part.to(device) for part in parts))

    def batches(self, batch_size: int, *, generator: Generator | None = None) -> Iterator["Pairs"]:
        """一轮的小批量，末一批可以不满；给出 ``generator`` 时打乱次序。"""
        order = torch.arange(len(self))
        if generator:
            order = torch.randperm(len(self), generator=generator)
        return (self.select(rows) for rows in order.split(batch_size))


def pair_up(source: Sequence[Tensor], target: Sequence[Tensor]) -> Pairs:
    """把两边的编号逐句配对：各加上 ``<eos>``，补齐；句数不同时抛出 ``ValueError``。"""
    if len(source) != len(target):
        raise ValueError(f"两边的句数应相同，得到 {len(source)} 与 {len(target)}")
    return Pairs(*pad(source), *pad(target))


def pad(sequences: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """每句加上 ``<eos>``，用 ``<pad>`` 补到一样长；返回 (N, T) 与有效长度 (N,)。

    一句也没有时抛出 ``ValueError``。
    """
    if not sequences:
        raise ValueError("至少要有一句")
    ended = [torch.cat([tokens, tokens.new_tensor([EOS])]) for tokens in sequences]
    tokens = pad_sequence(ended, batch_first=True, padding_value=PAD)
    return tokens, torch.tensor([len(sequence) for sequence in ended])


def strip(tokens: Tensor) -> list[int]:
    """(T,) 的编号从头读到第一个 ``<eos>`` 为止，不含它；没有 ``<eos>`` 就读到第一个 ``<pad>``。"""
    kept: list[int] = []
    for token in tokens.tolist():
        if token in (EOS, PAD):
            break
        kept.append(token)
    return kept


def vocabulary(sentences: Sequence[Sequence[str]], *, min_count: int = 1) -> Vocabulary:
    """由若干句子建词表，最前面是 ``RESERVED`` 的四个。"""
    tokens = (token for sentence in sentences for token in sentence)
    return Vocabulary(tokens, min_count=min_count, reserved=RESERVED)
