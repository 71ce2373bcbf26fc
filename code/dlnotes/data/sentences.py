"""中英句子对：4,354 条汉语水平考试（HSK）例句，中文已分好词；去重之后按句子划分。

来源：hsk-sentences-audio 1.0.0，数据的许可是 CC BY-SA 4.0；只读文件，不导入。
"""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlnotes.data.cache import cache_folder
from dlnotes.data.locate import locate, package_folders

FILE = "sentences.json"
SHA256 = "8f8ffd34eee29f395724ce060cad22511eeeabb7af731d5b5879dc0548e01660"
CREDIT = "hsk-sentences-audio 的贡献者，CC BY-SA 4.0"


@dataclass(frozen=True)
class Pair:
    """一句话的两种语言；``chinese`` 与 ``english`` 是词与标点，英文是小写。"""

    chinese: tuple[str, ...]
    english: tuple[str, ...]
    level: int  # HSK 的等级，1 最浅

    @property
    def characters(self) -> tuple[str, ...]:
        """中文逐字分开：词表小得多。"""
        return tuple("".join(self.chinese))


@dataclass(frozen=True)
class Sentences:
    """三份句子对；任何一句中文或英文只出现一次，所以三份之间没有相同的句子。"""

    train: tuple[Pair, ...]
    val: tuple[Pair, ...]
    test: tuple[Pair, ...]


def load(root: Path | None = None, *, val: int = 400, test: int = 400) -> Sentences:
    """读入、去重、打乱（次序固定）、划分；找不到文件时抛出 ``DatasetNotFoundError``。

    参数:
        root: 缓存文件夹；默认见 ``cache_folder``。
        val, test: 验证与测试的句数，其余都用来训练；不是正数或没有剩余时抛出 ``ValueError``。
    """
    pairs = unique(parse(find(root).read_text(encoding="utf-8")))
    if val < 1 or test < 1 or val + test >= len(pairs):
        raise ValueError(f"共 {len(pairs)} 句，分不出验证 {val} 句、测试 {test} 句")
    random.Random(0).shuffle(pairs)
    return Sentences(tuple(pairs[val + test :]), tuple(pairs[:val]), tuple(pairs[val : val + test]))


def parse(content: str) -> list[Pair]:
    """读出 JSON 里的每一句，次序照旧；分词对不上原文时抛出 ``ValueError``。"""
    return [
        Pair(
            _with_punctuation(item["chinese"], [token["word"] for token in item["tokens"]]),
            words(item["translation"]["en"]),
            item["hsk_level"],
        )
        for item in json.loads(content)
    ]


def words(english: str) -> tuple[str, ...]:
    """英文切成小写的词与标点，``don't`` 算一个词。"""
    return tuple(re.findall(r"[a-z0-9]+(?:['’-][a-z0-9]+)*|[^\sa-z0-9]", english.lower()))


def unique(pairs: Sequence[Pair]) -> list[Pair]:
    """中文或英文与前面某一句相同的都去掉：同一句话不会既在训练里又在验证里。"""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for pair in pairs:
        if pair.chinese not in seen and pair.english not in seen:
            kept.append(pair)
        seen |= {pair.chinese, pair.english}
    return kept


def find(root: Path | None = None) -> Path:
    """返回数据文件的位置，内容核对过；来源与错误同 ``load``。"""
    cache = (root or cache_folder()) / "sentences"
    folder = locate(
        "中英句子对",
        {FILE: SHA256},
        cache=cache,
        packages=package_folders("hsk_sentences_audio", "data"),
        ways=(
            "pip install --no-deps hsk-sentences-audio==1.0.0（只用它带的一个文件）",
            f"把 {FILE} 放进 {cache}",
        ),
    )
    return folder / FILE


def _with_punctuation(sentence: str, tokens: list[str]) -> tuple[str, ...]:
    # 分词里没有标点：顺着原文走，把词与词之间的标点逐个补回去。
    result: list[str] = []
    rest = sentence
    for token in tokens:
        before, found, rest = rest.partition(token)
        if not found or any(mark.isalnum() for mark in before):
            raise ValueError(f"分词 {tokens} 对不上原文 {sentence!r}")
        result += [*before.replace(" ", ""), token]
    return (*result, *rest.replace(" ", ""))
