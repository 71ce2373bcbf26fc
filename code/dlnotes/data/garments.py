"""照片上的衣物：Fashion-MNIST 的真衣物染上颜色，贴在真照片的一角上，给微调当目标任务。

训练与测试既不共用衣物，也不共用照片：衣物照 Fashion-MNIST 的划分，背景的照片也分成两份。
局限：衣物原是 28×28 的灰度图，放大后是糊的；贴上去的，没有光影。
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from dlnotes.data import photos
from dlnotes.data.fashion_mnist import FashionMNIST

TRAIN_PHOTOS = ("china", "flower", "coffee", "brick", "grass", "cat")  # 训练与验证的背景
TEST_PHOTOS = ("gravel", "rocket", "astronaut", "hubble", "camera")  # 只在测试里出现
SHORT_SIDE = 256  # 照片先缩小，一小块里才有内容


@dataclass(frozen=True)
class Garments:
    """三份互不相交的数据；图 (N, 3, size, size)，取值 [0, 1]；标签 0 到 K−1。"""

    train: TensorDataset
    val: TensorDataset
    test: TensorDataset


def make(
    fashion: FashionMNIST,
    *,
    train: int,
    val: int,
    test: int,
    kinds: Sequence[int] = range(10),
    size: int = 64,
    seed: int = 0,
) -> Garments:
    """造三份数据，每类各 ``train``、``val``、``test`` 张；同样的参数总得到同样的图。

    参数:
        kinds: 取哪几类；标签改成它在 ``kinds`` 里的次序。

    K 类时，一份里按类轮流排列（0、1、…、K−1、0、1、…），所以前 kK 张恰是每类 k 张。
    某一类的衣物不够时抛出 ``ValueError``。
    """
    order = Generator().manual_seed(seed)
    parts = []
    for split, count, names in (
        (fashion.train, train, TRAIN_PHOTOS),
        (fashion.val, val, TRAIN_PHOTOS),
        (fashion.test, test, TEST_PHOTOS),
    ):
        items, labels = balanced(split, count, kinds, order)
        backgrounds = [photos.load(name, short_side=SHORT_SIDE) for name in names]
        parts.append(TensorDataset(on_photos(items, backgrounds, size, order), labels))
    return Garments(*parts)


def on_photos(items: Tensor, backgrounds: Sequence[Tensor], size: int, generator: Generator) -> Tensor:
    """每件衣物染一种颜色，放大到边长的 0.6–0.9 倍，贴在随机一块照片的随机位置上。

    形状:
        items: (N, 1, 28, 28)，取值 [0, 1]，黑底；backgrounds: 每张 (3, H, W)，高宽不小于 ``size``。
        返回值: (N, 3, size, size)，取值 [0, 1]。
    """

    def below(n: int) -> int:
        return int(torch.randint(n, (), generator=generator))

    pictures = []
    for item in items:
        photo = backgrounds[below(len(backgrounds))]
        top, left = (below(n - size + 1) for n in photo.shape[1:])
        picture = photo[:, top : top + size, left : left + size].clone()
        side = round(size * (0.6 + 0.3 * torch.rand((), generator=generator).item()))
        large = F.interpolate(item[None], size=side, mode="bicubic", align_corners=False)[0].clamp(0, 1)
        color = 0.4 + 0.6 * torch.rand(3, 1, 1, generator=generator)
        opacity = (large * 5).clamp(max=1)  # 背景的 0 全透明；深色的衣物也基本不透
        y, x = below(size - side + 1), below(size - side + 1)
        spot = picture[:, y : y + side, x : x + side]
        spot.copy_(spot * (1 - opacity) + color * large * opacity)
        pictures.append(picture)
    return torch.stack(pictures)


def balanced(
    split: TensorDataset, count: int, kinds: Sequence[int], generator: Generator
) -> tuple[Tensor, Tensor]:
    """每类取 ``count`` 张，按类轮流排列；返回图与新的标签，标签是在 ``kinds`` 里的次序。"""
    images, labels = split.tensors
    columns = []
    for kind in kinds:
        where = (labels == kind).nonzero().flatten()
        if len(where) < count:
            raise ValueError(f"第 {kind} 类只有 {len(where)} 张，要 {count} 张")
        columns.append(where[torch.randperm(len(where), generator=generator)[:count]])
    rows = torch.stack(columns, dim=1).flatten()
    return images[rows], torch.arange(len(kinds)).repeat(count)
