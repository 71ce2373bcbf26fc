"""The data set: what it holds, and what happens where it is missing or broken."""

import gzip
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

from dlnotes.data import fashion_mnist
from dlnotes.data.batch import batches, take
from dlnotes.data.cache import DatasetNotFoundError, cache_folder, filling


def test_parts_have_their_sizes_types_and_ranges(fashion):
    for part, size in ((fashion.train, 55_000), (fashion.val, 5_000), (fashion.test, 10_000)):
        images, labels = part.tensors
        assert images.shape == (size, 1, 28, 28)
        assert images.dtype == torch.float32
        assert (images.min(), images.max()) == (0, 1)
        assert labels.shape == (size,)
        assert labels.dtype == torch.int64


def test_classes_are_balanced_in_every_part(fashion):
    assert len(fashion_mnist.CLASSES) == 10
    for part, per_class in ((fashion.train, 5_500), (fashion.val, 500), (fashion.test, 1_000)):
        assert part.tensors[1].bincount().tolist() == [per_class] * 10


def test_mean_and_deviation_are_the_known_ones(fashion):
    pixels = torch.cat([fashion.train.tensors[0], fashion.val.tensors[0]]).double()
    assert pixels.mean().item() == pytest.approx(0.28604, abs=5e-6)
    assert pixels.std().item() == pytest.approx(0.35302, abs=5e-6)


def test_take_shortens_the_training_part_only(fashion):
    small = fashion.take(100)
    assert (len(small.train), len(small.val), len(small.test)) == (100, 5_000, 10_000)
    assert torch.equal(small.train.tensors[0], fashion.train.tensors[0][:100])
    with pytest.raises(ValueError, match="1 到 55000"):
        fashion.take(0)


def test_cache_folder_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DLNOTES_DATA", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("DLNOTES_DATA")
    assert cache_folder() == Path("~/.cache/dlnotes").expanduser()


def test_missing_data_says_how_to_get_it(monkeypatch, tmp_path):
    offline(monkeypatch, tmp_path)
    with pytest.raises(DatasetNotFoundError) as caught:
        fashion_mnist.load(tmp_path / "cache")
    message = str(caught.value)
    assert "apt install dataset-fashion-mnist" in message
    assert "网络" in message
    assert str(tmp_path / "cache" / "FashionMNIST" / "raw") in message
    assert all(f"{name}.gz" in message for name in fashion_mnist.FILES)
    assert "no route to host" in message


def test_packed_files_put_into_the_cache_are_used(monkeypatch, tmp_path):
    offline(monkeypatch, tmp_path)
    raw = tiny_archive(monkeypatch, tmp_path)
    fashion_mnist._fetch(raw)
    assert fashion_mnist._complete(raw)


def test_the_debian_package_comes_before_the_network(monkeypatch, tmp_path):
    offline(monkeypatch, tmp_path)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tiny_archive(monkeypatch, tmp_path))
    fashion_mnist._fetch(tmp_path / "cache")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted(fashion_mnist.FILES)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_download_counts_only_when_it_is_whole(monkeypatch, tmp_path, missing):
    offline(monkeypatch, tmp_path)
    tiny_archive(monkeypatch, tmp_path)

    def download(root: str, download: bool) -> None:
        raw = Path(root, "FashionMNIST", "raw")
        raw.mkdir(parents=True)
        for name in fashion_mnist.FILES:
            (raw / name).write_bytes(bytes(64 - missing))

    monkeypatch.setattr(fashion_mnist.datasets, "FashionMNIST", download)
    cache = tmp_path / "cache"
    if missing:
        with pytest.raises(DatasetNotFoundError, match="文件不完整"):
            fashion_mnist._fetch(cache)
        assert list(cache.iterdir()) == []
    else:
        fashion_mnist._fetch(cache)
        assert fashion_mnist._complete(cache)


def test_half_written_file_in_the_cache_is_replaced(monkeypatch, tmp_path):
    offline(monkeypatch, tmp_path)
    raw = tiny_archive(monkeypatch, tmp_path)
    name = next(iter(fashion_mnist.FILES))
    (raw / name).write_bytes(b"half")
    fashion_mnist._fetch(raw)
    assert (raw / name).stat().st_size == fashion_mnist.FILES[name]


@pytest.mark.parametrize("damage", [slice(0, -9), slice(5, None)], ids=["cut short", "no gzip"])
def test_damaged_archive_leaves_nothing_behind(monkeypatch, tmp_path, damage):
    offline(monkeypatch, tmp_path)
    raw = tiny_archive(monkeypatch, tmp_path)
    last = raw / f"{list(fashion_mnist.FILES)[-1]}.gz"
    last.write_bytes(last.read_bytes()[damage])
    with pytest.raises(DatasetNotFoundError, match="试过的地方"):
        fashion_mnist._fetch(raw)
    assert sorted(path.name for path in raw.iterdir()) == sorted(f"{n}.gz" for n in fashion_mnist.FILES)


def test_an_interrupted_filling_changes_nothing(tmp_path):
    def write_half() -> None:
        with filling(tmp_path) as workspace:
            (workspace / "data").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Debian package and no network."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "no-package")
    monkeypatch.setattr(fashion_mnist.datasets, "FashionMNIST", fail)


def tiny_archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder with four small packed files that pass for the data set."""
    monkeypatch.setattr(fashion_mnist, "FILES", dict.fromkeys(fashion_mnist.FILES, 64))
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in fashion_mnist.FILES:
        (raw / f"{name}.gz").write_bytes(gzip.compress(bytes(64)))
    return raw


@pytest.fixture
def numbers() -> TensorDataset:
    return TensorDataset(torch.arange(10), torch.arange(10) * 2)


def test_batches_cover_everything_once_and_in_order(numbers):
    pieces = list(batches(numbers, 4))
    assert [len(x) for x, _ in pieces] == [4, 4, 2]
    assert torch.cat([x for x, _ in pieces]).tolist() == list(range(10))
    assert all(torch.equal(y, 2 * x) for x, y in pieces)


def test_shuffling_is_anew_each_round_and_repeatable(numbers):
    def rounds(seed: int) -> list[list[int]]:
        loader = batches(numbers, 4, shuffle=True, generator=torch.Generator().manual_seed(seed))
        return [torch.cat([x for x, _ in loader]).tolist() for _ in range(2)]

    first, second = rounds(0)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert rounds(0) == [first, second]
    assert rounds(1) != [first, second]


def test_batches_leave_the_global_generator_alone(numbers):
    before = torch.get_rng_state()
    list(batches(numbers, 4, shuffle=True, generator=torch.Generator()))
    assert torch.equal(before, torch.get_rng_state())


def test_take_keeps_inputs_and_labels_together(numbers):
    assert take(numbers, 3)[:][1].tolist() == [0, 2, 4]
