"""合成的检测与分割数据：把 Fashion-MNIST 的衣物贴在真实照片的一角，框、类别、掩码都由程序精确给出。

思路同《动手学深度学习》13.6 节的香蕉检测集（一个香蕉贴在一张照片上），以及 Dwibedi, Misra, Hebert,
"Cut, Paste and Learn: Surprisingly Easy Synthesis for Instance Detection", ICCV 2017。
差异：每张图 1 到 ``max_objects`` 件、五个类、互相遮挡、大小相差四倍；不下载任何东西。

约定：
    坐标: 像素，原点在左上角，x 向右，y 向下；框是 (x1, y1, x2, y2)，右边与下边在最后一个像素之外，
        所以宽恰是 x2 − x1，整张图的框是 (0, 0, size, size)。
    遮挡: 后贴的盖住先贴的；``boxes`` 只框住看得见的部分（VOC、COCO 也这样标），``whole`` 框住整件。
        任何一件至少露出 ``MIN_VISIBLE``，否则换个地方贴，试几次都不行就少贴一件。
    划分: 训练、验证、测试三份，衣物取自 Fashion-MNIST 的三份，背景取自同一批照片互不相交的三条竖带。
    随机数: 每张图有自己的发生器，由（种子，划分，第几张）决定，像素全用整数运算：框与掩码在任何机器上都相同，
        第 i 张图不因总数而变（背景里有 JPEG 照片，解码器不同时像素会差一级）。
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.random import PCG64, Generator
from PIL import Image
from torch import Tensor

from dlnotes.data import fashion_mnist, photos

# 名字 → Fashion-MNIST 里的标签；轮廓两两不同，涂了颜色也认得出。
LABELS = {"T恤": 0, "裤子": 1, "连衣裙": 3, "运动鞋": 7, "包": 8}
CLASSES = tuple(LABELS)
PHOTOS = ("china", "flower", "coffee", "cat", "rocket", "hubble", "grass", "gravel", "brick")
# 每张照片从左到右分成三条：各占宽的几成到几成。
BANDS = {"train": (0.0, 0.5), "val": (0.5, 0.75), "test": (0.75, 1.0)}
MIN_VISIBLE = 0.4
ATTEMPTS = 8
INK = 24  # 灰度超过它才算衣物


@dataclass(frozen=True)
class Scenes:
    """N 张边长 S 的图；每张至多 M 件，少的用 −1 补齐，补的总在后面。

    形状:
        images: (N, 3, S, S)，float32，取值 [0, 1]。
        targets: (N, M, 5)，float32，每行是（类别, x1, y1, x2, y2），框住看得见的部分；先贴的在前。
        whole: (N, M, 4)，float32，整件的框，被盖住的部分也算。
        visible: (N, M)，float32，露出的像素占整件的比例。
        instances: (N, S, S)，uint8，每个像素属于第几件（从 1 数起），0 是背景。
    """

    images: Tensor
    targets: Tensor
    whole: Tensor
    visible: Tensor
    instances: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def lists(self) -> list[dict[str, Tensor]]:
        """返回 torchvision 检测模型的写法，不补齐：一张图一个字典，``boxes`` (m, 4)、``labels`` (m,)。"""
        kept = [rows[rows[:, 0] >= 0] for rows in self.targets]
        return [{"boxes": rows[:, 1:], "labels": rows[:, 0].long()} for rows in kept]

    def masks(self, i: int) -> Tensor:
        """返回第 ``i`` 张图里每一件看得见的像素，(m, S, S)，布尔。"""
        m = int((self.targets[i, :, 0] >= 0).sum())
        return self.instances[i] == torch.arange(1, m + 1)[:, None, None]

    def semantic(self) -> Tensor:
        """返回每个像素的类别，(N, S, S)，int64；0 是背景，所以第 k 类写成 k + 1。"""
        # 查表：第 0 格是背景，第 k 格是第 k 件的类别加一；补齐的 −1 恰好变成 0。
        kinds = torch.nn.functional.pad(self.targets[..., 0].long() + 1, (1, 0))  # (N, 1 + M)
        return kinds.gather(1, self.instances.flatten(1).long()).view_as(self.instances)


def make(
    split: str,
    n: int,
    *,
    size: int = 128,
    max_objects: int = 4,
    smallest: float = 0.125,
    largest: float = 0.5,
    seed: int = 0,
) -> Scenes:
    """生成 ``split``（``train``、``val``、``test``）的前 ``n`` 张图。

    参数:
        size: 图的边长，像素。
        max_objects: 每张贴 1 到这么多件，也是补齐后的 M。
        smallest, largest: 一件的长边占图边长的几分之几，在两者之间按对数均匀地取，小的和大的一样多见。

    数据不在时抛出 ``DatasetNotFoundError``，参数不对时抛出 ``ValueError``。
    """
    if split not in BANDS:
        raise ValueError(f"split 应是 {'、'.join(BANDS)} 之一，得到 {split!r}")
    if n < 1 or size < 32 or not 1 <= max_objects <= 254:
        raise ValueError(f"要求 n ≥ 1、size ≥ 32、1 ≤ max_objects ≤ 254，得到 {n}、{size}、{max_objects}")
    if not 0 < smallest <= largest <= 1:
        raise ValueError(f"要求 0 < smallest ≤ largest ≤ 1，得到 {smallest}、{largest}")
    images = np.empty((n, size, size, 3), np.uint8)
    instances = np.zeros((n, size, size), np.uint8)
    targets = np.full((n, max_objects, 5), -1, np.float32)
    whole = np.full((n, max_objects, 4), -1, np.float32)
    visible = np.full((n, max_objects), -1, np.float32)
    for i in range(n):
        rng = Generator(PCG64([seed, list(BANDS).index(split), i]))
        images[i] = _background(rng, split, size)
        kinds: list[int] = []
        areas: list[int] = []
        for _ in range(_integer(rng, 1, max_objects)):
            kind = _integer(rng, 0, len(CLASSES) - 1)
            longest = round(size * smallest * (largest / smallest) ** rng.random())
            color, alpha = _garment(rng, split, kind, longest)
            solid = alpha >= 128
            place = _place(rng, solid, instances[i], areas)
            if place is None:
                continue
            k, (top, left), (h, w) = len(kinds), place, solid.shape
            there = slice(top, top + h), slice(left, left + w)
            # 边上半透明：整数的加权平均，免得轮廓像剪刀剪的。
            weight = alpha[:, :, None].astype(np.uint16)
            images[i][there] = (weight * color + (255 - weight) * images[i][there]) // 255
            instances[i][there][solid] = k + 1
            whole[i, k] = _extent(solid) + np.array([left, top, left, top])
            kinds.append(kind)
            areas.append(int(solid.sum()))
        for k, (kind, area) in enumerate(zip(kinds, areas, strict=True)):
            seen = instances[i] == k + 1
            targets[i, k] = (kind, *_extent(seen))
            visible[i, k] = seen.sum() / area
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float().div_(255)
    return Scenes(pictures, *(torch.from_numpy(array) for array in (targets, whole, visible, instances)))


def paste(picture: Tensor, items: list[tuple[Tensor, tuple[int, int]]]) -> Tensor:
    """把几件衣物贴到一张图上，返回新的图：自己动手做一张检测用的图。

    参数:
        items: 每件是（衣物，左上角的 (x, y)）；整件须在图内，否则抛出 ``ValueError``。

    形状:
        picture: (3, H, W)，取值 [0, 1]；衣物: (1, h, w) 或 (3, h, w)，黑底，取值 [0, 1]。
    """
    picture = picture.clone()
    _, H, W = picture.shape
    for item, (x, y) in items:
        _, h, w = item.shape
        if not (0 <= x <= W - w and 0 <= y <= H - h):
            raise ValueError(f"{w}×{h} 的衣物放在 ({x}, {y})，出了 {W}×{H} 的图")
        solid = torch.from_numpy(_filled((item.amax(0) * 255).byte().numpy()))
        part = picture[:, y : y + h, x : x + w]
        part[:, solid] = item.expand(3, -1, -1)[:, solid]
    return picture


@cache
def _pools() -> dict[str, list[np.ndarray]]:
    """划分 → 每一类的全部衣物，(n, 28, 28)，uint8。"""
    data = fashion_mnist.load()
    pools = {}
    for split in BANDS:
        images, labels = getattr(data, split).tensors
        pools[split] = [
            (images[labels == label, 0] * 255).round().to(torch.uint8).numpy() for label in LABELS.values()
        ]
    return pools


@cache
def _bands(split: str) -> list[Image.Image]:
    """每张照片属于 ``split`` 的那一条竖带。"""
    left, right = BANDS[split]
    bands = []
    for name in PHOTOS:
        pixels = (photos.load(name) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        W = pixels.shape[1]
        bands.append(Image.fromarray(pixels[:, round(W * left) : round(W * right)]))
    return bands


def _integer(rng: Generator, low: int, high: int) -> int:
    """``low`` 到 ``high`` 的整数，含两端。"""
    # 只用 random()：NumPy 不保证 integers() 的结果各版本相同。
    return low + int(rng.random() * (high - low + 1))


def _background(rng: Generator, split: str, size: int) -> np.ndarray:
    """从一条竖带里随机切一块正方形，缩放到 (size, size, 3)，一半左右翻转；灰度的照片染上颜色。"""
    band = _bands(split)[_integer(rng, 0, len(PHOTOS) - 1)]
    side = round(min(band.size) * (0.5 + 0.5 * rng.random()))
    left, top = _integer(rng, 0, band.width - side), _integer(rng, 0, band.height - side)
    crop = band.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    pixels = np.asarray(crop)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    # 草地、碎石、砖墙是灰的：也染上颜色，免得有颜色的就是衣物。
    if (pixels[..., 0] == pixels[..., 2]).all():
        pixels = (pixels.astype(np.uint16) * _tint(rng) // 255).astype(np.uint8)
    return pixels


def _tint(rng: Generator) -> np.ndarray:
    """随机的颜色，(3,)，60 到 255。"""
    return np.array([_integer(rng, 60, 255) for _ in range(3)], np.uint16)


def _garment(rng: Generator, split: str, kind: int, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """取一件衣物，长边缩放到 ``longest``，染上随机的颜色；返回颜色 (h, w, 3) 与不透明度 (h, w)，uint8。"""
    pool = _pools()[split][kind]
    gray = pool[_integer(rng, 0, len(pool) - 1)]
    if rng.random() < 0.5:
        gray = gray[:, ::-1]
    alpha = _filled(gray)
    x1, y1, x2, y2 = _extent(alpha)
    gray, alpha = gray[y1:y2, x1:x2], alpha[y1:y2, x1:x2]
    h, w = gray.shape
    shape = (max(1, round(w * longest / max(h, w))), max(1, round(h * longest / max(h, w))))
    shade = np.asarray(Image.fromarray(gray).resize(shape, Image.Resampling.BILINEAR)).astype(np.uint16)
    opacity = Image.fromarray(alpha.astype(np.uint8) * 255).resize(shape, Image.Resampling.BILINEAR)
    # 底色垫高三成：黑裙子也染得上颜色，不能只凭亮暗认。
    color = (77 + shade[:, :, None] * 178 // 255) * _tint(rng) // 255
    return color.astype(np.uint8), np.asarray(opacity)


def _filled(gray: np.ndarray) -> np.ndarray:
    """衣物的像素：亮过 ``INK`` 的，以及上下左右都被它们围住的洞（深色的花纹、包的提手里面）。"""
    ink = gray > INK
    rows = np.logical_or.accumulate(ink, 1) & np.logical_or.accumulate(ink[:, ::-1], 1)[:, ::-1]
    columns = np.logical_or.accumulate(ink, 0) & np.logical_or.accumulate(ink[::-1], 0)[::-1]
    return ink | (rows & columns)


def _place(rng: Generator, solid: np.ndarray, owner: np.ndarray, areas: list[int]) -> tuple[int, int] | None:
    """找一处放得下的左上角 (y, x)，已有的每一件仍露出 ``MIN_VISIBLE``；找不到时返回 None。"""
    (H, W), (h, w) = owner.shape, solid.shape
    least = MIN_VISIBLE * np.array(areas)
    shown = np.bincount(owner.ravel(), minlength=len(areas) + 1)[1:]
    for _ in range(ATTEMPTS):
        top, left = _integer(rng, 0, H - h), _integer(rng, 0, W - w)
        hidden = np.bincount(owner[top : top + h, left : left + w][solid], minlength=len(areas) + 1)[1:]
        if (shown - hidden >= least).all():
            return top, left
    return None


def _extent(mask: np.ndarray) -> np.ndarray:
    """恰好框住 ``mask`` 里的真的框 (x1, y1, x2, y2)，整数。"""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
