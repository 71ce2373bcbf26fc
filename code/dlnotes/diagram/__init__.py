"""说明原理的图：网络的结构、手写模板的响应、哪个通道接哪个通道。"""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from dlnotes.style import BLUE, FAINT, HEAT, INK, ORANGE, SIGNED, WIDTH

# 名字、从上一层来的运算、输出形状。
LENET = (
    ("输入", "", (1, 28, 28)),
    ("C1", "卷积\n5×5", (6, 28, 28)),
    ("S2", "池化\n2×2", (6, 14, 14)),
    ("C3", "卷积\n5×5", (16, 10, 10)),
    ("S4", "池化\n2×2", (16, 5, 5)),
    ("C5", "全连接", (120,)),
    ("F6", "全连接", (84,)),
    ("输出", "全连接", (10,)),
)


def lenet() -> Figure:
    """画 LeNet-5：一叠方块是一层的特征图，一根竖条是一个向量，按比例；布局仿论文的图 2。

    名字与输出形状在上，从上一层来的运算在下。
    """
    figure = plt.figure(figsize=(WIDTH, 1.8))
    plt.close(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    left = 0.0
    for name, operation, shape in LENET:
        gap = 0 if not operation else 22 if len(shape) == 3 else 24
        left += gap
        width = _stack(axes, left, *shape[:2]) if len(shape) == 3 else _bar(axes, left, shape[0])
        label = f"{name}\n{'×'.join(map(str, shape))}"
        axes.text(left + width / 2, 28, label, ha="center", va="bottom", fontsize=9)
        if operation:
            arrow = {"arrowstyle": "->", "color": INK, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (left - 2, 0), (left - gap + 2, 0), arrowprops=arrow)
            axes.text(left - gap / 2, -26, operation, ha="center", va="top", fontsize=9)
        left += width
    axes.set_xlim(-8, left + 8)
    axes.set_ylim(-52, 56)
    axes.set_aspect("equal")
    return figure


def responses(picture: Tensor, kernels: Tensor, maps: Tensor) -> Figure:
    """每行一个模板：左是图，中是模板，右是模板在每一处的响应；蓝是正，橙是负，透明是零。

    形状:
        picture: (H, W)，取值 [0, 1]；kernels: (K, h, w)；maps: (K, H, W)。
    """
    K = len(kernels)
    figure = plt.figure(figsize=(WIDTH, WIDTH * K / 3), layout="constrained")
    plt.close(figure)
    rows = figure.subplots(K, 3, squeeze=False)
    for row, kernel, response in zip(rows, kernels, maps, strict=True):
        row[0].imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1)
        for axes, values in ((row[1], kernel), (row[2], response)):
            bound = values.abs().max().item()
            axes.imshow(values.numpy(), cmap=SIGNED, vmin=-bound, vmax=bound)
        for axes in row:
            axes.grid(visible=False)
            axes.spines[:].set(visible=True, color=FAINT)
            axes.set(xticks=[], yticks=[])
    for axes, title in zip(rows[0], ("图", "模板", "响应"), strict=True):
        axes.set_title(title)
    return figure


def connections(table: Tensor, *, xlabel: str, ylabel: str) -> Figure:
    """画连接表：有色的格子表示这一行的通道接这一列的通道。

    形状:
        table: (行, 列)，布尔。
    """
    rows, columns = table.shape
    figure = plt.figure(figsize=(WIDTH, 0.5 + WIDTH * rows / columns * 0.9), layout="constrained")
    plt.close(figure)
    axes = figure.add_subplot()
    axes.imshow(table.float().numpy(), cmap=HEAT, vmin=0, vmax=1)
    axes.vlines([j - 0.5 for j in range(1, columns)], -0.5, rows - 0.5, color=FAINT, linewidth=0.5)
    axes.hlines([i - 0.5 for i in range(1, rows)], -0.5, columns - 0.5, color=FAINT, linewidth=0.5)
    axes.set(xlabel=xlabel, ylabel=ylabel, xticks=range(columns), yticks=range(rows))
    axes.grid(visible=False)
    return figure


def _stack(axes: Axes, left: float, channels: int, side: int) -> float:
    """画一叠 ``channels`` 张边长 ``side`` 的特征图，以高度 0 为中线；返回总宽度。"""
    extra = channels - 1  # 每往后一张，右移并上移一个单位
    for k in reversed(range(channels)):
        corner = (left + k, k - (side + extra) / 2)
        # 半透明的面叠起来会越来越深，正好显出厚度。
        axes.add_patch(Rectangle(corner, side, side, facecolor=(BLUE, 0.2), edgecolor=BLUE, linewidth=0.8))
    return side + extra


def _bar(axes: Axes, left: float, length: int) -> float:
    """画一根长 ``length`` / 3 的竖条，以高度 0 为中线；返回宽度。"""
    width, height = 4, length / 3
    corner = (left, -height / 2)
    axes.add_patch(Rectangle(corner, width, height, facecolor=(ORANGE, 0.3), edgecolor=ORANGE, linewidth=0.8))
    return width
