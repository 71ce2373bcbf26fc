"""Inception 块的图：几条路从同一个输入出发，各走各的，末端沿通道拼接。"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import canvas
from dlnotes.style import BLUE, FAINT, ORANGE

STEP = 1.0  # 相邻两层的间距
ROW = 0.52  # 一层占几英寸


@dataclass(frozen=True)
class Block:
    """一个块：``columns`` 每项是一条路，自上而下的层名；名字里有“池化”的涂灰，其余是卷积。"""

    source: str  # 写在顶上的横条里
    columns: Sequence[Sequence[str]]
    result: str  # 写在底下的横条里


def paths(*blocks: Block) -> Figure:
    """上下叠放几个块的数据流：橙色的横条是输入与拼接，方框是一层，短的路居中。"""
    rows = [max(map(len, block.columns)) for block in blocks]
    heights = [ROW * (n + 2.5) for n in rows]
    figure = canvas(sum(heights))
    cells = figure.subplots(len(blocks), 1, height_ratios=heights, squeeze=False).flat
    for axes, block, n in zip(cells, blocks, rows, strict=True):
        _block(axes, block, n)
    return figure


def _block(axes: Axes, block: Block, rows: int) -> None:
    wide, bottom = len(block.columns), -(rows + 1) * STEP
    box(axes, ((wide - 1) / 2, 0), (wide - 0.12, 0.6), block.source, ORANGE)
    box(axes, ((wide - 1) / 2, bottom), (wide - 0.12, 0.6), block.result, ORANGE)
    for x, layers in enumerate(block.columns):
        y = -0.3
        for k, label in enumerate(layers):
            middle = bottom * (k + 1) / (len(layers) + 1)
            arrow(axes, (x, y), (x, middle + 0.34))
            box(axes, (x, middle), (0.9, 0.68), label, FAINT if "池化" in label else BLUE)
            y = middle - 0.34
        arrow(axes, (x, y), (x, bottom + 0.3))
    axes.set_xlim(-0.5, wide - 0.5)
    axes.set_ylim(bottom - 0.4, 0.4)
    axes.set_axis_off()
