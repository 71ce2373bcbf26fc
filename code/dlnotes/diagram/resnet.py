"""残差网络的图：嵌套与不嵌套的函数类、各种残差块的数据流。"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import canvas
from dlnotes.style import BLUE, FAINT, ORANGE


@dataclass(frozen=True)
class Flow:
    """一个残差块：左边自上而下的层，右边捷径上的层，相加之后的层。"""

    title: str
    branch: Sequence[str]
    shortcut: str = ""  # 空串：原样通过
    after: str = "ReLU"  # 空串：相加之后什么也没有


IDENTITY = Flow("恒等", ("3×3 卷积", "BN", "ReLU", "3×3 卷积", "BN"))
PROJECTION = Flow(
    "投影", ("3×3，步幅 2\n通道加倍", "BN", "ReLU", "3×3 卷积", "BN"), shortcut="1×1\n步幅 2\n通道\n加倍"
)
BOTTLENECK = Flow("瓶颈", ("1×1 降到 ¼", "BN, ReLU", "3×3 卷积", "BN, ReLU", "1×1 升回来", "BN"))
PREACT = Flow("预激活（v2）", ("BN", "ReLU", "3×3 卷积", "BN", "ReLU", "3×3 卷积"), after="")


def nested() -> Figure:
    """画两串越来越大的函数类：左边不嵌套，右边一个套一个；★ 是想要的函数，● 是每一类里离它最近的。"""
    figure = canvas(2.5)
    left, right = figure.subplots(1, 2)
    star = (3.0, 1.2)
    centers = ((0.9, 1.7), (0.3, -1.1), (-1.6, 1.0), (-2.3, -0.4))
    for n in range(4):
        _class(left, centers[n], 1.0 + 0.5 * n, n + 1, star)
        _class(right, (-1.6 + 0.25 * n, 0.0), 0.8 + 0.75 * n, n + 1, star)
    for axes, title in ((left, "不嵌套"), (right, "嵌套")):
        axes.plot(*star, marker="*", color=ORANGE, markersize=13)
        axes.set(xlim=(-5.0, 3.4), ylim=(-3.0, 3.2), title=title)
        axes.set_aspect("equal")
        axes.set_axis_off()
    return figure


def blocks(*flows: Flow) -> Figure:
    """并排画几个残差块的数据流，自上而下：左边一列是 g(x)，右边是捷径，在 ⊕ 处相加。"""
    rows = max(len(flow.branch) for flow in flows)
    step, wide = 0.95, 3.6
    figure = canvas(0.42 * (rows + 3.6))
    axes = figure.add_subplot()
    for n, flow in enumerate(flows):
        _flow(axes, n * wide, flow, step, rows)
    axes.set_xlim(-1.15, (len(flows) - 1) * wide + 2.3)
    axes.set_ylim(-(rows + 2.9) * step, 1.35)
    axes.set_axis_off()
    return figure


def _class(axes: Axes, center: tuple[float, float], radius: float, n: int, star: tuple[float, float]) -> None:
    axes.add_patch(Ellipse(center, 2 * radius, 1.75 * radius, facecolor=(BLUE, 0.1), edgecolor=BLUE))
    dx, dy = star[0] - center[0], star[1] - center[1]
    # 椭圆压扁了 y；沿连线走到边上的点，就当作离 ★ 最近的点。
    reach = radius / (dx**2 + (dy / 0.875) ** 2) ** 0.5
    axes.plot(center[0] + reach * dx, center[1] + reach * dy, "o", color=ORANGE, markersize=4)
    axes.text(center[0], center[1] - 0.875 * radius + 0.05, f"$F_{n}$", ha="center", va="bottom", fontsize=9)


def _flow(axes: Axes, x: float, flow: Flow, step: float, rows: int) -> None:
    branch, side = x, x + 1.65
    axes.text(x + 0.5, 1.0, flow.title, ha="center", va="center")
    axes.text(branch, 0.42, "$x$", ha="center", va="center")
    plus = -(rows + 0.4) * step
    # 短的块拉开一些，⊕ 都在同一高度，便于比较。
    gap, y = step * rows / len(flow.branch), 0.15
    for k, label in enumerate(flow.branch):
        half = 0.41 if "\n" in label else 0.3
        middle = -(k + 0.5) * gap
        arrow(axes, (branch, y), (branch, middle + half))
        box(axes, (branch, middle), (2.1, 2 * half), label, BLUE if "×" in label else FAINT)
        y = middle - half
    arrow(axes, (branch, y), (branch, plus + 0.22))
    axes.add_patch(Circle((branch, plus), 0.22, facecolor="none", edgecolor=ORANGE, linewidth=1.5))
    axes.text(branch, plus, "+", ha="center", va="center_baseline", color=ORANGE)
    # 捷径在它的方框处断开：图的底是透明的，线不能从字下面穿过。
    middle, half = plus / 2 + 0.2, 1.1 if flow.shortcut else 0.0
    for path in (
        ((branch + 0.15, 0.42), (side, 0.42), (side, middle + half)),
        ((side, middle - half), (side, plus), (branch + 0.3, plus)),
    ):
        axes.plot(*zip(*path, strict=True), color=ORANGE, linewidth=1.6, solid_joinstyle="round")
    arrow(axes, (branch + 0.4, plus), (branch + 0.22, plus), ORANGE)
    if flow.shortcut:
        box(axes, (side, middle), (1.0, 2 * half), flow.shortcut, ORANGE)
    else:
        axes.text(side + 0.12, middle, "恒\n等", va="center", color=ORANGE, fontsize=9)
    end = plus - 0.22
    if flow.after:
        arrow(axes, (branch, end), (branch, end - 0.35))
        box(axes, (branch, end - 0.65), (2.1, 0.6), flow.after, FAINT)
        end -= 0.95
    arrow(axes, (branch, end), (branch, end - 0.45))
