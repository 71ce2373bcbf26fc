"""分割的图：掩码盖在照片上，转置卷积怎样盖章，FCN-32s、16s、8s 的跳连。"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from torch import Tensor

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import bare, canvas
from dlnotes.style import BLUE, COLORS, FAINT, INK, ORANGE, WIDTH
from dlnotes.vision.pixel_labels import IGNORE

# 第 1 到第 5 类的颜色；背景不涂。亮暗错开，分不清红绿的人也认得出。
CLASS_COLORS = ("#ffd23f", "#3185fc", "#e84855", "#35e0a1", "#f9a0ff")
VOID = "#ffffff"


def overlay(image: Tensor, labels: Tensor, *, opacity: float = 0.85) -> Tensor:
    """把类别的颜色涂在照片上，背景变暗变灰，``IGNORE`` 涂白；返回 (3, H, W)，取值 [0, 1]。

    形状:
        image: (3, H, W)，取值 [0, 1]；labels: (H, W)，0 是背景。类别超过五个时抛出 ``IndexError``。
    """
    colors = torch.tensor([to_rgb(c) for c in CLASS_COLORS])
    gray = image.mean(0, keepdim=True).expand(3, -1, -1) * 0.6
    out = gray.clone()
    real = (labels > 0) & (labels != IGNORE)
    out[:, real] = opacity * colors[labels[real] - 1].T + (1 - opacity) * image[:, real]
    out[:, labels == IGNORE] = torch.tensor(to_rgb(VOID))[:, None]
    return out


def masks(
    rows: Sequence[tuple[Tensor, Sequence[Tensor]]],
    titles: Sequence[str],
    classes: Sequence[str],
    *,
    void: bool = False,
) -> Figure:
    """每行一张图：最左是照片，右边每格是一份标签盖在它上面；颜色的名字在最上面。

    参数:
        rows: 每行是（照片，几份标签）；份数都应比 ``titles`` 少一，否则抛出 ``ValueError``。
        titles: 各列的题目。
        classes: 前景各类的名字。
        void: 图例里也列出白色的“不算”。

    形状:
        照片 (3, H, W)，取值 [0, 1]；标签 (H, W)，0 是背景。
    """
    columns = len(titles)
    if any(len(labels) != columns - 1 for _, labels in rows):
        raise ValueError(f"{columns} 个题目，每行应有 {columns - 1} 份标签")
    heights = [image.shape[1] / image.shape[2] for image, _ in rows]
    figure = canvas(sum(heights) * WIDTH / columns + 0.75)
    cells = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for line, (image, labels) in zip(cells, rows, strict=True):
        for axes, picture in zip(line, [image, *(overlay(image, one) for one in labels)], strict=True):
            axes.set_axis_off()
            # 每个通道只留 16 级：看不出差别，嵌进页面的图小一半。
            pixels = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy() & 0xF0
            axes.imshow(pixels, rasterized=True)
    for axes, title in zip(cells[0], titles, strict=True):
        axes.set_title(title, fontsize=9)
    names = [
        Patch(facecolor=color, edgecolor=FAINT, label=name)
        for color, name in zip(CLASS_COLORS, classes, strict=False)
    ]
    if void:
        names.append(Patch(facecolor=VOID, edgecolor=FAINT, label="不算（255）"))
    figure.legend(handles=names, loc="outside upper center", ncols=3, handlelength=1.2)
    return figure


def stamps(x: Tensor, weight: Tensor) -> Figure:
    """步幅 1 的转置卷积：每个输入像素盖一个章，四个章相加。

    形状:
        x: (2, 2)；weight: (2, 2)。
    """
    figure = canvas(2.3)
    axes = figure.add_subplot()
    total = torch.zeros(3, 3)
    # 上排：输入、核、结果；下排：四个章。
    _table(axes, x, (0.2, 3.6), [[COLORS[0], COLORS[1]], [COLORS[2], COLORS[3]]])
    _table(axes, weight, (4.0, 3.6), None)
    axes.text(1.2, 5.8, "输入", ha="center", fontsize=9)
    axes.text(5.0, 5.8, "核", ha="center", fontsize=9)
    for k, color in enumerate(COLORS):
        i, j = divmod(k, 2)
        stamp = torch.full((3, 3), float("nan"))
        stamp[i : i + 2, j : j + 2] = x[i, j] * weight
        total += stamp.nan_to_num()
        _table(axes, stamp, (k * 3.7, -0.2), [[color] * 3] * 3)
        axes.text(k * 3.7 + 1.5, -0.75, f"{x[i, j]:g} × 核", ha="center", fontsize=9)
        if k < 3:
            axes.text(k * 3.7 + 3.35, 1.3, "+", ha="center", va="center")
    arrow(axes, (6.6, 4.6), (9.0, 4.6))
    axes.text(7.8, 4.9, "四个章相加", ha="center", fontsize=9)
    _table(axes, total, (9.6, 3.4), None)
    axes.set(xlim=(-0.3, 14.4), ylim=(-1.1, 6.5), xticks=[], yticks=[])
    axes.set_aspect("equal")
    bare(axes)
    return figure


def skips() -> Figure:
    """FCN 的三种结尾：32s 一步放大；16s、8s 先与浅层的得分相加。仿论文的图 3。"""
    figure = canvas(3.1)
    axes = figure.add_subplot()
    names = (("图\n1", 0.5), ("1/8", 3.1), ("1/16", 5.2), ("1/32", 7.3))
    for (label, x), size in zip(names, (1.3, 1.2, 1.0, 0.8), strict=True):
        box(axes, (x, 7.3), (size, size), label, INK)
    for (_, a), (_, b) in pairwise(names):
        arrow(axes, (a + 0.68, 7.3), (b - 0.65, 7.3))
    axes.text(1.75, 7.85, "骨干", ha="center", fontsize=9)
    for x in (3.1, 5.2, 7.3):
        box(axes, (x, 5.3), (1.5, 0.75), "1×1", BLUE)
        arrow(axes, (x, 6.65), (x, 5.75))
    rows = (("FCN-32s", 3.7, 7.3, "×32"), ("FCN-16s", 2.2, 5.2, "×16"), ("FCN-8s", 0.7, 3.1, "×8"))
    for name, y, x, factor in rows:
        box(axes, (0.5, y), (1.9, 0.85), name, ORANGE)
        if x < 7.3:
            box(axes, (x, y), (0.7, 0.7), "+", BLUE)
            arrow(axes, (x, 4.9), (x, y + 0.4), BLUE)
        arrow(axes, (x - 0.4 if x < 7.3 else x, y), (1.5, y), ORANGE)
        axes.text(2.1, y + 0.18, f"放大 {factor}", ha="center", fontsize=9)
    axes.plot([7.3, 7.3], [4.9, 2.2], color=INK, linewidth=1)
    arrow(axes, (7.3, 2.2), (5.57, 2.2))
    axes.text(6.45, 2.38, "×2", ha="center", fontsize=9)
    axes.plot([5.2, 5.2], [1.83, 0.7], color=INK, linewidth=1)
    arrow(axes, (5.2, 0.7), (3.47, 0.7))
    axes.text(4.35, 0.88, "×2", ha="center", fontsize=9)
    axes.set(xlim=(-0.6, 8.2), ylim=(0.1, 8.3), xticks=[], yticks=[])
    bare(axes)
    return figure


def panels_of(images: Sequence[Tensor], titles: Sequence[str], *, columns: int = 3) -> Figure:
    """几张图并排：``(H, W)`` 按自己的 0 到最大画成灰度，``(3, H, W)`` 是彩色，取值 [0, 1]。"""
    lines = -(-len(images) // columns)
    figure = canvas(lines * (WIDTH / columns + 0.3))
    cells = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes in cells[len(images) :]:
        axes.set_axis_off()
    for axes, image, title in zip(cells, images, titles, strict=False):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=FAINT)  # 一片白的图也看得见边
        axes.grid(visible=False)
        axes.set_title(title, fontsize=9)
        if image.ndim == 2:
            lowest = min(0.0, image.min().item())  # 处处相同的图是一片白
            axes.imshow(image.numpy(), cmap="gray", vmin=lowest, vmax=image.max().item(), rasterized=True)
        else:
            axes.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy(), rasterized=True)
    return figure


def _table(
    axes: Axes, values: Tensor, corner: tuple[float, float], colors: Sequence[Sequence[str]] | None
) -> None:
    """画一个写着数的格子表，左下角在 ``corner``，一格边长 1；NaN 的格子空着。"""
    rows, columns = values.shape
    for i, j in np.ndindex(rows, columns):
        value = values[i, j].item()
        x, y = corner[0] + j, corner[1] + rows - 1 - i
        color = colors[i][j] if colors else INK
        empty = value != value
        face = (color, 0.0 if empty else 0.2 if colors else 0.06)
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor=FAINT, linewidth=0.8))
        if not empty:
            axes.text(x + 0.5, y + 0.47, f"{value:g}", ha="center", va="center", fontsize=10)
