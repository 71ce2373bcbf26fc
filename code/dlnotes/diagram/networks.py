"""几个网络放在一张图里：代价是横轴，成绩是纵轴，点的大小是参数。"""

from collections.abc import Mapping
from typing import NamedTuple

from matplotlib.figure import Figure

from dlnotes.metrics import Spread
from dlnotes.plot import panels
from dlnotes.style import BLUE, FAINT

LARGEST = 900.0  # 参数最多的那个点，面积是多少平方磅


class Place(NamedTuple):
    """一个网络在图里的位置。"""

    cost: float  # 横轴，正数
    score: Spread  # 纵轴；竖线是 ± 一个标准差
    parameters: int


def landscape(places: Mapping[str, Place], *, xlabel: str, ylabel: str) -> Figure:
    """每个网络一个圆，面积与参数个数成正比；横轴用对数，名字写在圆的旁边。

    圆太小时看不见，所以圆心另有一点。
    """
    figure, (axes,) = panels(1, height=3.4)
    most = max(place.parameters for place in places.values())
    costs = [place.cost for place in places.values()]
    middle = (min(costs) * max(costs)) ** 0.5
    for name, (cost, score, parameters) in places.items():
        axes.errorbar(cost, score.mean, score.std, color=BLUE, linewidth=1.2, marker="o", markersize=3)
        axes.scatter(cost, score.mean, s=LARGEST * parameters / most, color=BLUE, alpha=0.25, linewidth=0)
        # 左半边的名字写在右边，右半边的写在左边：都不出框。
        side = 1 if cost <= middle else -1
        axes.annotate(
            name,
            (cost, score.mean),
            xytext=(side * 8, 6),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            fontsize=9,
        )
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.15)
    axes.grid(color=FAINT, alpha=0.3)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure
