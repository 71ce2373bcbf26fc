"""丢弃法的图：同一个网络，换一张掩码就是另一个更瘦的网络。"""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from dlnotes.plot import bare, panels
from dlnotes.style import BLUE, FAINT, HEAT


def thinned(networks: Mapping[str, Sequence[Tensor]]) -> Figure:
    """并排画几个子网络：实心的单元留下，打 × 的丢掉，只有两头都在的连线才画。输入在下，输出在上。

    参数:
        networks: 名字 → 从输入到输出每一层的掩码，每张是 (units,) 的 bool，真是留下。
    """
    figure, cells = panels(1, len(networks), height=2.1)
    for axes, (name, keeps) in zip(cells, networks.items(), strict=True):
        _network(axes, [keep.tolist() for keep in keeps])
        axes.set_title(name, fontsize=10)
    return figure


def _network(axes: Axes, keeps: list[list[bool]]) -> None:
    widest = max(map(len, keeps))
    places = [
        [((widest - len(keep)) / 2 + i, 1.6 * level) for i in range(len(keep))]
        for level, keep in enumerate(keeps)
    ]
    links = [
        (places[level][i], places[level + 1][j])
        for level in range(len(keeps) - 1)
        for i, here in enumerate(keeps[level])
        for j, there in enumerate(keeps[level + 1])
        if here and there
    ]
    axes.add_collection(LineCollection(links, colors=FAINT, linewidths=0.5, zorder=1))
    for kept, marker, size, color in ((True, "o", 42, BLUE), (False, "x", 26, FAINT)):
        chosen = [
            place
            for row, keep in zip(places, keeps, strict=True)
            for place, k in zip(row, keep, strict=True)
            if k is kept
        ]
        if chosen:
            x, y = zip(*chosen, strict=True)
            axes.scatter(x, y, s=size, color=color, marker=marker, linewidth=1.4, zorder=2)
    axes.set_xlim(-0.6, widest - 0.4)
    axes.set_ylim(-0.6, 1.6 * (len(keeps) - 1) + 0.6)
    axes.set_axis_off()


def masks(named: Mapping[str, Tensor]) -> Figure:
    """并排画几张掩码：实心的格子留下，空的丢掉；名字写在上面。

    形状:
        named: 名字 → (R, C) 的 bool，真是留下。
    """
    figure, cells = panels(1, len(named), height=1.9)
    for axes, (name, keep) in zip(cells, named.items(), strict=True):
        rows, columns = keep.shape
        axes.imshow(keep.double().numpy(), cmap=HEAT, vmin=0, vmax=1)
        axes.hlines([r - 0.5 for r in range(rows + 1)], -0.5, columns - 0.5, color=FAINT, linewidth=0.8)
        axes.vlines([c - 0.5 for c in range(columns + 1)], -0.5, rows - 0.5, color=FAINT, linewidth=0.8)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(name, fontsize=10)
        bare(axes)
    return figure
