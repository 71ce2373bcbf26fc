"""VGG 的图：网络从下往上叠的样子、一个单元到输入的路径数、激活与参数各在哪里。"""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from dlnotes.diagram.shapes import box
from dlnotes.plot import bare, canvas, panels
from dlnotes.style import BLUE, FAINT, HEAT, ORANGE


def stacks(networks: Mapping[str, nn.Module]) -> Figure:
    """并排画几个网络，输入在下：3×3 的卷积是蓝的，更大的核是橙的，灰的是全连接，短横线是池化。

    层取自模型本身，按 ``modules()`` 的次序；其余的层不画。
    """
    columns = [list(_labels(network)) for network in networks.values()]
    top = max(_height(column) for column in columns)
    figure = canvas(0.4 + 0.27 * top)
    axes = figure.add_subplot()
    for x, (title, column) in enumerate(zip(networks, columns, strict=True)):
        y = 0.0
        for label, color in column:
            y += _pool(axes, x, y) if not label else _layer(axes, x, y, label, color)
        axes.text(x, y + 0.3, title, ha="center")
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-0.1, top + 1))
    axes.set_axis_off()
    return figure


def paths(counts: Mapping[str, Tensor]) -> Figure:
    """并排画几张小方阵，格里写数，0 不写；深浅各按自己的最大值。

    形状:
        counts: 每项 (H, W)。
    """
    figure, cells = panels(1, len(counts), height=2.1)
    for axes, (title, matrix) in zip(cells, counts.items(), strict=True):
        axes.imshow(matrix.numpy(), cmap=HEAT, vmin=0, vmax=matrix.max().item())
        for i, row in enumerate(matrix.tolist()):
            for j, value in enumerate(row):
                if value:
                    axes.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=7)
        edges = [n - 0.5 for n in range(len(matrix) + 1)]
        axes.hlines(edges, -0.5, len(matrix) - 0.5, color=FAINT, linewidth=0.4)
        axes.vlines(edges, -0.5, len(matrix) - 0.5, color=FAINT, linewidth=0.4)
        axes.set(title=title, xticks=[], yticks=[])
        bare(axes)
    return figure


def balance(
    names: Sequence[str], left: Sequence[float], right: Sequence[float], titles: tuple[str, str]
) -> Figure:
    """背靠背画两列横条，每列写成占自己总和的百分比；第一项在最上面，名字在中间。"""
    figure, pair = panels(1, 2, height=0.6 + 0.32 * len(names), sharey=True)
    for axes, values, title, color in zip(pair, (left, right), titles, (BLUE, ORANGE), strict=True):
        shares = [value / sum(values) for value in values]
        axes.barh(names, shares, color=color, height=0.65)
        for y, share in enumerate(shares):
            side = "right" if axes is pair[0] else "left"
            axes.text(share, y, f" {share:.1%} ", ha=side, va="center", fontsize=9)
        axes.set(title=title, xticks=[], xlim=(0, 1.3 * max(shares)))
        bare(axes)
    pair[0].invert_xaxis()
    pair[0].invert_yaxis()
    pair[0].yaxis.tick_right()
    pair[1].tick_params(labelleft=False)
    return figure


def _labels(network: nn.Module) -> list[tuple[str, str]]:
    found = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            k = module.kernel_size[0]
            found.append((f"{k}×{k}, {module.out_channels}", BLUE if k == 3 else ORANGE))
        elif isinstance(module, nn.Linear):
            found.append((f"全连接 {module.out_features}", FAINT))
        elif isinstance(module, nn.MaxPool2d):
            found.append(("", ""))
    return found


def _height(column: Sequence[tuple[str, str]]) -> float:
    return sum(1.0 if label else 0.45 for label, _ in column)


def _layer(axes: Axes, x: float, y: float, label: str, color: str) -> float:
    box(axes, (x, y + 0.4), (0.84, 0.8), label, color, rounding=0.06)
    return 1.0


def _pool(axes: Axes, x: float, y: float) -> float:
    axes.hlines(y + 0.12, x - 0.2, x + 0.2, color=FAINT, linewidth=2.5)
    return 0.45
