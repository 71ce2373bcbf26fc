"""数值稳定性的图：连乘的增长、激活函数与恒等、逐层的直方图、逐层的大小。"""

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from dlnotes.plot import canvas, panels
from dlnotes.style import BLUE, COLORS, FAINT, INK, ORANGE

FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
    "4·sigmoid − 2": lambda x: 2 * torch.tanh(x / 2),  # 同一个函数，0 附近不做两个近似的数相减
}


def growth(logs: Tensor, slope: float, *, shown: int = 12) -> Figure:
    """画连乘的增长：细线是头 ``shown`` 次抽样，粗线是均值，色带是 ± 标准差，虚线是理论的斜率。

    形状:
        logs: (draws, steps)，乘积范数的自然对数；图上换成以 10 为底。
    """
    logs = logs / math.log(10)
    steps = range(1, logs.shape[1] + 1)
    mean, std = logs.mean(dim=0), logs.std(dim=0)
    figure, (axes,) = panels(1, height=3.0)
    for run in logs[:shown, ::2]:  # 隔一步画一点：一条线少一半，看不出差别
        axes.plot(steps[::2], run, color=FAINT, linewidth=0.6, alpha=0.6)
    axes.fill_between(steps, mean - std, mean + std, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(steps, mean, color=BLUE, label=f"{len(logs)} 次抽样的均值")
    theory = mean[0] + slope / math.log(10) * torch.arange(len(mean))
    axes.plot(steps, theory, "--", color=ORANGE, label="理论的斜率")
    axes.plot([], [], color=FAINT, linewidth=0.6, label="单独一次")
    axes.set(xlabel="乘了几个矩阵", ylabel="范数，10 的几次方")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def activations() -> Figure:
    """画四个激活函数（上）与它们的导数（下）；点线是恒等函数与它的导数 1。"""
    x = torch.linspace(-4, 4, 161, requires_grad=True)
    figure, (top, bottom) = panels(2, height=2.0, sharex=True)
    for (name, function), color in zip(FUNCTIONS.items(), COLORS, strict=True):
        y = function(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
        style = "--" if name.startswith("4") else "-"
        top.plot(x.detach(), y.detach(), style, color=color, label=name)
        bottom.plot(x.detach(), slope, style, color=color)
    top.plot([-2, 2], [-2, 2], ":", color=INK, label="恒等")
    bottom.axhline(1, linestyle=":", color=INK)
    top.set(ylabel="函数值", ylim=(-2.2, 2.2))
    bottom.set(ylabel="导数", xlabel="x", ylim=(-0.05, 1.15))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def histograms(
    samples: Mapping[str, Sequence[Tensor]], layers: Sequence[int], *, limit: float = 1.0
) -> Figure:
    """每行一种初始化，每列一层：激活的直方图，横轴都是 ±``limit``，高度各按自己的最大值。

    参数:
        samples: 名字 → 从第 1 层起每层的激活，任意形状。
        layers: 画哪几层，从 1 数起。
    """
    figure = canvas(len(samples) * 1.0 + 0.3)
    grid = figure.subplots(len(samples), len(layers), squeeze=False, sharex=True)
    edges = torch.linspace(-limit, limit, 32)
    for row, (name, hidden) in zip(grid, samples.items(), strict=True):
        for axes, layer in zip(row, layers, strict=True):
            values = hidden[layer - 1].flatten().float().cpu()
            counts = torch.histc(values, len(edges) - 1, -limit, limit)
            axes.stairs(counts.numpy(), edges.numpy(), fill=True, color=BLUE)
            axes.text(
                0.98, 0.93, f"{values.std():.1g}", transform=axes.transAxes, fontsize=8, ha="right", va="top"
            )
            axes.set_ylim(0, 1.3 * counts.max().item())  # 上面留出写标准差的地方
            axes.set_yticks([])
            axes.grid(visible=False)
        row[0].set_ylabel(name)
    for axes, layer in zip(grid[0], layers, strict=True):
        axes.set_title(f"第 {layer} 层")
    return figure


def through_layers(
    rows: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    ylabel: str,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """上下叠放几块，每块几条线：一个量怎样随层数变化，纵轴是对数。

    参数:
        rows: 块的名字 → 线的名字 → 从第 1 层起每层一个正数；各块的线名相同，至多四条。
        levels: 名字 → 高度，各画一条点线。
    """
    figure, blocks = panels(len(rows), height=2.1, sharex=True)
    for axes, (title, lines) in zip(blocks, rows.items(), strict=True):
        for (name, values), color in zip(lines.items(), COLORS, strict=False):
            label = name if axes is blocks[0] else None
            axes.plot(range(1, len(values) + 1), values, color=color, label=label)
        for name, level in (levels or {}).items():
            axes.axhline(level, color=FAINT, linestyle=":", label=name if axes is blocks[0] else None)
        axes.set(yscale="log", ylabel=ylabel, title=title)
    blocks[-1].set_xlabel("层")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
