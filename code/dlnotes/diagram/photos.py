"""彩色照片排成格子，需要时盖上掩码与框。"""

import math
from collections.abc import Sequence
from itertools import zip_longest

from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from dlnotes.plot import canvas
from dlnotes.style import BLUE, ORANGE, WIDTH

VEIL = LinearSegmentedColormap.from_list("veil", [(*to_rgb(BLUE), 0.0), (*to_rgb(BLUE), 0.45)])


def grid(
    pictures: Sequence[Tensor],
    titles: Sequence[str] = (),
    *,
    columns: int = 4,
    boxes: Sequence[Tensor] = (),
    loose: Sequence[Tensor] = (),
    masks: Sequence[Tensor] = (),
) -> Figure:
    """每张照片一格，题目在上。

    参数:
        boxes, loose: 每张照片的框，前者画实线，后者画虚线；给了就要一张一份。
        masks: 每张照片的掩码，盖一层蓝。

    形状:
        pictures: 每张 (3, H, W) 或 (1, H, W)，取值 [0, 1]。
        boxes, loose: 每份 (K, 4)，左、上、右、下，以像素的边计。
        masks: 每份 (H, W)，布尔。

    个数对不上时抛出 ``ValueError``。
    """
    for name, given in (("题目", titles), ("框", boxes), ("虚框", loose), ("掩码", masks)):
        if given and len(given) != len(pictures):
            raise ValueError(f"{len(pictures)} 张照片，{len(given)} 份{name}")
    rows = math.ceil(len(pictures) / columns)
    height = max(p.shape[-2] / p.shape[-1] for p in pictures)
    figure = canvas(rows * (WIDTH / columns * height + 0.25 * bool(titles)))
    cells = figure.subplots(rows, columns, squeeze=False).flat
    for axes, picture, title, solid, dashed, mask in zip_longest(
        cells, pictures, titles, boxes, loose, masks
    ):
        axes.set_axis_off()
        if picture is None:
            continue
        C, H, W = picture.shape
        extent = (0, W, H, 0)  # 坐标从像素的边算起，与框的写法一致
        axes.imshow(
            picture.permute(1, 2, 0).expand(H, W, 3).numpy() if C == 1 else picture.permute(1, 2, 0).numpy(),
            extent=extent,
            vmin=0,
            vmax=1,
        )
        axes.set_title(title or "", fontsize=9)
        if mask is not None:
            axes.imshow(mask.float().numpy(), cmap=VEIL, vmin=0, vmax=1, extent=extent)
        for some, style in ((solid, "-"), (dashed, "--")):
            for left, top, right, bottom in [] if some is None else some.tolist():
                axes.add_patch(
                    Rectangle(
                        (left, top),
                        right - left,
                        bottom - top,
                        fill=False,
                        edgecolor=ORANGE,
                        linestyle=style,
                        linewidth=1.6,
                    )
                )
        axes.set(xlim=(0, W), ylim=(H, 0))
    return figure
