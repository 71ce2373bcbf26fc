"""双向循环网络的图：沿时间展开的两条链；每个位置看得见什么。"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import bare, canvas, panels
from dlnotes.style import BLUE, FAINT, HEAT, INK, ORANGE

ROWS = {"input": 0.0, "ahead": 1.0, "back": 2.0, "output": 3.0}
SIDE = 0.21  # 前向的框偏左、反向的框偏右：竖线才不穿过框


def chains(tokens: Sequence[str], target: int) -> Figure:
    """画展开的双向层：蓝的一排从左读到右，橙的一排从右读到左；通到第 ``target`` 个输出的线与框是深的。

    参数:
        tokens: 每一步的输入，3 到 7 个。
        target: 从 0 数起，越界时抛出 ``IndexError``。
    """
    if not 0 <= target < len(tokens):
        raise IndexError(f"target 应在 0 到 {len(tokens) - 1} 之间，得到 {target}")
    figure = canvas(2.9)
    axes = figure.add_subplot()
    axes.set_axis_off()
    for t, token in enumerate(tokens):
        box(axes, (t, ROWS["input"]), (0.8, 0.5), token)
        ways = (
            ("ahead", -SIDE, BLUE, t <= target, 1, "right"),
            ("back", SIDE, ORANGE, t >= target, -1, "left"),
        )
        for name, side, color, used, ahead, head in ways:
            height, shade = ROWS[name], color if used else FAINT
            symbol = rf"$\over{head}arrow{{h}}_{t + 1}$"
            box(axes, (t + side, height), (0.36, 0.5), symbol, shade, opacity=0.25 if used else 0.03)
            arrow(axes, (t + side, 0.26), (t + side, height - 0.26), shade)
            if 0 <= t + ahead < len(tokens):
                used_on = used and t != target
                start, end = t + side + 0.19 * ahead, t + ahead + side - 0.19 * ahead
                arrow(axes, (start, height), (end, height), color if used_on else FAINT)
            if t == target:
                arrow(axes, (t + side, height + 0.26), (t + side, ROWS["output"] - 0.26), color)
    box(axes, (target, ROWS["output"]), (0.8, 0.5), f"$o_{target + 1}$", INK)
    axes.set(xlim=(-0.5, len(tokens) - 0.5), ylim=(-0.3, 3.3))
    return figure


def sight(maps: Mapping[str, Tensor], offsets: Sequence[int], *, columns: int = 2) -> Figure:
    """每格一种读法：行是输出的位置，列是输入的位置，有色是看得见；圈是这一行要猜的那个输入。

    圈落在有色的格子里就是漏题，画成橙色。

    参数:
        maps: 名字 → (T, T) 的布尔，如 ``leakage.visible`` 的结果。
        offsets: 每格要猜的输入在第几个位置之后：语言模型 1，填空 0。

    ``offsets`` 的个数与 ``maps`` 不同时抛出 ``ValueError``。
    """
    if len(offsets) != len(maps):
        raise ValueError(f"{len(maps)} 格应配 {len(maps)} 个 offsets，得到 {len(offsets)} 个")
    rows = -(-len(maps) // columns)
    figure, cells = panels(rows, columns, height=2.5)
    for axes in cells[len(maps) :]:
        axes.remove()
    for axes, (name, seen), offset in zip(cells, maps.items(), offsets, strict=False):
        T = len(seen)
        axes.imshow(seen.float().numpy(), cmap=HEAT, vmin=0, vmax=1)
        ticks = [k - 0.5 for k in range(1, T)]
        axes.vlines(ticks, -0.5, T - 0.5, color=FAINT, linewidth=0.5)
        axes.hlines(ticks, -0.5, T - 0.5, color=FAINT, linewidth=0.5)
        for t in range(T):
            if 0 <= t + offset < T:
                color = ORANGE if seen[t, t + offset] else INK
                axes.plot(
                    t + offset, t, "o", markersize=7, color=color, markerfacecolor="none", markeredgewidth=1.6
                )
        axes.set_xticks(range(T), [str(k + 1) for k in range(T)])
        axes.set_yticks(range(T), [str(k + 1) for k in range(T)])
        axes.set(title=name, xlabel="输入", ylabel="输出")
        bare(axes)
    return figure
