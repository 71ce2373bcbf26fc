"""数据的图。每个函数返回一个 ``Figure``，不显示也不保存；上下叠放，手机上也读得清。"""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from torch import Tensor

from dlnotes.style import BLUE, COLORS, FAINT, HEAT, INK, MARKERS, ORANGE, SIGNED, WIDTH
from dlnotes.train import History


def curves(histories: Mapping[str, History | Sequence[History]]) -> Figure:
    """画每一轮的损失（上）与精度（下）：虚线是训练，实线是验证。

    参数:
        histories: 名字到一次训练的记录；给一列记录（多个种子）时，线是均值，色带是 ± 标准差。
            至多四项，轮数须相同，否则抛出 ``ValueError``；发散的轮次不画，名字后注明。
    """
    _at_most_four(histories)
    figure, (top, bottom) = panels(2, height=2.1, sharex=True)
    for (label, value), color in zip(histories.items(), COLORS, strict=False):
        runs = [value] if isinstance(value, History) else list(value)
        finite = _line(top, [run.train_loss for run in runs], color, "--")
        finite &= _line(top, [run.val_loss for run in runs], color, "-")
        _line(bottom, [run.train_accuracy for run in runs], color, "--")
        _line(bottom, [run.val_accuracy for run in runs], color, "-")
        top.plot([], [], color=color, label=label if finite else f"{label}（发散）")
    handles, labels = top.get_legend_handles_labels()
    handles += [Line2D([], [], color=FAINT, linestyle=style) for style in ("--", "-")]
    figure.legend(handles, [*labels, "训练", "验证"], loc="outside upper center", ncols=2)
    top.set(ylabel="损失")
    bottom.set(xlabel="轮", ylabel="精度")
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure


