"""环形 all-reduce 的图：每一步，每个进程手里的每一块加进了几个人的数；以及参数服务器与环的连线。"""

from math import cos, pi, sin

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from dlnotes.distributed.ring import sent_chunk
from dlnotes.plot import bare, canvas
from dlnotes.style import BLUE, FAINT, INK, ORANGE


def holdings(n: int) -> list[list[list[frozenset[int]]]]:
    """返回每一步之后，每个进程的每一块加进了哪些进程的数；第一项是开始之前，共 2n − 1 项。

    只用 ``sent_chunk`` 的次序推演，不传真的数。
    """
    now = [[frozenset({rank})] * n for rank in range(n)]
    frames = [now]
    for step in range(2 * n - 2):
        after = [row[:] for row in now]
        for rank in range(n):
            chunk = sent_chunk(rank, step, n)
            right, arrived = (rank + 1) % n, now[rank][chunk]
            after[right][chunk] = now[right][chunk] | arrived if step < n - 1 else arrived
        frames.append(now := after)
    return frames


def ring_steps(n: int = 4) -> Figure:
    """逐步画环形 all-reduce：一格是一个进程的一块，数是加进了几个人，满 n 才算完；箭头是这一步的传送。"""
    frames = holdings(n)
    columns = n
    rows = -(-len(frames) // columns)
    figure = canvas(1.75 * rows)
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in cells:
        axes.set_axis_off()
    for k, (axes, frame) in enumerate(zip(cells, frames, strict=False)):
        _frame(axes, frame, n, k)
    return figure


def topologies(n: int = 4) -> Figure:
    """并排画三种连法：一台服务器、切成片的服务器、环；粗线是要传整份梯度的，细线是只传 1/n 的。"""
    figure = canvas(1.95)
    places = [(1.1 * cos(pi / 2 - 2 * pi * k / n), 1.1 * sin(pi / 2 - 2 * pi * k / n)) for k in range(n)]
    titles = ("一台服务器", "切成片", "环")
    for axes, title in zip(figure.subplots(1, 3), titles, strict=True):
        axes.set(xlim=(-1.45, 1.45), ylim=(-1.45, 1.45), title=title)
        axes.set_aspect("equal")
        axes.set_axis_off()
        if title == "一台服务器":
            for place in places:
                _both_ways(axes, place, (0.0, 0.0), 2.6)
            _node(axes, (0.0, 0.0), "S", ORANGE)
        elif title == "切成片":
            for a in range(n):
                for b in range(a):
                    _both_ways(axes, places[a], places[b], 0.9)
        else:
            for k in range(n):
                _one_way(axes, places[k], places[(k + 1) % n])
        for k, place in enumerate(places):
            _node(axes, place, str(k), BLUE)
    return figure


def _frame(axes: Axes, frame: list[list[frozenset[int]]], n: int, step: int) -> None:
    """画一步之后的样子；这一步刚收到的格子描橙边。"""
    for rank in range(n):
        for chunk in range(n):
            count = len(frame[rank][chunk])
            fresh = step > 0 and sent_chunk(rank - 1, step - 1, n) == chunk
            corner = (chunk + 0.06, -rank - 0.94)
            axes.add_patch(
                Rectangle(
                    corner,
                    0.88,
                    0.88,
                    facecolor=(BLUE, 0.75 * (count - 1) / (n - 1) + 0.06),
                    edgecolor=ORANGE if fresh else FAINT,
                    linewidth=2.0 if fresh else 0.6,
                )
            )
            axes.text(chunk + 0.5, -rank - 0.5, str(count), ha="center", va="center_baseline", fontsize=9)
    title = "开始" if step == 0 else f"{step}：相加" if step < n else f"{step}：抄送"
    axes.set_title(title, fontsize=10)
    axes.set(xlim=(-0.05, n + 0.05), ylim=(-n - 0.05, 0.05))
    axes.set_aspect("equal")
    bare(axes)


def _node(axes: Axes, place: tuple[float, float], name: str, color: str) -> None:
    axes.add_patch(Circle(place, 0.27, facecolor=(color, 0.16), edgecolor=color, linewidth=1.5))
    axes.text(*place, name, ha="center", va="center_baseline")


def _both_ways(axes: Axes, a: tuple[float, float], b: tuple[float, float], width: float) -> None:
    axes.annotate("", b, a, arrowprops=_style("<->", INK, width))


def _one_way(axes: Axes, a: tuple[float, float], b: tuple[float, float]) -> None:
    axes.annotate("", b, a, arrowprops=_style("->", INK, 0.9))


def _style(arrow: str, color: str, width: float) -> dict[str, object]:
    return {
        "arrowstyle": arrow,
        "color": color,
        "linewidth": width,
        "mutation_scale": 9,
        "shrinkA": 12,
        "shrinkB": 12,
    }
