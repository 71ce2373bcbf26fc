"""WordPiece：词表里没有的词，从左到右切成词表里有的最长的片段；BERT 的分词。

论文：Devlin et al., NAACL 2019，§3（30,522 个词元的英文词表，全小写）；切法见 Wu et al., 2016，§4.1。
切出来与 ``tokenizers`` 包逐个词元相同（测试在真的影评上核对）。
"""

import unicodedata
from collections.abc import Iterator, Sequence

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
LONGEST = 100  # 比这还长的词不切，直接算 [UNK]


class WordPiece:
    """把文字变成词元的编号，不加 ``[CLS]`` 与 ``[SEP]``。

    参数:
        tokens: 词表，次序就是编号；``##`` 开头的片段只接在别的片段后面。
            没有 ``[UNK]`` 时抛出 ``ValueError``。
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self.index = {token: number for number, token in enumerate(self.tokens)}
        if UNK not in self.index:
            raise ValueError(f"词表里必须有 {UNK}")

    def __len__(self) -> int:
        return len(self.tokens)

    def tokenize(self, text: str) -> list[str]:
        """切成词元，例如 ``unforgettable`` → ``un ##for ##get ##table``。"""
        return [piece for word in words(text) for piece in self.pieces(word)]

    def pieces(self, word: str) -> list[str]:
        """切一个词：每次取词表里有的最长的开头；哪一步切不动，整个词算 ``[UNK]``。"""
        found: list[str] = []
        start = 0
        while start < len(word) <= LONGEST:
            mark = "##" if start else ""
            ends = (end for end in range(len(word), start, -1) if mark + word[start:end] in self.index)
            if not (end := next(ends, 0)):
                return [UNK]
            found.append(mark + word[start:end])
            start = end
        return found or [UNK]

    def encode(self, text: str) -> list[int]:
        """文字的编号。"""
        return [self.index[token] for token in self.tokenize(text)]

    def decode(self, ids: Sequence[int]) -> str:
        """编号连成文字，片段接回词里；大小写与空格回不来。"""
        return " ".join(self.tokens[number] for number in ids).replace(" ##", "")


def words(text: str) -> Iterator[str]:
    """小写，去掉重音与控制字符，按空白分开；标点与汉字各自成词。"""
    lowered = unicodedata.normalize("NFD", "".join(map(_plain, text))).lower()
    spaced = (f" {c} " if _alone(c) else c for c in lowered if unicodedata.category(c) != "Mn")
    yield from "".join(spaced).split()


def _plain(char: str) -> str:
    if char.isspace():
        return " "
    return "" if char == "\ufffd" or unicodedata.category(char)[0] == "C" else char


def _alone(char: str) -> bool:
    code = ord(char)
    symbol = 33 <= code < 127 and not char.isalnum()  # ASCII 的符号，如 $，都当作标点
    ideograph = 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF
    return symbol or ideograph or unicodedata.category(char)[0] == "P"
