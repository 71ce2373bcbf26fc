"""Fashion-MNIST：70,000 张 28×28 的灰度衣物图，10 类，每类一样多。

论文：Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", arXiv:1708.07747, 2017。
差异：论文只有训练集与测试集；这里从训练集里另取 5,000 张作验证集，测试集只在最后用一次。
"""

import gzip
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.utils.data import TensorDataset
from torchvision import datasets

from dlnotes.data.batch import take
from dlnotes.data.cache import DatasetNotFoundError, cache_folder, filling

CLASSES = ("T恤", "裤子", "套衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴")
VALIDATION_PER_CLASS = 500

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
# 解压后的字节数。大小不对的文件一定不完整，不能信任。
FILES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 28 * 28,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 28 * 28,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}


@dataclass(frozen=True)
class FashionMNIST:
    """三个互不相交的部分，每个都是 ``(images, labels)``。

    形状:
        images: (N, 1, 28, 28)，float32，取值 [0, 1]。
        labels: (N,)，int64，取值 0–9，名字见 ``CLASSES``。
    """

    train: TensorDataset  # 55,000 张
    val: TensorDataset  # 5,000 张，每类 500
    test: TensorDataset  # 10,000 张，每类 1,000

    def take(self, n: int) -> Self:
        """返回训练集只留前 ``n`` 张的一份，验证集与测试集不变；``n`` 越界时抛出 ``ValueError``。"""
        return replace(self, train=take(self.train, n))


def load(root: Path | None = None) -> FashionMNIST:
    """载入全部图片；依次找缓存、Debian 包、网络下载，都没有时抛出 ``DatasetNotFoundError``。

    验证集是训练文件里每一类的最后 500 张：文件的次序本来就是乱的，这样划分不依赖随机数，永远相同。

    参数:
        root: 缓存文件夹；默认见 ``cache_folder``。
    """
    root = root or cache_folder()
    _fetch(root / "FashionMNIST" / "raw")
    images, labels = _tensors(datasets.FashionMNIST(str(root), train=True))
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(len(CLASSES)):
        held_out[(labels == label).nonzero()[-VALIDATION_PER_CLASS:]] = True
    return FashionMNIST(
        train=TensorDataset(images[~held_out], labels[~held_out]),
        val=TensorDataset(images[held_out], labels[held_out]),
        test=TensorDataset(*_tensors(datasets.FashionMNIST(str(root), train=False))),
    )


def _tensors(dataset: datasets.FashionMNIST) -> tuple[Tensor, Tensor]:
    return dataset.data.unsqueeze(1) / 255, dataset.targets


def _fetch(raw: Path) -> None:
    """让四个解压后的文件完整地出现在 ``raw`` 里。"""
    sources: list[tuple[str, Callable[[Path], None]]] = [
        (str(raw), lambda folder: _unpack(raw, folder)),
        (str(DEBIAN_FOLDER), lambda folder: _unpack(DEBIAN_FOLDER, folder)),
        ("torchvision 下载", _download),
    ]
    failures = []
    for name, fill in sources:
        if _complete(raw):
            return
        try:
            with filling(raw) as folder:
                fill(folder)
                if not _complete(folder):
                    raise OSError("文件不完整")
        # 坏的压缩包：EOFError、zlib.error；断网与缺文件：OSError；torchvision 放弃下载：RuntimeError。
        except (OSError, EOFError, zlib.error, RuntimeError) as error:
            failures.append(f"  {name}: {error}")
    if not _complete(raw):
        raise DatasetNotFoundError(
            "找不到 Fashion-MNIST。三种办法，任选其一：\n"
            "  1. Debian、Ubuntu：sudo apt install dataset-fashion-mnist\n"
            "  2. 连上网络再运行一次，由 torchvision 下载（30 MB）\n"
            f"  3. 把四个文件放进 {raw}：\n"
            + "".join(f"       {name}.gz\n" for name in FILES)
            + "试过的地方：\n"
            + "\n".join(failures)
        )


def _complete(folder: Path) -> bool:
    return all((folder / n).is_file() and (folder / n).stat().st_size == size for n, size in FILES.items())


def _unpack(source: Path, folder: Path) -> None:
    for name in FILES:
        with gzip.open(source / f"{name}.gz") as packed, (folder / name).open("wb") as file:
            shutil.copyfileobj(packed, file)


def _download(folder: Path) -> None:
    # torchvision 直接往目标位置解压，所以让它在临时文件夹里做完，再把结果移出来。
    datasets.FashionMNIST(str(folder), download=True)
    for name in FILES:
        (folder / "FashionMNIST" / "raw" / name).rename(folder / name)
