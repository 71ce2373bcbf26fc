"""一个 GPU 机群的图：机器里面的连线与机器之间的连线，粗细按带宽。"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dlnotes.diagram.shapes import box
from dlnotes.plot import canvas
from dlnotes.style import BLUE, FAINT, INK, ORANGE

GPUS = 4


def cluster(machines: int = 2) -> Figure:
    """画 ``machines`` 台机器：4 块 GPU 由 NVLink 相连，经 PCIe 到 CPU；机器之间经交换机，样本在存储里。"""
    figure = canvas(3.3)
    axes = figure.add_subplot()
    axes.set_axis_off()
    wide = 5.2
    center = (machines - 1) * wide / 2
    for m in range(machines):
        _machine(axes, m * wide, m)
        _line(axes, (m * wide, 2.1), (center + (m - (machines - 1) / 2) * 0.8, 3.3), FAINT, 1.2)
    box(axes, (center, 3.6), (2.6, 0.6), "交换机", FAINT)
    _line(axes, (center, 3.9), (center, 4.6), FAINT, 1.2)
    box(axes, (center, 4.9), (4.4, 0.6), "分布式文件系统（样本）", FAINT)
    axes.text(center + 1.6, 3.0, "网络 1–10 GB/s", color=INK, fontsize=9, ha="left", va="center")
    axes.set_xlim(-2.5, (machines - 1) * wide + 2.5)
    axes.set_ylim(-1.75, 5.3)
    return figure


def _machine(axes: Axes, x: float, number: int) -> None:
    """画一台机器：上面是 CPU，下面一排 GPU。"""
    outline = FancyBboxPatch(
        (x - 2.4, -1.7),
        4.8,
        3.55,
        boxstyle="round,pad=0,rounding_size=0.15",
        facecolor="none",
        edgecolor=FAINT,
    )
    axes.add_patch(outline)
    axes.text(x - 2.25, 1.5, f"worker {number}", fontsize=9, va="center")
    box(axes, (x, 1.5), (1.3, 0.6), "CPU", FAINT)
    _line(axes, (x, 1.8), (x, 2.1), FAINT, 1.2)
    spots = [x + (k - (GPUS - 1) / 2) * 1.15 for k in range(GPUS)]
    for k, spot in enumerate(spots):
        _line(axes, (x, 1.2), (spot, -0.1), ORANGE, 1.8)
        box(axes, (spot, -0.4), (0.95, 0.6), "GPU", BLUE)
        if k:
            _line(axes, (spots[k - 1] + 0.475, -0.4), (spot - 0.475, -0.4), BLUE, 4.5)
    axes.text(x + 1.0, 0.85, "PCIe 16", color=ORANGE, fontsize=9, va="center")
    axes.text(x, -1.1, "NVLink 每条 18 GB/s 起", color=BLUE, fontsize=9, ha="center", va="center")


def _line(axes: Axes, a: tuple[float, float], b: tuple[float, float], color: str, width: float) -> None:
    axes.plot(*zip(a, b, strict=True), color=color, linewidth=width, zorder=0, solid_capstyle="butt")
