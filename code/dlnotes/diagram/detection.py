"""检测算法的图：图上的一组组锚框，RoI 池化与 RoI 对齐各看哪里，快慢与准不准。"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from dlnotes.diagram.boxes import BRIGHT, HALO, show
from dlnotes.plot import bare, canvas, panels
from dlnotes.style import BLUE, COLORS, FAINT, MARKERS, ORANGE, WIDTH
from dlnotes.vision.roi import roi_bins

# 照片上的几种线：亮橙、亮蓝、亮粉、亮绿，外面都描深色。
ON_PHOTO = (BRIGHT, "#6db3ff", "#ff9ed8", "#b9e06b")


def layers(
    image: Tensor, groups: Mapping[str, Tensor], *, truth: Tensor | None = None, columns: int = 2
) -> Figure:
    """同一张图画几遍，每遍一组框，题目写在上方；一组里的框依次换颜色。

    参数:
        truth: 给出时在每一格都画成白色的虚线。

    形状:
        image: (3, H, W)；每组 (n, 4)，角点，可以超出图外（图外的部分也画）；truth: (m, 4)。
    """
    _, H, W = image.shape
    rows = -(-len(groups) // columns)
    figure = canvas(rows * (WIDTH / columns * H / W + 0.25))
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in cells:
        axes.set_axis_off()
    everything = torch.cat([torch.tensor([[0.0, 0, W, H]]), *groups.values()])
    left, top = everything[:, :2].amin(0).tolist()
    right, bottom = everything[:, 2:].amax(0).tolist()
    for axes, (title, group) in zip(cells, groups.items(), strict=False):
        show(axes, image)
        for k, box in enumerate(group.tolist()):
            _outline(axes, box, ON_PHOTO[k % len(ON_PHOTO)])
        for box in truth.tolist() if truth is not None else ():
            _outline(axes, box, "white", (0, (2, 1.5)))
        axes.set(xlim=(left - 1, right + 1), ylim=(bottom + 1, top - 1))
        axes.set_title(title, fontsize=9)
    return figure


def regions(features: Tensor, roi: Sequence[float], output: int, samples: int) -> Figure:
    """左：RoI 池化取整之后的格子。右：RoI 对齐的格子与取样的点；虚线是原来的区域。

    形状:
        features: (H, W)；roi: (x1, y1, x2, y2)，特征图的像素，像素 i 占 i 到 i + 1。
    """
    H, W = features.shape
    figure, cells = panels(1, 2, height=0.3 + WIDTH / 2 * H / W)
    for axes, title in zip(cells, ("RoI 池化：先取整", "RoI 对齐：不取整"), strict=True):
        axes.imshow(features.numpy(), cmap="gray", extent=(0, W, H, 0), alpha=0.35)
        axes.vlines(range(W + 1), 0, H, color=FAINT, linewidth=0.5)
        axes.hlines(range(H + 1), 0, W, color=FAINT, linewidth=0.5)
        bare(axes)
        axes.set(xticks=[], yticks=[], xlim=(-0.1, W + 0.1), ylim=(H + 0.1, -0.1))
        axes.set_title(title, fontsize=9)
    x1, y1, x2, y2 = roi
    for k, (top, bottom) in enumerate(roi_bins(y1, y2, output, H)):
        for m, (left, right) in enumerate(roi_bins(x1, x2, output, W)):
            color = COLORS[(k + m) % 2]
            cells[0].add_patch(
                Rectangle(
                    (left, top), right - left, bottom - top, facecolor=(color, 0.25), edgecolor=color, lw=1.4
                )
            )
    xs, ys = np.linspace(x1, x2, output + 1), np.linspace(y1, y2, output + 1)
    cells[1].vlines(xs, y1, y2, color=BLUE, linewidth=1.4)
    cells[1].hlines(ys, x1, x2, color=BLUE, linewidth=1.4)
    step = (np.arange(output * samples) + 0.5) / (output * samples)
    points = np.meshgrid(x1 + step * (x2 - x1), y1 + step * (y2 - y1))
    cells[1].plot(points[0].ravel(), points[1].ravel(), "o", color=ORANGE, markersize=3)
    cells[0].add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ls="--", edgecolor=BLUE, lw=1.4))
    return figure


def tradeoff(points: Mapping[str, tuple[float, float]], families: Mapping[str, Sequence[str]]) -> Figure:
    """每个方法一个点：横轴是每秒几张图（对数），纵轴是 mAP（%），名字写在旁边；一族一种颜色与记号。

    参数:
        points: 名字 →（每秒几张, mAP）；families: 族 → 其中的名字，至多四族。
    """
    figure, (axes,) = panels(1, height=3.0)
    for (family, names), color, marker in zip(families.items(), COLORS, MARKERS, strict=False):
        xs, ys = zip(*(points[name] for name in names), strict=True)
        axes.plot(xs, ys, marker, color=color, label=family, markersize=6)
    middle = sum(np.log(x) for x, _ in points.values()) / len(points)
    for name, (x, y) in points.items():
        right = np.log(x) > middle
        axes.annotate(
            name, (x, y), (-6 if right else 6, 0), textcoords="offset points", fontsize=9,
            ha="right" if right else "left", va="center",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.margins(x=0.1, y=0.12)
    axes.set(xlabel="每秒几张图（各论文自己的 GPU）", ylabel="VOC 2007 mAP（%）")
    figure.legend(loc="outside upper center", ncols=len(families))
    return figure


def _outline(axes: Axes, box: Sequence[float], color: str, style: object = "-") -> None:
    x1, y1, x2, y2 = box
    axes.add_patch(
        Rectangle(
            (x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=1.3, linestyle=style,
            path_effects=HALO,
        )
    )  # fmt: skip
