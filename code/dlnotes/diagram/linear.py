"""线性代数与线性回归的图：沿哪一轴求和、广播怎样拉长、损失的等高线与下降的路径。"""

from collections.abc import Callable, Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from dlnotes.diagram.shapes import arrow
from dlnotes.plot import canvas, panels
from dlnotes.style import BLUE, COLORS, FAINT, INK, MARKERS, ORANGE, WIDTH

# 等高线画在哪几处：起点与最低点之间高度差的几分之几。
HEIGHTS = (0.01, 0.05, 0.15, 0.35, 0.65, 1.0, 1.5)


def sum_axes(matrix: Tensor) -> Figure:
    """画一个矩阵沿两个轴各自「塌」下去的样子：下面是 ``sum(0)``，右边是 ``sum(1)``，都保留轴。

    形状:
        matrix: (R, C)，整数。
    """
    R, C = matrix.shape
    figure, axes = _drawing(C + 6.6, R + 3.4, left=-2.1, top=1.3)
    _grid(axes, matrix, 0, 0, INK)
    _grid(axes, matrix.sum(1, keepdim=True), C + 1.2, 0, ORANGE)
    _grid(axes, matrix.sum(0, keepdim=True), 0, R + 0.8, BLUE)
    _grid(axes, matrix.sum().view(1, 1), C + 1.2, R + 0.8, FAINT)
    arrow(axes, (-0.5, 0.1), (-0.5, R - 0.1))
    axes.text(-0.7, R / 2, "轴 0", ha="right", va="center")
    arrow(axes, (0.1, -0.35), (C - 0.1, -0.35))
    axes.text(C / 2, -0.5, "轴 1", ha="center", va="bottom")
    arrow(axes, (C + 0.2, R / 2), (C + 1.0, R / 2), ORANGE)
    arrow(axes, (C / 2, R + 0.1), (C / 2, R + 0.7), BLUE)
    axes.text(
        C + 2.4,
        R / 2,
        f"轴 1 塌了\nsum(1)：\n({R}, {C}) → ({R},)",
        va="center",
        color=ORANGE,
        linespacing=1.6,
    )
    axes.text(-0.2, R + 1.3, "轴 0 塌了", ha="right", va="center", color=BLUE)
    axes.text(C / 2, R + 2.0, f"sum(0)：({R}, {C}) → ({C},)", ha="center", va="top", color=BLUE)
    axes.text(C + 2.4, R + 1.3, "sum() → ()", va="center")
    return figure


def broadcast(column: Tensor, row: Tensor) -> Figure:
    """画一列加一行：长度为 1 的轴各自拉长（虚线格），再逐格相加。

    形状:
        column: (R, 1)；row: (1, C)，整数。
    """
    R, C = len(column), row.shape[1]
    figure, axes = _drawing(3 * C + 2.4, R + 1.5, left=-0.2, top=0.3)
    total = column + row
    names = (f"({R}, 1)", f"(1, {C})", f"({R}, {C})")
    parts = ((column, ORANGE), (row, BLUE), (total, INK))
    for k, ((values, color), name) in enumerate(zip(parts, names, strict=True)):
        left = k * (C + 1)
        _grid(axes, values.expand(R, C), left, 0, FAINT, dashed=True)
        _grid(axes, values, left, 0, color)
        axes.text(left + C / 2, R + 0.25, name, ha="center", va="top", color=color)
    for k, sign in enumerate("+="):
        axes.text((k + 1) * (C + 1) - 0.5, R / 2, sign, ha="center", va="center", fontsize=14)
    return figure


def contours(
    loss: Callable[[Tensor], Tensor],
    paths: Mapping[str, Tensor],
    *,
    optimum: Tensor,
    xlabel: str = "w1",
    ylabel: str = "w2",
) -> Figure:
    """画损失的等高线与下降的路径，两轴等比例；✕ 是最低点，● 是起点。

    参数:
        loss: 把 (..., 2) 的点变成 (...) 的损失。
        paths: 名字 → (步数 + 1, 2) 的路径；至多四条，否则抛出 ``ValueError``。

    形状:
        optimum: (2,)。
    """
    if not 1 <= len(paths) <= len(COLORS):
        raise ValueError(f"一张图 1 到 {len(COLORS)} 条路径，得到 {len(paths)} 条：{'、'.join(paths)}")
    points = torch.cat([*paths.values(), optimum[None]])
    low, high = points.amin(dim=0), points.amax(dim=0)
    margin = 0.12 * (high - low).max()
    xs, ys = (torch.linspace(a - margin, b + margin, 80) for a, b in zip(low, high, strict=True))
    grid = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1).double()
    bottom, start = (loss(point).item() for point in (optimum, next(iter(paths.values()))[0]))
    ratio = ((ys[-1] - ys[0]) / (xs[-1] - xs[0])).item()
    figure, (axes,) = panels(1, height=1.0 + 0.85 * WIDTH * ratio)
    levels = [bottom + height * (start - bottom) for height in HEIGHTS]
    axes.contour(xs, ys, loss(grid), levels=levels, colors=FAINT, linewidths=0.8)
    for (name, path), color, marker in zip(paths.items(), COLORS, MARKERS, strict=False):
        axes.plot(*path.T, color=color, linewidth=1.2, marker=marker, markersize=2.5, label=name)
    first = next(iter(paths.values()))[0]
    axes.plot(*first, color=INK, marker="o", markersize=6)
    axes.plot(*optimum, color=INK, marker="x", markersize=8, markeredgewidth=2)
    axes.set(xlabel=xlabel, ylabel=ylabel, aspect="equal")
    axes.grid(visible=False)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def _drawing(width: float, height: float, *, left: float, top: float) -> tuple[Figure, Axes]:
    """返回以一格为单位的画布，y 轴朝下，同矩阵的行号；``left``、``top`` 是原点左上留的空。"""
    figure = canvas(WIDTH * height / width)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set(xlim=(left, left + width), ylim=(height - top, -top), aspect="equal")
    return figure, axes


def _grid(axes: Axes, values: Tensor, left: float, top: float, color: str, *, dashed: bool = False) -> None:
    style = ":" if dashed else "-"
    for (i, j), value in zip(
        torch.cartesian_prod(*map(torch.arange, values.shape)).tolist(), values.flatten(), strict=True
    ):
        corner = (left + j, top + i)
        axes.add_patch(
            Rectangle(
                corner,
                1,
                1,
                facecolor="none",
                edgecolor=color,
                linestyle=style,
                linewidth=1.2,
                zorder=1 if dashed else 2,
            )
        )
        axes.text(left + j + 0.5, top + i + 0.5, f"{int(value)}", ha="center", va="center", color=color)
