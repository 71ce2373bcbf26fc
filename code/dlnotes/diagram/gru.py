"""门控循环单元的图：一步里的数据怎样流，门在一段文字上怎样开合。"""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from dlnotes.diagram.shapes import Point, arrow, box
from dlnotes.plot import bare, canvas, panels
from dlnotes.style import BLUE, FAINT, HEAT, INK, ORANGE


def cell() -> Figure:
    """画一步：上面一条是旧状态到新状态的直路，橙色是两个门，蓝色是候选。"""
    figure = canvas(2.3)
    axes = figure.add_subplot()
    top, middle, low, bottom = 4.4, 2.85, 1.3, 0.0
    # 状态的直路：乘 Z，再加上候选的那一份。
    axes.text(-0.1, top, "$h_{t-1}$", ha="center", va="center")
    axes.text(10.3, top, "$h_t$", ha="center", va="center")
    arrow(axes, (0.45, top), (5.75, top))
    arrow(axes, (6.25, top), (8.15, top))
    arrow(axes, (8.65, top), (9.95, top))
    _sign(axes, (6.0, top), "×")
    _sign(axes, (8.4, top), "+")
    # 更新门：向上管旧状态，向右管候选。
    box(axes, (6.0, middle), (1.5, 0.8), "更新门 z", ORANGE)
    arrow(axes, (6.0, middle + 0.4), (6.0, top - 0.25), ORANGE)
    arrow(axes, (6.75, middle), (8.15, middle), ORANGE)
    axes.text(7.45, middle + 0.1, "$1-z$", ha="center", va="bottom", fontsize=8, color=ORANGE)
    _sign(axes, (8.4, middle), "×")
    arrow(axes, (8.4, middle + 0.25), (8.4, top - 0.25), BLUE)
    # 重置门：旧状态乘过它，候选才看得见。
    box(axes, (1.9, low), (1.5, 0.8), "重置门 r", ORANGE)
    _sign(axes, (3.7, low), "×")
    arrow(axes, (2.65, low), (3.45, low), ORANGE)
    arrow(axes, (3.7, top), (3.7, low + 0.25))
    arrow(axes, (3.95, low), (7.55, low))
    box(axes, (8.4, low), (1.7, 0.8), r"候选 $\tilde{h}$", BLUE)
    arrow(axes, (8.4, low + 0.4), (8.4, middle - 0.25), BLUE)
    axes.text(8.4, bottom, "$x_t$", ha="center", va="center")
    arrow(axes, (8.4, bottom + 0.3), (8.4, low - 0.4))
    # 两个门都看输入与旧状态。
    axes.text(-0.1, bottom, "$x_t, h_{t-1}$", ha="center", va="center")
    axes.plot((0.75, 6.0), (bottom, bottom), color=FAINT, linewidth=1)
    arrow(axes, (1.9, bottom), (1.9, low - 0.4), FAINT)
    arrow(axes, (6.0, bottom), (6.0, middle - 0.4), FAINT)
    axes.set(xlim=(-0.9, 10.7), ylim=(-0.4, 4.9))
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure


def over_text(text: str, activity: Mapping[str, Tensor]) -> Figure:
    """画门在一段文字上的开合：一行一个单元，一列一个字符；空白是 0，深色是 1。

    参数:
        activity: 名字 → (T, U)，取值 [0, 1]；T 与 ``text`` 的长度不同时抛出 ``ValueError``。
    """
    for name, values in activity.items():
        if len(values) != len(text):
            raise ValueError(f"{name} 有 {len(values)} 步，文字有 {len(text)} 个字符")
    figure, rows = panels(len(activity), height=1.9)
    for axes, (name, values) in zip(rows, activity.items(), strict=True):
        axes.imshow(values.T.numpy(), cmap=HEAT, vmin=0, vmax=1, aspect="auto")
        axes.set_title(name, loc="left")
        axes.set_xticks(range(len(text)), [character if character != " " else "·" for character in text])
        axes.set_yticks([])
        axes.set_ylabel("单元")
        bare(axes)
        # 每个空格之前画一条线：词到这里为止。
        gaps = [t - 0.5 for t, character in enumerate(text) if character == " "]
        axes.vlines(gaps, -0.5, values.shape[1] - 0.5, color=FAINT, linewidth=0.8)
    return figure


def _sign(axes: Axes, center: Point, sign: str) -> None:
    axes.add_patch(Circle(center, 0.25, facecolor="none", edgecolor=INK))
    axes.text(*center, sign, ha="center", va="center_baseline", fontsize=10)
