"""BLEU：译文里有多少 n 元组也在参考译文里，再罚太短的。

来源：Papineni et al., ACL 2002，§2；``sentence`` 是《动手学深度学习》9.7 节的简化式。
每句只有一句参考译文；词元是什么由调用者定。
"""

import math
from collections import Counter
from collections.abc import Sequence

Tokens = Sequence[str]


def precision(prediction: Tokens, reference: Tokens, n: int) -> tuple[int, int]:
    """返回（匹配的个数，译文 n 元组的个数）；同一个 n 元组至多匹配参考译文里的次数。

    译文不到 n 个词元时是 (0, 0)；``n`` 小于 1 时抛出 ``ValueError``。
    """
    if n < 1:
        raise ValueError(f"n 至少是 1，得到 {n}")
    predicted, wanted = (
        Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
        for tokens in (prediction, reference)
    )
    return (predicted & wanted).total(), predicted.total()


def brevity_penalty(prediction_length: int, reference_length: int) -> float:
    """exp(min(0, 1 − 参考长度 / 译文长度))：译文不短就是 1；空的译文是 0。"""
    if prediction_length == 0:
        return 0.0
    return math.exp(min(0.0, 1 - reference_length / prediction_length))


def sentence(prediction: Tokens, reference: Tokens, k: int = 2) -> float:
    """书上的式子：短句惩罚 × ∏ p_n^(1/2^n)，n 从 1 到 ``k``；取值 [0, 1]。

    译文短到没有 n 元组时 p_n 算 0，所以不会除以 0。权重之和是 1 − 1/2^k，不到 1：数值偏高，
    不能与论文的式子相比。
    """
    value = brevity_penalty(len(prediction), len(reference))
    for n in range(1, k + 1):
        matched, total = precision(prediction, reference, n)
        value *= (matched / total if total else 0.0) ** (0.5**n)
    return value


def corpus(predictions: Sequence[Tokens], references: Sequence[Tokens], max_n: int = 4) -> float:
    """论文的式子：匹配数与总数先在全部句子上相加，再取 p_1 到 p_N 的几何平均；取值 [0, 1]。

    短句惩罚也只算一次，用总长度。某个 p_n 是 0 时，结果是 0。句数不同或没有句子时抛出 ``ValueError``。
    """
    if len(predictions) != len(references) or not predictions:
        raise ValueError(f"两边的句数应相同且不为 0，得到 {len(predictions)} 与 {len(references)}")
    logs = 0.0
    for n in range(1, max_n + 1):
        counts = [precision(p, r, n) for p, r in zip(predictions, references, strict=True)]
        matched, total = (sum(column) for column in zip(*counts, strict=True))
        if matched == 0:
            return 0.0
        logs += math.log(matched / total) / max_n
    penalty = brevity_penalty(sum(map(len, predictions)), sum(map(len, references)))
    return penalty * math.exp(logs)
