"""感知机与多层感知机的图：分界线、网络的结构、决策区域、隐藏层怎样折叠平面。"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from dlnotes.perceptron import Run
from dlnotes.plot import canvas, panels
from dlnotes.style import BLUE, FAINT, INK, MARKERS, ORANGE, SIGNED, WIDTH

Scores = Callable[[Tensor], Tensor]  # (M, 2) → (M,)：大于 0 判为正类


def perceptron_runs(runs: Mapping[str, tuple[Tensor, Tensor, Run]], *, epochs: int) -> Figure:
    """每列一次感知机的训练：上是数据与每轮之后的分界线（越新越深），下是前 ``epochs`` 轮每轮错几个。

    参数:
        runs: 名字 →（x，y，记录）；x 是 (N, 2)，y 是 (N,)，取值 −1 或 1。
    """
    figure = canvas(4.2)
    rows = figure.subplots(2, len(runs), squeeze=False, height_ratios=(3, 2))
    for top, bottom, (name, (x, y, run)) in zip(*rows, runs.items(), strict=True):
        _points(top, x, y > 0)
        top.set(xlim=_around(x[:, 0]), ylim=_around(x[:, 1]), xlabel="$x_1$", ylabel="$x_2$", title=name)
        lines = [state for state in run.states[1:] if state[:2].any()]
        for n, (w1, w2, b) in enumerate(torch.stack(lines).tolist() if lines else (), start=1):
            near = -b * np.array((w1, w2)) / (w1**2 + w2**2)  # 直线上离原点最近的点
            last = n == len(lines)
            top.axline(
                near, near + np.array((-w2, w1)), color=INK if last else FAINT, linewidth=2 if last else 0.8
            )
        seen = run.mistakes[:epochs]
        bottom.bar(range(1, len(seen) + 1), seen, color=BLUE)
        bottom.set(xlabel="轮", ylabel="错的次数", xlim=(0.2, epochs + 0.8))
    return figure


def network(parameters: Mapping[str, Tensor], inputs: Sequence[str], outputs: Sequence[str]) -> Figure:
    """画一个小网络：圆是单元，圆下是偏置，线上是权重；蓝为正，橙为负，为零的不画。

    参数:
        parameters: 键同 ``MLP``；最多几个单元，多了字会叠在一起。
    """
    figure = canvas(2.4)
    axes = figure.add_subplot()
    axes.set_axis_off()
    weights = [p for name, p in parameters.items() if name.endswith("weight")]
    biases = [p for name, p in parameters.items() if name.endswith("bias")]
    sizes = [weights[0].shape[1], *(len(w) for w in weights)]
    hidden = [[f"$h_{{{k + 1}}}$" for k in range(n)] for n in sizes[1:-1]]
    for column, names in enumerate([list(inputs), *hidden, list(outputs)]):
        for k, label in enumerate(names):
            x, y = _place(column, k, len(names))
            axes.plot(x, y, "o", markersize=32, color=INK, markerfacecolor="none", markeredgewidth=1.4)
            axes.text(x, y, label, ha="center", va="center", fontsize=11)
            if column:
                bias = biases[column - 1][k].item()
                axes.text(x, y - 0.36, f"偏置 {bias:g}", ha="center", va="top", fontsize=9)
    for column, weight in enumerate(weights):
        for j, row in enumerate(weight.tolist()):
            for k, value in enumerate(row):
                _edge(axes, _place(column, k, len(row)), _place(column + 1, j, len(weight)), value)
    axes.set(xlim=(-0.3, len(weights) + 0.3), ylim=(-1.35, 1.05))
    return figure


def regions(
    scores: Mapping[str, Scores], x: Tensor, positive: Tensor, *, columns: int = 3, margin: float = 0.5
) -> Figure:
    """每格一个模型：底色是得分的正负与大小（蓝为正，橙为负），线是得分为零处，点是数据。

    形状:
        x: (N, 2)；positive: (N,)，布尔。
    """
    rows = -(-len(scores) // columns)
    figure, cells = panels(rows, columns, height=WIDTH / columns + 0.3)
    for axes in cells:
        axes.set_axis_off()
    for axes, (name, score) in zip(cells, scores.items(), strict=False):
        _region(axes, score, x, positive, margin)
        axes.set_title(name, fontsize=9)
    return figure


def folded(x: Tensor, positive: Tensor, hidden: Tensor, output: Scores, names: Sequence[str]) -> Figure:
    """左是输入平面里的点，右是同一些点在隐藏层里的位置与输出层的那条直线。

    形状:
        x: (N, 2)；positive: (N,)，布尔；hidden: (N, 2)，隐藏层的输出。
    """
    figure, (left, right) = panels(1, 2, height=2.7)
    for axes, points, title in ((left, x, "输入"), (right, hidden, "隐藏层")):
        if points is hidden:
            _region(axes, output, hidden, positive, 0.5)
        else:
            _points(axes, points, positive)
            axes.set(xlim=_around(points[:, 0]), ylim=_around(points[:, 1]))
        places: dict[tuple[float, float], list[str]] = {}
        for (u, v), name in zip(points.tolist(), names, strict=True):
            places.setdefault((u, v), []).append(name)
        for place, here in places.items():
            # 正类的名字写在下面，负类的写在上面：隐藏层里的那条线正从它们中间过。
            up = not positive[names.index(here[0])]
            axes.annotate(
                "、".join(here),
                place,
                xytext=(0, 7 if up else -7),
                textcoords="offset points",
                ha="center",
                va="bottom" if up else "top",
                fontsize=9,
            )
        axes.set_title(title)
        axes.set_aspect("equal")
    left.set(xlabel="$x_1$", ylabel="$x_2$")
    right.set(xlabel="$h_1$", ylabel="$h_2$")
    return figure


def templates(weight: Tensor, titles: Sequence[str], *, side: int = 28, columns: int = 5) -> Figure:
    """把每个单元的权重排成图的样子：蓝的像素亮，这个单元就高；橙的像素亮，它就低。

    每格各按自己最大的绝对值上色，格与格之间不能比深浅。

    形状:
        weight: (U, side²)，U 与 ``titles`` 的个数相同。
    """
    rows = -(-len(weight) // columns)
    figure, cells = panels(rows, columns, height=WIDTH / columns + 0.25)
    for axes in cells:
        axes.set_axis_off()
    for axes, row, title in zip(cells, weight.detach().cpu(), titles, strict=False):
        bound = row.abs().max().clamp(min=1e-12).item()
        axes.imshow(row.view(side, side).numpy(), cmap=SIGNED, vmin=-bound, vmax=bound)
        axes.set_title(title, fontsize=9)
    return figure


def _region(axes: Axes, score: Scores, x: Tensor, positive: Tensor, margin: float) -> None:
    (left, right), (low, high) = _around(x[:, 0], margin), _around(x[:, 1], margin)
    steps = 80
    v, u = torch.meshgrid(torch.linspace(low, high, steps), torch.linspace(left, right, steps), indexing="ij")
    grid = torch.stack([u, v], dim=-1).view(-1, 2)
    values = score(grid).detach().view(steps, steps)
    # 双曲正切把很大的得分压住，否则靠近分界的地方几乎没有颜色。
    shade = values.tanh().numpy()
    axes.imshow(
        shade, cmap=SIGNED, vmin=-2, vmax=2, origin="lower", extent=(left, right, low, high), aspect="auto"
    )
    # 死掉的网络处处输出同一个数，剩下的只是舍入误差，没有分界可画。
    if values.max() > 1e-3 and values.min() < -1e-3:
        axes.contour(u.numpy(), v.numpy(), values.numpy(), levels=[0.0], colors=INK, linewidths=1.2)
    _points(axes, x, positive)
    axes.grid(visible=False)


def _points(axes: Axes, x: Tensor, positive: Tensor) -> None:
    for chosen, color, marker in ((positive, BLUE, MARKERS[0]), (~positive, ORANGE, MARKERS[1])):
        across, up = x[chosen].T.numpy()
        axes.scatter(across, up, color=color, marker=marker, s=34, edgecolor=INK, linewidth=0.6, zorder=3)


def _around(values: Tensor, margin: float = 0.5) -> tuple[float, float]:
    return values.min().item() - margin, values.max().item() + margin


def _place(column: int, k: int, count: int) -> tuple[float, float]:
    return float(column), (count - 1) * 0.7 - 1.4 * k if count > 1 else 0.0


def _edge(axes: Axes, start: tuple[float, float], end: tuple[float, float], value: float) -> None:
    if value == 0:
        return
    color = BLUE if value > 0 else ORANGE
    arrow = {"arrowstyle": "->", "color": color, "linewidth": 1.4, "shrinkA": 18, "shrinkB": 18}
    axes.annotate("", end, start, arrowprops=arrow)
    # 标在靠起点的三分之一处：交叉的两条线在中点相遇，字会叠在一起。
    x, y = (s + (e - s) * 0.32 for s, e in zip(start, end, strict=True))
    axes.text(x, y + 0.07, f"{value:g}", ha="center", va="bottom", color=color, fontsize=10)
