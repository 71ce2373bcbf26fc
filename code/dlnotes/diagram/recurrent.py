"""循环神经网络的图：按时间展开；输入与输出怎样对应。"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import canvas
from dlnotes.style import BLUE, FAINT, ORANGE

# 名字、例子、哪几步有输入、哪几步有输出。
SHAPES = (
    ("一对多", "看图说话", (0,), (0, 1, 2, 3)),
    ("多对一", "情感分类", (0, 1, 2, 3), (3,)),
    ("多对多，对齐", "语言模型、词性标注", (0, 1, 2, 3), (0, 1, 2, 3)),
    ("多对多，先读后写", "翻译、问答", (0, 1), (2, 3)),
)


def unrolled(text: str = "hell", following: str = "ello") -> Figure:
    """左边是带环的一个单元，右边是按时间展开；每一步都是同一组参数，输出预测下一个字。"""
    figure = canvas(2.5)
    axes = figure.subplots()
    box(axes, (0, 1.5), (0.9, 0.7), "h", BLUE)
    loop = {"arrowstyle": "->", "color": BLUE, "connectionstyle": "arc3,rad=-1.8"}
    axes.annotate("", (0.45, 1.28), (0.45, 1.72), arrowprops=loop)
    axes.text(1.06, 1.5, "$W_{hh}$", ha="left", va="center", fontsize=9)
    _in_out(axes, 0, "x", "o")
    axes.text(-0.12, 0.78, "$W_{xh}$", ha="right", va="center", fontsize=9)
    axes.text(-0.12, 2.25, "$W_{hq}$", ha="right", va="center", fontsize=9)
    axes.text(1.95, 1.5, "=", ha="center", va="center", fontsize=16)
    axes.text(2.5, 1.5, "$h_0$", ha="right", va="center", fontsize=9)
    arrow(axes, (2.55, 1.5), (3.0, 1.5), BLUE)
    first = 3.45
    for t, (now, later) in enumerate(zip(text, following, strict=True), start=1):
        x = first + 1.55 * (t - 1)
        box(axes, (x, 1.5), (0.9, 0.7), f"$h_{t}$", BLUE)
        _in_out(axes, x, now, later)
        if t < len(text):
            arrow(axes, (x + 0.45, 1.5), (x + 1.1, 1.5), BLUE)
    axes.set(xlim=(-0.85, first + 1.55 * (len(text) - 1) + 0.55), ylim=(-0.3, 3.3))
    axes.set_axis_off()
    return figure


def applications() -> Figure:
    """画四种对应：橙是输入，蓝是隐状态，灰是输出。"""
    figure = canvas(4.0)
    for axes, (name, example, inputs, outputs) in zip(figure.subplots(2, 2).flat, SHAPES, strict=True):
        for t in range(4):
            box(axes, (t, 1), (0.6, 0.5), color=BLUE, opacity=0.25)
            if t:
                arrow(axes, (t - 0.7, 1), (t - 0.3, 1), BLUE)
            if t in inputs:
                box(axes, (t, 0), (0.6, 0.5), color=ORANGE, opacity=0.25)
                arrow(axes, (t, 0.25), (t, 0.75))
            if t in outputs:
                box(axes, (t, 2), (0.6, 0.5), color=FAINT, opacity=0.25)
                arrow(axes, (t, 1.25), (t, 1.75))
        axes.set_title(f"{name}\n{example}", fontsize=9)
        axes.set(xlim=(-0.5, 3.5), ylim=(-0.4, 2.4))
        axes.set_axis_off()
    return figure


def _in_out(axes: Axes, x: float, below: str, above: str) -> None:
    box(axes, (x, 0.15), (0.7, 0.55), below, ORANGE)
    box(axes, (x, 2.95), (0.7, 0.5), above, FAINT)
    arrow(axes, (x, 0.45), (x, 1.12))
    arrow(axes, (x, 1.88), (x, 2.66))