def sweep(
    points: Mapping[str, Mapping[float, Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    chance: float | None = None,
    log: bool = True,
) -> Figure:
    """画一个量随另一个量（如学习率）的变化：点是均值，竖线是 ± 标准差。

    参数:
        points: 名字 → 横坐标 → 各次运行的值；至多四项，否则抛出 ``ValueError``。
        chance: 给出时画一条水平线，表示瞎猜的水平。
        log: 横轴用对数。
    """
    _at_most_four(points)
    figure, (axes,) = panels(1, height=2.8)
    for (label, line), color, marker in zip(points.items(), COLORS, MARKERS, strict=False):
        spreads = [_spread(torch.tensor(list(values), dtype=torch.float64)) for values in line.values()]
        means, stds = zip(*spreads, strict=True)
        axes.errorbar(list(line), means, stds, color=color, marker=marker, capsize=3, label=label)
    if chance is not None:
        axes.axhline(chance, color=FAINT, linestyle=":", label="瞎猜")
    if log:
        axes.set_xscale("log")
    # 只标真正试过的值，写成普通的小数。
    ticks = sorted({x for line in points.values() for x in line})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel=xlabel, ylabel=ylabel)
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def steps(series: Mapping[str, Sequence[float]], *, xlabel: str = "步") -> Figure:
    """上下叠放几个逐步记下的量，横轴相同，纵轴各用各的；名字写在纵轴上。

    参数:
        series: 名字 → 从第 1 步起每步一个数；至多四项，否则抛出 ``ValueError``。
    """
    _at_most_four(series)
    figure, rows = panels(len(series), height=1.5, sharex=True)
    for axes, (label, values), color in zip(rows, series.items(), COLORS, strict=False):
        axes.plot(range(1, len(values) + 1), values, color=color)
        axes.set(ylabel=label)
    rows[-1].set(xlabel=xlabel)
    return figure


def confusion(matrix: Tensor, classes: Sequence[str]) -> Figure:
    """画混淆矩阵：格里是样本数，深浅是占这一行（真实类）的比例。

    形状:
        matrix: (K, K)，行是真实类，列是预测类；K 与 ``classes`` 的个数不同时抛出 ``ValueError``。
    """
    K = len(classes)
    if matrix.shape != (K, K):
        raise ValueError(f"{K} 个类应配 ({K}, {K}) 的矩阵，得到 {tuple(matrix.shape)}")
    figure, (axes,) = panels(1, height=WIDTH)
    share = matrix / matrix.sum(dim=1, keepdim=True).clamp(min=1)
    axes.imshow(share.numpy(), cmap=HEAT, vmin=0, vmax=1)
    for i in range(K):
        for j in range(K):
            if matrix[i, j]:
                axes.text(j, i, str(int(matrix[i, j])), ha="center", va="center", fontsize=8)
    axes.set_xticks(range(K), classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(K), classes)
    axes.set(xlabel="预测", ylabel="真实")
    bare(axes)
    return figure


def images(
    pictures: Tensor, titles: Sequence[str] = (), *, wrong: Sequence[bool] = (), columns: int = 5
) -> Figure:
    """把灰度图排成格子，题目写在图上方；``wrong`` 为真的题目用橙色并加 ×。

    形状:
        pictures: (N, 1, H, W) 或 (N, H, W)，取值 [0, 1]。
    """
    pictures = pictures.flatten(0, -3)  # (N, H, W)
    rows = math.ceil(len(pictures) / columns)
    figure = canvas(rows * (WIDTH / columns + 0.25 * bool(titles)))
    cells = figure.subplots(rows, columns, squeeze=False).flat
    for axes, picture, title, bad in zip_longest(cells, pictures, titles, wrong):
        axes.set_axis_off()
        if picture is not None:
            axes.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set_title(f"{title} ×" if bad else title or "", fontsize=9, color=ORANGE if bad else INK)
    return figure


def feature_maps(maps: Mapping[str, Tensor], *, columns: int = 8) -> Figure:
    """逐层画出一张图的特征图，每层一块。

    每个特征图各按自己的最小值到最大值上色，所以看得清花纹，但图与图之间不能比深浅。

    形状:
        maps: 层名 → (1, C, H, W)，如 ``trace.feature_maps`` 对一张图的结果。
    """
    blocks = {name: math.ceil(m.shape[1] / columns) for name, m in maps.items()}
    heights = [rows * WIDTH / columns + 0.3 for rows in blocks.values()]
    figure = canvas(sum(heights))
    parts = figure.subfigures(len(maps), 1, height_ratios=heights, squeeze=False).flat
    for part, (name, rows), layer in zip(parts, blocks.items(), maps.values(), strict=True):
        _, C, H, W = layer.shape
        part.suptitle(f"{name}：{C} 个 {H}×{W}", fontsize=9)
        cells = part.subplots(rows, columns, squeeze=False).flat
        for axes, channel in zip_longest(cells, layer[0]):
            axes.set_axis_off()
            if channel is not None:
                axes.imshow(channel.numpy(), cmap=HEAT)
    return figure


def kernels(weight: Tensor) -> Figure:
    """画卷积核：每列一个输出通道，每行一个输入通道；蓝是正，橙是负，透明是零。

    每个输出通道各按自己最大的绝对值上色，所以看得清花纹，但列与列之间不能比深浅。

    形状:
        weight: (O, I, h, w)。
    """
    outputs, inputs, h, w = weight.shape
    weight = weight / weight.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    # 拼成一张 (I·h, O·w) 的图：96 个核若各占一个坐标系，SVG 会大十倍。
    mosaic = weight.detach().cpu().permute(1, 2, 0, 3).reshape(inputs * h, outputs * w)
    figure, (axes,) = panels(1, height=0.4 + WIDTH * len(mosaic) / mosaic.shape[1])
    axes.imshow(mosaic.numpy(), cmap=SIGNED, vmin=-1, vmax=1)
    axes.vlines([n * w - 0.5 for n in range(outputs + 1)], -0.5, inputs * h - 0.5, color=FAINT, linewidth=0.8)
    axes.hlines([n * h - 0.5 for n in range(inputs + 1)], -0.5, outputs * w - 0.5, color=FAINT, linewidth=0.8)
    axes.set_xticks([n * w + (w - 1) / 2 for n in range(outputs)], list(map(str, range(outputs))))
    axes.set_yticks([n * h + (h - 1) / 2 for n in range(inputs)], list(map(str, range(inputs))))
    axes.set(xlabel="输出通道", ylabel="输入通道")
    bare(axes)
    return figure


def lines(
    series: Mapping[str, tuple[Sequence[float] | Tensor, Sequence[float] | Tensor]],
    *,
    xlabel: str,
    ylabel: str,
    log: str = "",
    dashed: Collection[str] = (),
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """画几条线，每条有自己的横坐标。

    参数:
        series: 名字 →（横坐标，纵坐标），长度相同；至多四项，否则抛出 ``ValueError``。
        log: 哪些轴用对数：``""``、``"x"``、``"y"`` 或 ``"xy"``。
        dashed: 画成虚线的名字。
        levels: 名字 → 高度，各画一条点线；用来标出理论值或基线。
    """
    _at_most_four(series)
    figure, (axes,) = panels(1, height=2.8)
    for (label, (xs, ys)), color in zip(series.items(), COLORS, strict=False):
        axes.plot(_array(xs), _array(ys), "--" if label in dashed else "-", color=color, label=label)
    for (label, level), style in zip((levels or {}).items(), (":", "-."), strict=False):
        axes.axhline(level, color=FAINT, linestyle=style, label=label)
    _axes_in_log(axes, log)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def scatter(
    points: Mapping[str, tuple[Sequence[float] | Tensor, Sequence[float] | Tensor]],
    *,
    xlabel: str,
    ylabel: str,
    log: str = "",
    diagonal: bool = False,
) -> Figure:
    """画散点；组与组之间除了颜色，记号也不同。

    参数:
        points: 名字 →（横坐标，纵坐标），长度相同；至多四项，否则抛出 ``ValueError``。
        log: 哪些轴用对数：``""``、``"x"``、``"y"`` 或 ``"xy"``。
        diagonal: 画一条 y = x 的线，用来看预测与真值相差多少。
    """
    _at_most_four(points)
    figure, (axes,) = panels(1, height=3.4)
    for (label, (xs, ys)), color, marker in zip(points.items(), COLORS, MARKERS, strict=False):
        # 点很多时半透明，叠起来的深浅就是密度。
        alpha = 1.0 if len(xs) <= 60 else 0.45
        axes.scatter(
            _array(xs), _array(ys), s=18, marker=marker, color=color, alpha=alpha, linewidth=0, label=label
        )
    _axes_in_log(axes, log)
    if diagonal:
        low, high = axes.get_xlim()
        axes.plot((low, high), (low, high), color=FAINT, linestyle=":")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if len(points) > 1:
        figure.legend(loc="outside upper center", ncols=4)
    return figure


def histograms(
    samples: Mapping[str, Tensor], *, xlabel: str, bins: int = 60, limits: tuple[float, float] | None = None
) -> Figure:
    """每行一张直方图，横轴相同，各行的高度各按自己的最大值；名字写在图里。

    参数:
        samples: 名字 → 任意形状的数，展平后统计。
        limits: 横轴的范围，范围外的数不画；不给时是全部数的最小到最大。
    """
    flat = {name: values.detach().flatten().double().cpu() for name, values in samples.items()}
    low, high = limits or (
        min(v.min().item() for v in flat.values()),
        max(v.max().item() for v in flat.values()),
    )
    figure, rows = panels(len(flat), height=max(0.8, 3.6 / len(flat)), sharex=True)
    for axes, (name, values) in zip(rows, flat.items(), strict=True):
        counts = torch.histc(values[(values >= low) & (values <= high)], bins, low, high)
        axes.stairs(counts.numpy(), torch.linspace(low, high, bins + 1).numpy(), fill=True, color=BLUE)
        axes.text(0.01, 0.95, name, transform=axes.transAxes, va="top", fontsize=9)
        axes.set_yticks([])
    rows[-1].set(xlabel=xlabel)
    return figure


def bars(values: Mapping[str, float], *, xlabel: str, spec: str = ".3g", log: bool = False) -> Figure:
    """画横条，名字在左，数写在条的末端，格式是 ``spec``；第一项在最上面。"""
    figure, (axes,) = panels(1, height=0.5 + 0.32 * len(values))
    drawn = axes.barh(list(values), list(values.values()), color=BLUE, height=0.6)
    axes.bar_label(drawn, [f"{value:{spec}}" for value in values.values()], padding=3, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.grid(visible=False, axis="y")
    if log:
        axes.set_xscale("log")
    axes.set(xlabel=xlabel)
    return figure


def heat(
    matrix: Tensor,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    *,
    xlabel: str = "",
    ylabel: str = "",
    spec: str = "",
    signed: bool = False,
) -> Figure:
    """画矩阵的深浅：0 透明，最大的绝对值最深；``signed`` 时蓝是正，橙是负。

    参数:
        rows, columns: 行与列的名字；不给时不标。
        spec: 给出时把数按这个格式写在格里，如 ``".2f"``。

    形状:
        matrix: (R, C)。
    """
    R, C = matrix.shape
    matrix = matrix.detach().cpu().double()
    bound = matrix.abs().max().clamp(min=1e-12).item()
    figure, (axes,) = panels(1, height=min(1.5 * WIDTH, 0.6 + WIDTH * R / C))
    axes.imshow(matrix.numpy(), cmap=SIGNED if signed else HEAT, vmin=-bound if signed else 0, vmax=bound)
    if spec:
        for i in range(R):
            for j in range(C):
                axes.text(j, i, f"{matrix[i, j]:{spec}}", ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    bare(axes)
    return figure


def canvas(height: float) -> Figure:
    """返回一张空白的图，宽是一栏，高 ``height`` 英寸；各种图都从这里开始。"""
    figure = plt.figure(figsize=(WIDTH, height), layout="constrained")
    plt.close(figure)  # pyplot 不再记着它：笔记本里不会画两遍，内存也不积累
    return figure


def panels(
    rows: int, columns: int = 1, *, height: float, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """返回 ``rows`` × ``columns`` 个坐标系，按行排成一列；每行高 ``height`` 英寸。

    参数:
        sharex, sharey: 所有坐标系用同一根横轴、纵轴。
    """
    figure = canvas(rows * height)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    return figure, list(grid.flat)


def bare(axes: Axes) -> None:
    """去掉网格、边框与刻度线，留下刻度的字。"""
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _line(axes: Axes, runs: Sequence[Sequence[float]], color: str, style: str) -> bool:
    """画均值与色带，返回是否全是有限的数。"""
    values = torch.tensor(runs, dtype=torch.float64)  # (runs, epochs)
    epochs = range(1, values.shape[1] + 1)
    mean, std = _spread(values)
    finite = bool(values.isfinite().all())
    mean[~mean.isfinite()] = math.nan  # 无穷大会把坐标轴撑破；NaN 只是断线
    axes.plot(epochs, mean, color=color, linestyle=style, marker="o" if len(epochs) == 1 else "")
    if len(runs) > 1 and finite:
        axes.fill_between(epochs, mean - std, mean + std, color=color, alpha=0.15, linewidth=0)
    return finite


def _spread(values: Tensor) -> tuple[Tensor, Tensor]:
    """沿第 0 维的均值与样本标准差；只有一次运行时标准差是 0。"""
    return values.mean(dim=0), values.std(dim=0) if len(values) > 1 else torch.zeros_like(values[0])


def _at_most_four(lines: Mapping[str, object]) -> None:
    if not 1 <= len(lines) <= len(COLORS):
        raise ValueError(f"一张图 1 到 {len(COLORS)} 条线，得到 {len(lines)} 条：{'、'.join(lines)}")


def _array(values: Sequence[float] | Tensor) -> np.ndarray:
    return torch.as_tensor(values).detach().cpu().double().numpy()


def _axes_in_log(axes: Axes, which: str) -> None:
    if not set(which) <= {"x", "y"}:
        raise ValueError(f"log 应由 x、y 组成，得到 {which!r}")
    for name in which:
        axes.set(**{f"{name}scale": "log"})
