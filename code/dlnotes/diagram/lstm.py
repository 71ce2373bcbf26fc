"""LSTM 的图：一个单元里的数据流；沿着一段文字，门与记忆元怎样变。"""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from dlnotes.diagram.shapes import Point, arrow, box
from dlnotes.plot import bare, canvas, panels
from dlnotes.style import BLUE, COLORS, FAINT, HEAT, INK, ORANGE, SIGNED

GATES = (("F", "σ"), ("I", "σ"), ("$\\tilde C$", "tanh"), ("O", "σ"))


def flow() -> Figure:
    """画一个单元：橙线是记忆元，蓝线是隐状态；① 到 ④ 是计算的四步。"""
    figure = canvas(3.5)
    axes = figure.add_subplot()
    top, row, bottom = 6.2, 2.6, 0.9
    forget, write, candidate, read = 1.7, 3.3, 4.9, 6.6
    # 下面的总线：输入与上一步的隐状态拼在一起，分送四处。
    _path(axes, INK, (0.4, bottom), (read, bottom))
    _path(axes, INK, (1.0, 0.0), (1.0, bottom))
    for x, (name, function) in zip((forget, write, candidate, read), GATES, strict=True):
        arrow(axes, (x, bottom), (x, row - 0.42))
        box(axes, (x, row), (1.1, 0.84), function, FAINT if function == "σ" else BLUE)
        side = 1 if x == candidate else -1
        axes.text(x + 0.2 * side, row + 0.78, name, ha="center", va="center", fontsize=11)
    # 上面的通道：乘，加，走到右边。
    _path(axes, ORANGE, (0.4, top), (forget - 0.27, top), width=2.6)
    _path(axes, ORANGE, (forget + 0.27, top), (candidate - 0.27, top), width=2.6)
    _path(axes, ORANGE, (candidate + 0.27, top), (9.0, top), width=2.6)
    arrow(axes, (9.0, top), (9.35, top), ORANGE)
    _node(axes, (forget, top), "×", ORANGE)
    _node(axes, (candidate, top), "+", ORANGE)
    arrow(axes, (forget, row + 0.42), (forget, top - 0.27))
    _node(axes, (candidate, 4.4), "×", INK)
    arrow(axes, (candidate, row + 0.42), (candidate, 4.4 - 0.27))
    _path(axes, INK, (write, row + 0.42), (write, 4.4), (candidate - 0.5, 4.4))
    arrow(axes, (candidate - 0.6, 4.4), (candidate - 0.27, 4.4))
    arrow(axes, (candidate, 4.4 + 0.27), (candidate, top - 0.27))
    # 读出：tanh 之后乘输出门，一份交给上面，一份交给下一步。
    out = 7.9
    arrow(axes, (out, top), (out, 5.55))
    box(axes, (out, 5.15), (1.1, 0.8), "tanh", BLUE)
    arrow(axes, (out, 4.75), (out, 3.67))
    _node(axes, (out, 3.4), "×", BLUE)
    _path(axes, INK, (read, row + 0.42), (read, 3.4), (out - 0.5, 3.4))
    arrow(axes, (out - 0.6, 3.4), (out - 0.27, 3.4))
    _path(axes, BLUE, (out, 3.13), (out, bottom), (9.0, bottom), width=2.2)
    arrow(axes, (9.0, bottom), (9.35, bottom), BLUE)
    _path(axes, BLUE, (0.15, bottom), (1.0, bottom), width=2.2)
    words = (
        (0.3, top, "$C_{t-1}$", "right", ORANGE),
        (0.1, bottom, "$H_{t-1}$", "right", BLUE),
        (9.45, top, "$C_t$", "left", ORANGE),
        (9.45, bottom, "$H_t$", "left", BLUE),
        (1.0, -0.35, "$X_t$", "center", INK),
        (0.42, row, "①", "center", INK),
        (forget, top + 0.62, "② 忘", "center", ORANGE),
        (candidate, top + 0.62, "③ 写", "center", ORANGE),
        (out + 0.45, 3.4, "④ 读", "left", BLUE),
    )
    for x, y, text, align, color in words:
        axes.text(x, y, text, ha=align, va="center", color=color)
    axes.set(xlim=(-0.75, 10.1), ylim=(-0.7, 7.2))
    axes.set_axis_off()
    return figure


def activity(text: str, maps: Mapping[str, Tensor], *, signed: Mapping[str, bool]) -> Figure:
    """上下叠放几张热图：一列一个字符，一行一个单元；字符写在每张图的下面。

    参数:
        maps: 名字 → (单元数, 字符数)。
        signed: 名字 → 有没有正负：有的蓝正橙负，深浅按最大的绝对值；没有的 0 透明，1 最深。

    列数不是字符数时抛出 ``ValueError``。
    """
    figure, rows = panels(len(maps), height=1.55)
    for axes, (name, values) in zip(rows, maps.items(), strict=True):
        if values.shape[1] != len(text):
            raise ValueError(f"{len(text)} 个字符应有一样多的列，得到 {tuple(values.shape)}")
        bound = values.abs().max().item() if signed[name] else 1.0
        axes.imshow(
            values.detach().cpu().numpy(),
            cmap=SIGNED if signed[name] else HEAT,
            vmin=-bound if signed[name] else 0,
            vmax=bound,
            aspect="auto",
        )
        _letters(axes, text)
        axes.set_yticks([])
        axes.set_ylabel(name)
        bare(axes)
    return figure


def along(text: str, values: Mapping[str, Tensor], *, ylabels: tuple[str, str]) -> Figure:
    """沿着一段文字画两个量，上下各一；竖的色带是空格所在。

    形状:
        values: 恰好两项，名字不用，各是 (字符数,)。
    """
    figure, rows = panels(2, height=1.5)
    for axes, line, label, color in zip(rows, values.values(), ylabels, COLORS, strict=False):
        axes.plot(range(len(text)), line.detach().cpu().numpy(), color=color, marker="o", markersize=3)
        for place, letter in enumerate(text):
            if letter == " ":
                axes.axvspan(place - 0.5, place + 0.5, color=FAINT, alpha=0.2, linewidth=0)
        _letters(axes, text)
        axes.set(ylabel=label, xlim=(-0.5, len(text) - 0.5))
        axes.grid(visible=False, axis="x")
    return figure


def _letters(axes: Axes, text: str) -> None:
    axes.set_xticks(range(len(text)), ["·" if letter == " " else letter for letter in text], fontsize=9)


def _path(axes: Axes, color: str, *points: Point, width: float = 1.0) -> None:
    axes.plot(*zip(*points, strict=True), color=color, linewidth=width, solid_joinstyle="round")


def _node(axes: Axes, center: Point, sign: str, color: str) -> None:
    axes.add_patch(Circle(center, 0.27, facecolor="none", edgecolor=color, linewidth=1.4))
    axes.text(*center, sign, ha="center", va="center_baseline", color=color)
