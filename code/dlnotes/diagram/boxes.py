"""边界框的图：图上画框，坐标怎样量，交并比的几种情形，格子检测器的格子。"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from dlnotes.plot import bare, canvas
from dlnotes.style import BLUE, FAINT, INK, ORANGE, WIDTH
from dlnotes.vision.boxes import iou

Sheet = Mapping[str, Tensor]  # boxes: (m, 4)，labels: (m,)，可以有 scores: (m,)
# 照片上什么颜色都有：亮橙的线外面描一圈深色，字写在深色的底上。
# 不用 INK：它在深色主题下会换成浅色，照片上的白字就看不见了。
BRIGHT, DARK = "#ffa630", "#14181d"
HALO = [withStroke(linewidth=3, foreground=DARK)]


def pictures(
    images: Tensor,
    sheets: Sequence[Sheet],
    names: Sequence[str],
    *,
    columns: int = 3,
    titles: Sequence[str] = (),
    wanted: Sequence[Sheet] = (),
) -> Figure:
    """每格一张图，画上框与类名；有 ``scores`` 时写在类名后面。

    参数:
        wanted: 给出时把真实的框画成白色的虚线，用来对照预测。

    形状:
        images: (N, 3, H, W)，取值 [0, 1]；``sheets`` 一张图一项，个数不同时抛出 ``ValueError``。
    """
    if len(images) != len(sheets):
        raise ValueError(f"{len(images)} 张图，{len(sheets)} 张图的框，应一样多")
    rows = -(-len(images) // columns)
    _, _, H, W = images.shape
    figure = canvas(rows * (WIDTH / columns * H / W + (0.25 if titles else 0.06)))
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in cells:
        axes.set_axis_off()
    for i, (axes, image, sheet) in enumerate(zip(cells, images, sheets, strict=False)):
        show(axes, image)
        for box in wanted[i]["boxes"] if wanted else ():
            _rectangle(axes, box, "white", style=(0, (2, 1.5)))
        scores = sheet.get("scores")
        for k, (box, label) in enumerate(zip(sheet["boxes"], sheet["labels"].tolist(), strict=True)):
            _rectangle(axes, box, BRIGHT)
            text = names[label] if scores is None else f"{names[label]} {scores[k]:.2f}"
            _name(axes, box, text, W)
        if titles:
            axes.set_title(titles[i], fontsize=9)
    return figure


def show(axes: Axes, image: Tensor) -> None:
    """在坐标系里画 (3, H, W) 的图：左上角是原点，一个像素占一个单位。"""
    _, H, W = image.shape
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    # 每个通道只留 32 级：看不出差别，嵌进页面的 PNG 小三分之一。
    pixels = pixels & 0xF8 | 0x04
    # extent 让像素的左上角落在整数上：框的坐标是像素的边，不是像素的中心。
    axes.imshow(pixels, extent=(0, W, H, 0), rasterized=True)
    axes.set(xlim=(0, W), ylim=(H, 0))


def coordinates(boxes: Mapping[str, Tensor], height: int, width: int) -> Figure:
    """一张空白的图，几个框：标出原点、坐标轴的方向、每个框的两个角与中心。

    形状:
        boxes: 名字 → (4,) 角点。
    """
    figure = canvas(0.45 + WIDTH * 0.95 * height / width)
    axes = figure.add_subplot()
    axes.add_patch(Rectangle((0, 0), width, height, facecolor=(FAINT, 0.12), edgecolor=FAINT))
    for (name, box), color in zip(boxes.items(), (BLUE, ORANGE), strict=False):
        x1, y1, x2, y2 = box.tolist()
        cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
        axes.add_patch(
            Rectangle((x1, y1), x2 - x1, y2 - y1, facecolor=(color, 0.15), edgecolor=color, linewidth=1.8)
        )
        axes.plot([x1, x2, cx], [y1, y2, cy], "o", color=color, markersize=4)
        axes.text(x1 + 6, y1 + 8, f"({x1:g}, {y1:g})", va="top", fontsize=9)
        axes.text(x2 - 6, y2 - 8, f"({x2:g}, {y2:g})", ha="right", va="bottom", fontsize=9)
        axes.text(cx, cy + 10, f"中心 ({cx:g}, {cy:g})", ha="center", va="top", fontsize=9)
        axes.text(cx, cy - 12, f"{name}：{x2 - x1:g} × {y2 - y1:g}", ha="center", va="bottom", fontsize=9)
    arrow = {"arrowstyle": "->", "color": INK, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (90, 0), (0, 0), arrowprops=arrow)
    axes.annotate("", (0, 90), (0, 0), arrowprops=arrow)
    axes.text(96, 6, "x", va="top", fontsize=9)
    axes.text(8, 96, "y", va="center", fontsize=9)
    axes.set(xlim=(-6, width + 6), ylim=(height + 6, -6), xticks=[0, width], yticks=[0, height])
    axes.set_aspect("equal")
    bare(axes)
    return figure


def overlaps(cases: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, columns: int = 3) -> Figure:
    """每格两个框，交集涂深，下面写交并比；每种情形是（蓝框，橙框），角点。"""
    rows = -(-len(cases) // columns)
    figure = canvas(rows * (WIDTH / columns + 0.25))
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in cells:
        axes.set_axis_off()
    everything = torch.tensor([box for pair in cases.values() for box in pair], dtype=torch.float64)
    low, high = everything.min().item() - 0.5, everything.max().item() + 0.5
    for axes, (name, pair) in zip(cells, cases.items(), strict=False):
        a, b = torch.tensor(pair, dtype=torch.float64)
        for (x1, y1, x2, y2), color in ((a.tolist(), BLUE), (b.tolist(), ORANGE)):
            axes.add_patch(
                Rectangle((x1, y1), x2 - x1, y2 - y1, facecolor=(color, 0.2), edgecolor=color, linewidth=1.8)
            )
        x1, y1 = torch.maximum(a[:2], b[:2]).tolist()
        x2, y2 = torch.minimum(a[2:], b[2:]).tolist()
        if x2 > x1 and y2 > y1:
            axes.add_patch(
                Rectangle((x1, y1), x2 - x1, y2 - y1, facecolor=(BLUE, 0.55), edgecolor=INK, linewidth=0.8)
            )
        axes.set(xlim=(low, high), ylim=(high, low))
        axes.set_aspect("equal")
        axes.set_title(f"{name}：{iou(a[None], b[None]).item():.2f}", fontsize=9)
    return figure


def grid(image: Tensor, sheet: Sheet, stride: int) -> Figure:
    """图上画出边长 ``stride`` 的格子，涂出每个物体的中心所在的格，并画出它的框。

    形状:
        image: (3, H, W)；sheet: 一张图的 ``boxes`` 与 ``labels``。
    """
    _, H, W = image.shape
    figure = canvas(WIDTH * 0.7 * H / W)
    axes = figure.add_subplot()
    axes.set_axis_off()
    show(axes, image)
    axes.vlines(np.arange(0, W + 1, stride), 0, H, color="white", linewidth=0.5, alpha=0.6)
    axes.hlines(np.arange(0, H + 1, stride), 0, W, color="white", linewidth=0.5, alpha=0.6)
    for box in sheet["boxes"]:
        x1, y1, x2, y2 = box.tolist()
        corner = tuple(stride * int((a + b) / 2 / stride) for a, b in ((x1, x2), (y1, y2)))
        axes.add_patch(
            Rectangle(
                (corner[0], corner[1]), stride, stride, facecolor=(*to_rgb(BRIGHT), 0.75), edgecolor=DARK
            )
        )
        _rectangle(axes, box, BRIGHT)
        axes.plot((x1 + x2) / 2, (y1 + y2) / 2, "o", color="white", markersize=3, path_effects=HALO)
    return figure


def _rectangle(axes: Axes, box: Tensor, color: str, *, style: object = "-") -> None:
    x1, y1, x2, y2 = box.tolist()
    axes.add_patch(
        Rectangle(
            (x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=1.4, linestyle=style,
            path_effects=HALO,
        )
    )  # fmt: skip


def _name(axes: Axes, box: Tensor, text: str, width: int) -> None:
    x1, y1, x2, _ = box.tolist()
    # 名字写在框的上边；靠右的框从右边往左写，免得出图。
    right = x1 > 0.6 * width
    axes.text(
        x2 if right else x1,
        max(y1, 0.09 * width),
        text,
        ha="right" if right else "left",
        va="bottom",
        fontsize=8,
        color="white",
        bbox={"facecolor": DARK, "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
        clip_on=True,
    )
