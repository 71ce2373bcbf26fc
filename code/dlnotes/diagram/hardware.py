"""硬件的图：一块主板上的数据要走哪些路；屋顶线与落在它下面的运算。"""

from collections.abc import Mapping
from string import ascii_uppercase

import numpy as np
from matplotlib.figure import Figure

from dlnotes.diagram.shapes import arrow, box
from dlnotes.hardware.roofline import Roofline
from dlnotes.plot import canvas, panels
from dlnotes.style import BLUE, FAINT, INK, ORANGE

# 自上而下，越往下越大、越慢。延迟取《动手学深度学习》12.4 节的表。
CPU = (("核：寄存器", ""), ("L1", "1.5 ns"), ("L2", "5 ns"), ("L3", "16 ns"), ("内存", "46–75 ns"))
GPU = (("SM：寄存器", ""), ("共享内存 / L1", "30 ns"), ("L2", ""), ("显存", "200 ns"))


def machine() -> Figure:
    """画一块主板：左边 CPU 一侧，右边 GPU 一侧，各自的存储自上而下越来越大、越来越慢；中间是总线。"""
    figure = canvas(4.3)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, 10), ylim=(-1.5, 6.1))
    axes.text(2.3, 5.75, "CPU", ha="center")
    axes.text(7.7, 5.75, "GPU", ha="center")
    for center, levels, color in ((2.3, CPU, BLUE), (7.7, GPU, ORANGE)):
        gap = 5 / len(levels)
        for i, (name, latency) in enumerate(levels):
            width = 2.2 + 2.0 * i / (len(levels) - 1)
            y = 5.4 - gap * (i + 1) + 0.2
            label = f"{name}  {latency}".strip()
            box(axes, (center, y + (gap - 0.35) / 2), (width, gap - 0.35), label, color)
            if i:
                arrow(axes, (center, y + gap - 0.35), (center, y + gap), both=True)
    arrow(axes, (4.4, 0.9), (5.6, 0.9), both=True)
    axes.text(5.0, 1.75, "PCIe", ha="center", fontsize=9)
    axes.text(5.0, 1.35, "1 MB", ha="center", fontsize=8)
    axes.text(5.0, 0.35, "80 μs", ha="center", fontsize=8)
    box(axes, (2.3, -0.925), (4.2, 0.75), "SSD  读 1 MB 208 μs", FAINT)
    box(axes, (7.7, -0.925), (4.2, 0.75), "另一块 GPU", FAINT)
    arrow(axes, (2.3, -0.55), (2.3, 0.6), both=True)
    arrow(axes, (7.7, -0.55), (7.7, 0.6), both=True)
    axes.text(7.85, -0.2, "NVLink  1 MB 30 μs", fontsize=8, va="center")
    return figure


def roofline(
    roof: Roofline, points: Mapping[str, tuple[float, float]], *, cache: Roofline | None = None
) -> Figure:
    """画屋顶线与各个运算：横轴是算术强度，纵轴是每秒多少次运算，都取对数；点按次序标 A、B、C……

    参数:
        points: 名字 →（算术强度，FLOP/s）；至多 26 个，否则抛出 ``ValueError``。
        cache: 数据放得进缓存时的屋顶，画成虚线。
    """
    if len(points) > len(ascii_uppercase):
        raise ValueError(f"至多 {len(ascii_uppercase)} 个点，得到 {len(points)}")
    figure, (axes,) = panels(1, height=4.4)
    xs = [x for x, _ in points.values()]
    reach = np.geomspace(min([*xs, roof.ridge]) / 2, max([*xs, roof.ridge]) * 2, 200)
    for one, style, label in ((cache, "--", "缓存的屋顶"), (roof, "-", "内存的屋顶")):
        if one is not None:
            heights = [one.attainable(x) / 1e9 for x in reach]
            axes.plot(reach, heights, color=INK, linestyle=style, linewidth=1.4, label=label)
    axes.axvline(roof.ridge, color=FAINT, linestyle=":", linewidth=1)
    for letter, (name, (x, speed)) in zip(ascii_uppercase, points.items(), strict=False):
        color = BLUE if x < roof.ridge else ORANGE
        sign = f"$\\mathrm{{{letter}}}$"
        (point,) = axes.plot(x, speed / 1e9, color=color, linestyle="", marker=sign, label=name)
        point.set(markersize=8, markeredgewidth=0)
    axes.set(xscale="log", yscale="log", xlabel="算术强度（FLOP / 字节）", ylabel="GFLOP/s")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure
