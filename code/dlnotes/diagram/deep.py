"""深层循环神经网络的图：横着是时间，竖着是层，每个方框只等左边与下面的。"""

from matplotlib.figure import Figure

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import canvas
from dlnotes.style import BLUE, FAINT, ORANGE


def grid(layers: int = 3, steps: int = 4, wave: int | None = None) -> Figure:
    """画 ``layers`` 层、``steps`` 步的展开图；同一层用同一组参数。

    参数:
        wave: 给出时，用橙色标出第 ``wave`` 拍能一起算的方框：层号加步数等于它的那些，都从 1 数起。
    """
    figure = canvas(0.9 + 0.75 * layers)
    axes = figure.add_subplot()
    for t in range(steps):
        axes.text(t, -0.62, f"$x_{t + 1}$", ha="center", va="center")
        arrow(axes, (t, -0.48), (t, -0.28))
        for layer in range(layers):
            chosen = wave is not None and layer + t + 2 == wave
            label = f"$h_{t + 1}^{{({layer + 1})}}$"
            box(axes, (t, layer), (0.6, 0.56), color=ORANGE if chosen else BLUE)
            axes.text(t, layer, label, ha="center", va="center", fontsize=12)  # 角标小，字要大些
            arrow(axes, (t, layer + 0.28), (t, layer + 0.72 if layer < layers - 1 else layer + 0.5))
            if t < steps - 1:
                arrow(axes, (t + 0.3, layer), (t + 0.7, layer))
        axes.text(t, layers - 0.36, f"$o_{t + 1}$", ha="center", va="center")
    for layer in range(layers):
        axes.text(-0.45, layer, f"第 {layer + 1} 层", ha="right", va="center", fontsize=9, color=FAINT)
    axes.set(xlim=(-1.25, steps - 0.6), ylim=(-0.85, layers - 0.15))
    axes.set_axis_off()
    return figure
