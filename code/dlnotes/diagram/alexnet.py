"""AlexNet 的图：两块 GPU 上的两座塔，一排排的滤波器。"""

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import bare, canvas, panels
from dlnotes.style import BLUE, FAINT, INK, ORANGE, SIGNED, WIDTH

# 运算、每块 GPU 上的输出、是否读两块 GPU 的输出；论文图 2。
TOWERS = (
    ("11×11 卷积，步幅 4", "48×55×55", True),
    ("LRN，3×3 池化", "48×27×27", False),
    ("5×5 卷积", "128×27×27", False),
    ("LRN，3×3 池化", "128×13×13", False),
    ("3×3 卷积", "192×13×13", True),
    ("3×3 卷积", "192×13×13", False),
    ("3×3 卷积", "128×13×13", False),
    ("3×3 池化", "128×6×6", False),
    ("全连接，丢弃", "2048", True),
    ("全连接，丢弃", "2048", True),
)
BOX, GAP = (2.22, 0.56), 0.28  # 方框的宽高，以及它的中心到上下边的距离


def towers() -> Figure:
    """画论文的结构，自上而下：左右两列是两块 GPU，橙色的交叉线是两块 GPU 互读的地方。"""
    figure = canvas(5.6)
    axes = figure.add_subplot()
    columns = (0.0, 3.2)
    box(axes, (1.6, 0), BOX, "3×224×224", INK)
    for row, (operation, shape, crossing) in enumerate(TOWERS, start=1):
        axes.text(5.0, -row, operation, va="center", fontsize=9)
        color = ORANGE if crossing and row > 1 else FAINT
        for x in columns:
            box(axes, (x, -row), BOX, shape, BLUE)
            sources = (1.6,) if row == 1 else columns if crossing else (x,)
            for source in sources:
                arrow(axes, (source, 1 - row - GAP), (x, GAP - row), color)
    last = len(TOWERS) + 1
    box(axes, (1.6, -last), BOX, "1000 类", INK)
    axes.text(5.0, -last, "全连接", va="center", fontsize=9)
    for x in columns:
        arrow(axes, (x, 1 - last - GAP), (1.6, GAP - last), ORANGE)
        axes.text(x, -0.2, f"GPU {1 + columns.index(x)}", ha="center", fontsize=9)
    axes.set(xlim=(-1.3, 8.0), ylim=(-last - 0.6, 0.6))
    axes.set_axis_off()
    return figure


def filters(rows: Mapping[str, Tensor]) -> Figure:
    """每行一组滤波器，名字在上面：蓝是正，橙是负，透明是零；每个滤波器各按自己的最大值上色。

    形状:
        rows: 名字 → (K, h, w)，各行相同。
    """
    K, h, w = next(iter(rows.values())).shape
    figure, drawn = panels(len(rows), height=0.35 + WIDTH * h / (K * w))
    for axes, (name, kernels) in zip(drawn, rows.items(), strict=True):
        scaled = kernels / kernels.abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)
        axes.imshow(scaled.detach().cpu().permute(1, 0, 2).flatten(1).numpy(), cmap=SIGNED, vmin=-1, vmax=1)
        axes.vlines([n * w - 0.5 for n in range(K + 1)], -0.5, h - 0.5, color=FAINT, linewidth=0.8)
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize=9)
        bare(axes)
    return figure
