"""seq2seq 的图：训练与推理时，解码器的输入各从哪里来。"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import canvas
from dlnotes.style import BLUE, INK, ORANGE


def unrolled(source: Sequence[str], target: Sequence[str], guess: Sequence[str]) -> Figure:
    """上：训练，解码器读入正确答案。下：推理，读入自己上一步的输出，错了就带着错往下走。

    参数:
        source: 原文，末尾是 ``<eos>``。
        target, guess: 正确答案与模型的输出，一样长，否则抛出 ``ValueError``；与答案不同的词用橙色加 ×。
    """
    if len(target) != len(guess):
        raise ValueError(f"target 与 guess 应一样长，得到 {len(target)} 与 {len(guess)}")
    figure = canvas(4.0)
    axes = figure.add_subplot()
    for y, title, inputs, outputs in (
        (3.7, "训练：教师强制", ["<bos>", *target[:-1]], target),
        (0.0, "推理：读自己的输出", ["<bos>", *guess[:-1]], guess),
    ):
        _row(axes, y, source, inputs, outputs, right=target)
        axes.text(-0.5, y + 3.0, title, va="center", fontsize=10)
    x = len(source) + 1.0
    for t in range(len(guess) - 1):  # 输出弯回来，成为下一步的输入
        axes.annotate(
            "",
            (x + t + 0.72, 0.3),
            (x + t + 0.3, 1.95),
            arrowprops={"arrowstyle": "->", "color": ORANGE, "linestyle": "--", "shrinkA": 0, "shrinkB": 0},
        )
    axes.set(xlim=(-0.6, x + len(target) - 0.4), ylim=(-0.4, 7.0))
    axes.set_axis_off()
    return figure


def _row(
    axes: Axes,
    y: float,
    source: Sequence[str],
    inputs: Sequence[str],
    outputs: Sequence[str],
    right: Sequence[str],
) -> None:
    size = (0.72, 0.7)
    first = len(source) + 1.0  # 编码器与解码器之间空一格，放上下文
    columns = [(float(i), word, BLUE) for i, word in enumerate(source)]
    columns += [(first + t, word, ORANGE) for t, word in enumerate(inputs)]
    for i, (x, word, color) in enumerate(columns):
        box(axes, (x, y + 1.2), size, "$h$" if color == BLUE else "$s$", color)
        axes.text(x, y + 0.1, word, ha="center", va="center", fontsize=9)
        arrow(axes, (x, y + 0.35), (x, y + 0.83), color)
        if i and x != first:
            arrow(axes, (x - 0.62, y + 1.2), (x - 0.38, y + 1.2), color)
    box(axes, (first - 1.0, y + 1.2), (0.6, 0.7), "$c$", INK)
    arrow(axes, (first - 1.62, y + 1.2), (first - 1.32, y + 1.2))
    arrow(axes, (first - 0.68, y + 1.2), (first - 0.38, y + 1.2))
    for t, (word, wanted) in enumerate(zip(outputs, right, strict=True)):
        wrong = word != wanted
        arrow(axes, (first + t, y + 1.57), (first + t, y + 2.0), ORANGE)
        label = f"{word} ×" if wrong else word
        color = ORANGE if wrong else INK
        axes.text(first + t, y + 2.25, label, ha="center", va="center", fontsize=9, color=color)
