"""数据集的缓存文件夹，以及“找不到数据”这一种错误。"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DatasetNotFoundError(RuntimeError):
    """每一处来源都没有这份数据；错误信息写明试过哪里、怎样得到它。"""


def cache_folder() -> Path:
    """返回数据的缓存文件夹：环境变量 ``DLNOTES_DATA``，默认 ``~/.cache/dlnotes``；不负责创建。"""
    return Path(os.environ.get("DLNOTES_DATA") or "~/.cache/dlnotes").expanduser()


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """给出一个临时文件夹；正常退出时，其中的文件逐个移进 ``folder``，同名的旧文件被替换。

    中途出错或断电时 ``folder`` 不变：写了一半的文件从不会以正式的名字出现。
    """
    folder.mkdir(parents=True, exist_ok=True)
    # 临时文件夹必须在同一个文件系统上，改名才是原子操作。
    with tempfile.TemporaryDirectory(dir=folder, prefix=".filling-") as name:
        workspace = Path(name)
        yield workspace
        for file in sorted(workspace.iterdir()):
            if file.is_file():
                file.replace(folder / file.name)
