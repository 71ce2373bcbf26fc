"""找数据：缓存文件夹、软件包、网络依次去找，内容用 sha256 核对过才算。"""

import hashlib
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from dlnotes.data.cache import DatasetNotFoundError, filling


def locate(
    title: str,
    files: Mapping[str, str],
    *,
    cache: Path,
    packages: Iterable[Path] = (),
    urls: Sequence[str] = (),
    ways: Sequence[str],
) -> Path:
    """返回放着全部 ``files`` 的文件夹；先看 ``cache``，再看各个包，最后从网上下载到 ``cache``。

    参数:
        title: 数据的名字，写进错误信息。
        files: 文件名 → 内容的 sha256；CSV 的行尾先统一成换行符再算。
        packages: 装好的包里可能有它们的文件夹，见 ``package_folders``。
        urls: 与 ``files`` 一一对应的下载地址；不给就不下载。
        ways: 得到这份数据的各种办法，找不到时逐条写进错误信息。

    哪里都没有完好的一份时抛出 ``DatasetNotFoundError``，信息里写明试过哪里、各有什么毛病。
    """
    failures = []
    for folder in (cache, *packages):
        faults = [fault for name in files if (fault := _fault(folder / name, files[name]))]
        if not faults:
            return folder
        failures += faults
    try:
        if urls:
            _download(files, urls, cache)
            return cache
    except OSError as error:  # 断网、超时、没有写的权限，URLError 也是它
        failures.append(f"下载：{error}")
    numbered = "".join(f"  {k}. {way}\n" for k, way in enumerate(ways, start=1))
    tried = "".join(f"\n  {failure}" for failure in failures)
    raise DatasetNotFoundError(f"找不到{title}。任选一种办法：\n{numbered}试过的地方：{tried}")


def package_folders(name: str, inside: str = "") -> list[Path]:
    """返回 pip 包 ``name`` 的子文件夹 ``inside``；没有装时是空的。

    只查位置，不导入：包里的代码用不着，导入它会拉起一整套依赖。
    """
    spec = find_spec(name)
    return [Path(folder) / inside for folder in (spec and spec.submodule_search_locations) or ()]


def _fault(path: Path, expected: str) -> str | None:
    """返回这个文件不能用的原因；完好时返回 None。"""
    if not path.is_file():
        return f"{path}：没有这个文件"
    content = path.read_bytes()
    if path.suffix == ".csv":  # 在 Windows 上解压或经过 git 的文本可能换了行尾，内容并没有变
        content = content.replace(b"\r\n", b"\n")
    found = hashlib.sha256(content).hexdigest()
    return None if found == expected else f"{path}：内容不对（sha256 {found[:7]}，应是 {expected[:7]}）"


def _download(files: Mapping[str, str], urls: Sequence[str], cache: Path) -> None:
    with filling(cache) as folder:
        for (name, expected), url in zip(files.items(), urls, strict=True):
            with urllib.request.urlopen(url, timeout=30) as source:
                (folder / name).write_bytes(source.read())
            if fault := _fault(folder / name, expected):
                raise OSError(f"{url}：{fault}")
