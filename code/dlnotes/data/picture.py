"""把一张自己的照片变成 Fashion-MNIST 的样子：28×28、灰度、黑底亮物、居中。

论文：Xiao, Rasul, Vollgraf, "Fashion-MNIST", arXiv:1708.07747, 2017, §2（商品图怎样变成 28×28）。
差异：论文还做了一次锐化；这里不做。
"""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

BACKGROUND = 16  # 灰度不超过它的算背景：照片的底很少是纯白或纯黑


def read(file: str | Path | BinaryIO, *, white_background: bool = True) -> Tensor:
    """读一张图片，裁掉四周的背景，长边缩到 28，居中放在黑底上。

    参数:
        white_background: 白底（商品图）时反色；训练图是黑底，不反色网络就没见过。

    形状:
        返回值: (1, 28, 28)，float32，取值 [0, 1]。

    整张图都是背景时抛出 ``ValueError``。
    """
    with Image.open(file) as image:
        gray = ImageOps.grayscale(image)
    if white_background:
        gray = ImageOps.invert(gray)
    box = gray.point([0] * (BACKGROUND + 1) + [255] * (255 - BACKGROUND)).getbbox()
    if box is None:
        raise ValueError("图里只有背景；底色是黑的吗？那就用 white_background=False")
    small = ImageOps.pad(gray.crop(box), (28, 28))
    return torch.from_numpy(np.array(small)).float().unsqueeze(0) / 255
