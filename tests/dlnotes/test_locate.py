"""Looking for data: the cache, the packages and the network in turn, and only what is whole."""

import hashlib
from pathlib import Path

import pytest

from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.data.locate import locate, package_folders

WHOLE = {"a.csv": b"x,y\n1,2\n", "b.bin": b"\x00\r\n\x01"}
FILES = {name: hashlib.sha256(content).hexdigest() for name, content in WHOLE.items()}
URLS = [f"https://example.org/{name}" for name in WHOLE]


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def package(tmp_path) -> Path:
    return fill(tmp_path / "package", WHOLE)


def find(cache: Path, *packages: Path, urls: list[str] = URLS) -> Path:
    return locate("数据", FILES, cache=cache, packages=packages, urls=urls, ways=("装包", "联网"))


def test_the_cache_comes_before_the_packages(cache, package, offline):
    assert find(cache, package) == package
    fill(cache, WHOLE)
    assert find(cache, package) == cache


def test_one_file_damaged_or_missing_in_the_cache_gives_way_to_the_package(cache, package, offline):
    fill(cache, WHOLE)
    (cache / "b.bin").write_bytes(b"half")
    assert find(cache, package) == package
    (cache / "b.bin").unlink()
    assert find(cache, package) == package


def test_files_of_two_places_are_not_mixed(cache, package, offline):
    fill(cache, {"a.csv": WHOLE["a.csv"]})
    (package / "a.csv").unlink()
    with pytest.raises(DatasetNotFoundError):
        find(cache, package)


def test_line_ends_are_no_damage_in_a_table_and_damage_in_a_binary_file(cache, offline):
    fill(cache, WHOLE | {"a.csv": b"x,y\r\n1,2\r\n"})
    assert find(cache) == cache
    (cache / "b.bin").write_bytes(b"\x00\n\x01")
    with pytest.raises(DatasetNotFoundError, match=r"b\.bin：内容不对"):
        find(cache)


def test_the_error_names_every_place_its_fault_and_each_way_out(cache, package, offline):
    (package / "b.bin").write_bytes(b"half")
    with pytest.raises(DatasetNotFoundError) as caught:
        find(cache, package)
    assert str(caught.value).splitlines() == [
        "找不到数据。任选一种办法：",
        "  1. 装包",
        "  2. 联网",
        "试过的地方：",
        f"  {cache / 'a.csv'}：没有这个文件",
        f"  {cache / 'b.bin'}：没有这个文件",
        f"  {package / 'b.bin'}：内容不对（sha256 {hashlib.sha256(b'half').hexdigest()[:7]}，"
        f"应是 {FILES['b.bin'][:7]}）",
        "  下载：no route to host",
    ]


def test_without_addresses_nothing_is_downloaded(cache, offline):
    with pytest.raises(DatasetNotFoundError) as caught:
        find(cache, urls=[])
    assert "下载" not in str(caught.value)
    assert not cache.exists()


def test_a_download_is_kept_and_asked_for_once(cache, network):
    asked = network({url: WHOLE[name] for name, url in zip(WHOLE, URLS, strict=True)})
    assert find(cache) == find(cache) == cache
    assert asked == URLS
    assert {file.name: file.read_bytes() for file in cache.iterdir()} == WHOLE


def test_a_download_that_breaks_off_leaves_the_cache_as_it_was(cache, network):
    network({URLS[0]: WHOLE["a.csv"], URLS[1]: WHOLE["b.bin"][:-1]})
    with pytest.raises(DatasetNotFoundError, match="内容不对"):
        find(cache)
    assert list(cache.iterdir()) == []


def test_folders_of_packages_are_found_without_importing_them(monkeypatch, tmp_path):
    fill(tmp_path / "explosive", {"__init__.py": b"raise RuntimeError"})
    monkeypatch.syspath_prepend(tmp_path)
    assert package_folders("explosive", "data/images") == [tmp_path / "explosive" / "data/images"]
    assert package_folders("no_such_package") == []
    assert package_folders("this") == []  # a single file has no folder


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
