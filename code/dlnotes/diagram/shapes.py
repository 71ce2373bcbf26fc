"""示意图的两样零件：写着字的圆角方框，连接它们的箭头。"""

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from dlnotes.style import INK

Point = tuple[float, float]


def box(
    axes: Axes,
    center: Point,
    size: Point,
    label: str = "",
    color: str = INK,
    *,
    opacity: float = 0.16,
    rounding: float = 0.1,
) -> None:
    """画一个以 ``center`` 为中心、宽高为 ``size`` 的圆角方框，字在正中。

    参数:
        opacity: 底色的不透明度，0 到 1；边线总是不透明的。
        rounding: 圆角的半径，与坐标同单位。
    """
    (x, y), (width, height) = center, size
    style = f"round,pad=0,rounding_size={rounding}"
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=(color, opacity), edgecolor=color)
    )
    axes.text(x, y, label, ha="center", va="center", fontsize=9, linespacing=1.15)


def arrow(axes: Axes, start: Point, end: Point, color: str = INK, *, both: bool = False) -> None:
    """从 ``start`` 到 ``end`` 画一支箭头；``both`` 时两头都有尖。"""
    style = {"arrowstyle": "<->" if both else "->", "color": color, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)
