"""手写数字：1,797 张 8×8 的灰度图，10 类；UCI 的 Optical Recognition of Handwritten Digits 的测试部分。

来源：Alpaydin, Kaynak, UCI Machine Learning Repository, 1998；scikit-learn 的安装包带着它，只读文件。
"""

import gzip
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import TensorDataset

from dlnotes.data.cache import cache_folder
from dlnotes.data.locate import locate, package_folders

FILE = "digits.csv.gz"
SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
URL = "https://raw.githubusercontent.com/scikit-learn/scikit-learn/1.9.1/sklearn/datasets/data/" + FILE


def load(root: Path | None = None) -> TensorDataset:
    """读入全部图片；依次找缓存、pip 包、网络下载，都没有时抛出 ``DatasetNotFoundError``。

    参数:
        root: 缓存文件夹；默认见 ``cache_folder``。

    形状:
        图: (1797, 1, 8, 8)，float32，取值 [0, 1]；标签: (1797,)，int64，取值 0–9。
    """
    with gzip.open(find(root), "rt") as file:
        table = torch.from_numpy(np.loadtxt(file, delimiter=","))  # 每行 64 个像素与一个标签
    images = table[:, :-1].float().view(-1, 1, 8, 8) / 16  # 原来是 0–16
    return TensorDataset(images, table[:, -1].long())


def find(root: Path | None = None) -> Path:
    """返回数据文件的位置，内容核对过；来源与错误同 ``load``。"""
    cache = (root or cache_folder()) / "digits"
    folder = locate(
        "手写数字",
        {FILE: SHA256},
        cache=cache,
        packages=package_folders("sklearn", "datasets/data"),
        urls=[URL],
        ways=(
            "pip install --no-deps scikit-learn==1.9.1（只用它带的一个文件）",
            "连上网络再运行一次，自动下载（57 kB）",
            f"把 {FILE} 放进 {cache}",
        ),
    )
    return folder / FILE
