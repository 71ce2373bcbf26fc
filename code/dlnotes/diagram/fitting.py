"""拟合的图：一份数据上的几条曲线，以及几种切法各把哪些样本拿去验证。"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from dlnotes import plot
from dlnotes.style import BLUE, FAINT, ORANGE

Curve = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Fit:
    """一格里的内容：样本，真实的曲线，拟合出的曲线。"""

    title: str
    x: Tensor  # (N,)
    y: Tensor  # (N,)
    truth: Curve
    fitted: Curve


def fits(cells: Sequence[Fit], *, columns: int = 1, height: float = 1.7) -> Figure:
    """每格画样本（灰点）、真实的曲线（蓝，虚线）与拟合的曲线（橙）；纵轴只留样本附近的范围。"""
    figure, panels = plot.panels(-(-len(cells) // columns), columns, height=height)
    for axes, cell in zip(panels, cells, strict=False):
        grid = torch.linspace(cell.x.min().item(), cell.x.max().item(), 201, dtype=torch.float64)
        low, high = cell.y.min().item(), cell.y.max().item()
        room = 0.25 * (high - low)
        axes.plot(cell.x, cell.y, "o", color=FAINT, markersize=3.5, label="样本")
        axes.plot(grid, cell.truth(grid), "--", color=BLUE, label="真实")
        # 冲出画面的部分先截断：不然 SVG 里会留着天文数字的坐标。
        seen = cell.fitted(grid).clamp(low - 9 * room, high + 9 * room)
        axes.plot(grid, seen, color=ORANGE, label="拟合")
        axes.set_ylim(low - room, high + room)
        axes.set_title(cell.title)
    for axes in panels[len(cells) :]:
        axes.set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def folds(ways: Mapping[str, Sequence[tuple[Tensor, Tensor]]], n: int) -> Figure:
    """画几种切法：每种一块，每行一轮，每列一个样本；橙是验证，蓝是训练，透明是这一轮不用。

    参数:
        ways: 切法的名字 → 各轮的（训练，验证）下标，下标在 0 到 ``n`` − 1 之间。
    """
    colors = ListedColormap(["#00000000", (BLUE, 0.35), (ORANGE, 0.9)])
    figure, panels = plot.panels(len(ways), height=1.25)
    for axes, (name, splits) in zip(panels, ways.items(), strict=True):
        use = torch.zeros(len(splits), n)
        for row, (train, held_out) in zip(use, splits, strict=True):
            row[train], row[held_out] = 1, 2
        axes.imshow(use.numpy(), cmap=colors, vmin=0, vmax=2, aspect="auto")
        axes.set(title=name, xticks=[], yticks=[0, len(splits) - 1])
        axes.set_yticklabels(["第 1 轮", f"第 {len(splits)} 轮"])
        axes.hlines([i - 0.5 for i in range(1, len(splits))], -0.5, n - 0.5, color=FAINT, linewidth=0.6)
        plot.bare(axes)
    panels[-1].set(xlabel=f"{n} 个样本")
    return figure
