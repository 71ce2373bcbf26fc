"""类激活图的图：热度盖在原图上。"""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from dlnotes.plot import canvas
from dlnotes.style import ORANGE, WIDTH

# 从全透明到浓橙：没有热度的地方只看得见原图。
GLOW = LinearSegmentedColormap.from_list("glow", [(*to_rgb(ORANGE), 0.0), (*to_rgb(ORANGE), 0.85)])


def overlays(pictures: Tensor, heat: Tensor, titles: Sequence[str], *, columns: int = 4) -> Figure:
    """每张图一格，热度越高橙色越浓；热度为 0 处只有原图。

    形状:
        pictures, heat: (N, H, W)，取值 [0, 1]；``titles`` 一张一个，个数不同时抛出 ``ValueError``。
    """
    if not len(pictures) == len(heat) == len(titles):
        raise ValueError(f"{len(pictures)} 张图、{len(heat)} 张热图、{len(titles)} 个名字，应一样多")
    rows = -(-len(pictures) // columns)
    figure = canvas(rows * (WIDTH / columns + 0.25))
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in cells:
        axes.set_axis_off()
    for axes, picture, warmth, title in zip(cells, pictures, heat, titles, strict=False):
        axes.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=1)
        axes.imshow(np.asarray(warmth), cmap=GLOW, vmin=0, vmax=1)
        axes.set_title(title, fontsize=9)
    return figure
