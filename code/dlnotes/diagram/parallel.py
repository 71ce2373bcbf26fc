"""多卡训练的图：三种切法，流水线的时间表。"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dlnotes.diagram.shapes import arrow, box
from dlnotes.parallel.pipeline import Slot
from dlnotes.plot import canvas, panels
from dlnotes.style import BLUE, FAINT, ORANGE

LAYERS = 4


def kinds() -> Figure:
    """画一个四层的网络怎样放到两块卡上：数据并行、层间并行、层内并行；橙是样本，蓝是参数，双箭头是通信。"""
    figure = canvas(3.4)
    drawings = (("数据并行", _data), ("模型并行：层间", _between), ("模型并行：层内", _within))
    for axes, (title, draw) in zip(figure.subplots(1, 3), drawings, strict=True):
        for k in range(2):
            box(axes, (1.3 * k + 0.55, 2.3), (1.1, 4.6), color=FAINT, opacity=0.06)
            axes.text(1.3 * k + 0.55, -0.1, f"卡 {k}", ha="center", va="top", fontsize=9)
        draw(axes)
        axes.set(xlim=(-0.1, 2.5), ylim=(-0.55, 6.4), title=title)
        axes.set_axis_off()
    return figure


def timetable(tables: Sequence[tuple[str, Sequence[Slot]]]) -> Figure:
    """每行一张流水线的时间表：横轴是时间，一行是一块卡；蓝是前向，橙是反向，数字是第几段，空白是闲着。"""
    figure, rows = panels(len(tables), height=1.45)
    for axes, (title, slots) in zip(rows, tables, strict=True):
        # 各张表做的是同样多的活：时间按各自的段数缩放，一整批经过一块卡的前向记作 1。
        micros = 1 + max(slot.micro for slot in slots)
        cards = 1 + max(slot.card for slot in slots)
        for slot in slots:
            color = ORANGE if slot.backward else BLUE
            x, width = slot.time / micros, 1 / micros
            axes.add_patch(
                Rectangle((x, slot.card - 0.4), width, 0.8, facecolor=(color, 0.3), edgecolor=color)
            )
            if micros <= 4:
                label = str(slot.micro + 1)
                axes.text(x + width / 2, slot.card, label, ha="center", va="center", fontsize=8)
        axes.set(xlim=(0, 2 * cards), ylim=(cards - 0.5, -0.5), title=title)
        axes.set_yticks(range(cards), [f"卡 {k}" for k in range(cards)])
        axes.grid(visible=False, axis="y")
    rows[-1].set(xlabel="时间（整批经过一块卡的前向 = 1）")
    return figure


def _data(axes: Axes) -> None:
    for k in range(2):
        for n in range(LAYERS):
            _layer(axes, 1.3 * k + 0.1, n, 0.9, f"层 {n + 1}")
        _batch(axes, 1.3 * k + 0.1, 0.9, "半批")
        arrow(axes, (1.3 * k + 0.55, 5.3), (1.3 * k + 0.55, 4.65))
    arrow(axes, (0.95, 2.3), (1.45, 2.3), both=True)


def _between(axes: Axes) -> None:
    for n in range(LAYERS):
        _layer(axes, 0.1 + 1.3 * (n >= LAYERS // 2), n % 2 + 1, 0.9, f"层 {n + 1}")
    _batch(axes, 0.1, 0.9, "整批")
    arrow(axes, (0.55, 5.3), (0.55, 4.65))
    arrow(axes, (0.95, 2.0), (1.45, 2.6))


def _within(axes: Axes) -> None:
    for k in range(2):
        for n in range(LAYERS):
            _layer(axes, 1.3 * k + (0.35 if k == 0 else 0.1), n, 0.65, "左半" if k == 0 else "右半")
        arrow(axes, (1.3 * k + 0.55, 5.3), (1.3 * k + 0.55, 4.65))
    for n in range(LAYERS):
        arrow(axes, (1.0, 3.85 - 1.07 * n), (1.4, 3.85 - 1.07 * n), both=True)
    _batch(axes, 0.1, 2.2, "整批")


def _layer(axes: Axes, x: float, n: int, width: float, label: str) -> None:
    y = 4.6 - 1.07 * (n + 1)
    box(axes, (x + width / 2, y + 0.8 / 2), (width, 0.8), color=BLUE, opacity=0.25)
    axes.text(x + width / 2, y + 0.4, label, ha="center", va="center", fontsize=8)


def _batch(axes: Axes, x: float, width: float, label: str) -> None:
    box(axes, (x + width / 2, 5.3 + 0.75 / 2), (width, 0.75), color=ORANGE, opacity=0.25)
    axes.text(x + width / 2, 5.68, label, ha="center", va="center", fontsize=8)
