"""句对：一半是同一篇里真正相邻的两句，一半的乙句来自别的一篇；下一句预测（NSP）的数据。

论文：Devlin et al., NAACL 2019，§3.1“Next Sentence Prediction”。
差异：乙句一定来自别的一篇，所以不会碰巧就是真的下一句；一“句”是标点之间的一段。
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from dlnotes.attention.inputs import Inputs, pack
from dlnotes.attention.masking import CLS, PAD, SEP
from dlnotes.data.text import Vocabulary

CLAUSE = re.compile(r"[\u4e00-\u9fffa-z0-9]+")


@dataclass(frozen=True)
class SentencePairs:
    """句对与答案。

    形状:
        inputs: N 对；is_next: (N,)，1 是真的下一句，0 不是。
    """

    inputs: Inputs
    is_next: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, rows: Tensor) -> "SentencePairs":
        return SentencePairs(self.inputs.select(rows), self.is_next[rows])


def clauses(text: str) -> list[str]:
    """标点与空白之间的各段，字母小写；标点丢掉。"""
    return CLAUSE.findall(text.lower())


def neighbours(
    documents: Sequence[Sequence[str]], *, shortest: int = 4, longest: int = 14
) -> list[tuple[int, int]]:
    """全部（第几篇，甲句是第几句），甲乙两句都长 ``shortest`` 到 ``longest`` 个字。"""
    fit = [[shortest <= len(clause) <= longest for clause in document] for document in documents]
    return [(d, i) for d, row in enumerate(fit) for i in range(len(row) - 1) if row[i] and row[i + 1]]


def pair_up(
    documents: Sequence[Sequence[str]],
    vocabulary: Vocabulary,
    *,
    shortest: int = 4,
    longest: int = 14,
    generator: Generator | None = None,
) -> SentencePairs:
    """每一对相邻的句子用一次，次序打乱；其中随机的一半，乙句换成别的一篇里某一对的乙句。

    相邻的句对不出自至少两篇时，换不出负例，抛出 ``ValueError``。
    """
    found = neighbours(documents, shortest=shortest, longest=longest)
    if len({d for d, _ in found}) < 2:
        raise ValueError("至少要有两篇含有相邻的句子，才换得出负例")
    order = torch.randperm(len(found), generator=generator).tolist()
    real = torch.rand(len(found), generator=generator) < 0.5
    first, second = [], []
    for k, keep in zip(order, real.tolist(), strict=True):
        d, i = found[k]
        other, j = found[k] if keep else _elsewhere(found, d, generator)
        first.append(vocabulary.encode(documents[d][i]).tolist())
        second.append(vocabulary.encode(documents[other][j + 1]).tolist())
    return SentencePairs(pack(first, second, cls=CLS, sep=SEP, pad=PAD), real.long())


def _elsewhere(
    found: Sequence[tuple[int, int]], document: int, generator: Generator | None
) -> tuple[int, int]:
    while True:  # 再抽一次，直到不是同一篇
        k = int(torch.randint(len(found), (), generator=generator))
        if found[k][0] != document:
            return found[k]
