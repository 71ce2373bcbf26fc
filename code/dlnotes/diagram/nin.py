"""NiN 的图：一个块在一个像素上做的事，以及网络的结尾怎样从全连接换成平均。"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dlnotes.diagram.shapes import Point, arrow
from dlnotes.plot import canvas
from dlnotes.style import BLUE, FAINT, ORANGE


def mlpconv(units: int = 4) -> Figure:
    """画 NiN 块：3×3 的窗口进一个小感知机，出一个像素的 ``units`` 个通道；窗口滑过全图，感知机不变。"""
    figure = canvas(2.3)
    axes = figure.add_subplot()
    _grid(axes, (0.0, 0.0), 6, ((1, 2), 3))
    columns = [[(x, 3 + (k - (units - 1) / 2) * 1.35) for k in range(units)] for x in (9.0, 12.0, 15.0)]
    window = [
        (4.0, 2.0 + 3 * k / (units - 1)) for k in range(units)
    ]  # 窗口的右边沿，每个单元都看全部 9 个像素
    for left, right in zip([window, *columns[:-1]], columns, strict=True):
        for a in left:
            for b in right:
                axes.plot(*zip(a, b, strict=True), color=FAINT, linewidth=0.5, zorder=1)
    for column in columns:
        axes.plot(*zip(*column, strict=True), "o", color=ORANGE, markersize=7, linestyle="none", zorder=2)
    for k in reversed(range(units)):
        _grid(axes, (17.0 + 0.5 * k, 0.4 + 0.5 * k), 4, ((1, 1), 1))
    for x, label in ((6.5, "3×3 卷积"), (10.5, "1×1"), (13.5, "1×1")):
        axes.text(x, 6.9, label, ha="center", va="center", fontsize=9)
    for x, label in ((3.0, "输入"), (12.0, "一个像素的通道"), (19.75, "输出")):
        axes.text(x, -0.9, label, ha="center", va="center", fontsize=9)
    axes.set(xlim=(-0.5, 23.0), ylim=(-1.6, 7.6))
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure


def endings() -> Figure:
    """上：AlexNet 与 VGG 的结尾，特征图拉直，三个全连接。下：NiN 的结尾，每类一张图，各取平均。"""
    figure = canvas(3.2)
    axes = figure.add_subplot()
    _maps(axes, (0.0, 5.2), 4, BLUE)
    tops = ((5.6, 3.6, "拉直"), (9.4, 3.0, "4096"), (13.2, 3.0, "4096"), (17.0, 1.1, "10"))
    for x, height, label in tops:
        axes.add_patch(
            Rectangle((x, 6.9 - height / 2), 0.5, height, facecolor=(ORANGE, 0.35), edgecolor=ORANGE)
        )
        axes.text(x + 0.25, 4.6, label, ha="center", va="center", fontsize=9)
    for (a, *_), (b, *_), label in zip(tops, tops[1:], ("fc6", "fc7", "fc8"), strict=False):
        _step(axes, (a + 0.8, 6.9), (b - 0.3, 6.9), label)
    arrow(axes, (3.9, 6.9), (5.3, 6.9))
    _maps(axes, (0.0, 0.2), 4, BLUE)
    _step(axes, (3.9, 1.9), (8.3, 1.9), "NiN 块")
    _maps(axes, (8.6, 0.2), 4, ORANGE)
    axes.text(10.3, -0.5, "10 张，每类一张", ha="center", va="center", fontsize=9)
    _step(axes, (12.5, 1.9), (16.7, 1.9), "各取平均")
    axes.add_patch(Rectangle((17.0, 1.35), 0.5, 1.1, facecolor=(ORANGE, 0.35), edgecolor=ORANGE))
    axes.text(17.25, -0.5, "10", ha="center", va="center", fontsize=9)
    axes.text(1.9, 4.6, "特征图", ha="center", va="center", fontsize=9)
    axes.text(1.9, -0.5, "特征图", ha="center", va="center", fontsize=9)
    axes.set(xlim=(-0.4, 18.4), ylim=(-1.2, 9.2))
    axes.set_axis_off()
    return figure


def _grid(axes: Axes, corner: Point, side: int, window: tuple[tuple[int, int], int]) -> None:
    """画 ``side`` × ``side`` 的格子，涂上窗口（列、行，边长）。"""
    x, y = corner
    axes.add_patch(Rectangle(corner, side, side, facecolor=(BLUE, 0.12), edgecolor=BLUE, linewidth=0.8))
    for k in range(1, side):
        axes.plot((x, x + side), (y + k, y + k), color=BLUE, linewidth=0.4, alpha=0.6)
        axes.plot((x + k, x + k), (y, y + side), color=BLUE, linewidth=0.4, alpha=0.6)
    (column, row), size = window
    axes.add_patch(
        Rectangle(
            (x + column, y + row), size, size, facecolor=(ORANGE, 0.35), edgecolor=ORANGE, linewidth=1.2
        )
    )


def _maps(axes: Axes, corner: Point, count: int, color: str) -> None:
    for k in reversed(range(count)):
        place = (corner[0] + 0.4 * k, corner[1] + 0.4 * k)
        axes.add_patch(Rectangle(place, 2.2, 2.2, facecolor=(color, 0.2), edgecolor=color, linewidth=0.9))


def _step(axes: Axes, start: Point, end: Point, label: str) -> None:
    arrow(axes, start, end)
    axes.text((start[0] + end[0]) / 2, start[1] + 0.25, label, ha="center", va="bottom", fontsize=9)
