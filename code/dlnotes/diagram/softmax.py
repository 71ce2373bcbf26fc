"""Softmax 回归的图：从得分到概率、权重的模样、一张图一组概率、损失与它的梯度。"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from dlnotes.plot import canvas, panels
from dlnotes.softmax import softmax
from dlnotes.style import BLUE, COLORS, FAINT, INK, ORANGE, SIGNED, WIDTH


def pipeline(picture: Tensor, logits: Tensor, classes: Sequence[str]) -> Figure:
    """一张图怎样变成概率：图、得分、取指数、除以总和，各一栏；得分的橙是负，最大的概率写出数来。

    形状:
        picture: (1, H, W)，取值 [0, 1]；logits: (K,)，K 与 ``classes`` 的个数相同。
    """
    K = len(classes)
    figure = canvas(0.5 + 0.24 * K)
    photo, *columns = figure.subplots(1, 4, width_ratios=(1.0, 1.1, 1, 1))
    photo.imshow(picture[0].numpy(), cmap="gray", vmin=0, vmax=1)
    photo.set_axis_off()
    photo.set_title("图", fontsize=9)
    stages = {"得分 o": logits, "exp(o)": logits.exp(), "概率": softmax(logits)}
    for axes, (title, values) in zip(columns, stages.items(), strict=True):
        colors = [ORANGE if value < 0 else BLUE for value in values.tolist()]
        axes.barh(range(K), values.tolist(), color=colors, height=0.65)
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.set_title(title, fontsize=9)
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.set_yticks(range(K), classes if axes is columns[0] else [""] * K, fontsize=9)
        axes.tick_params(length=0)
    best = int(logits.argmax())
    share = softmax(logits)[best].item()
    columns[-1].set_xlim(0, 1.6 * share)  # 给末端的数留位置
    columns[-1].text(1.05 * share, best, f"{share:.0%}", va="center", fontsize=9)
    return figure


def templates(weight: Tensor, titles: Sequence[str], *, columns: int = 5) -> Figure:
    """把每一类的权重画成一张图，共用一把色尺：蓝的像素加分，橙的减分，透明的不管。

    形状:
        weight: (K, 784)；K 与 ``titles`` 的个数不同时抛出 ``ValueError``。
    """
    if len(weight) != len(titles):
        raise ValueError(f"{len(weight)} 行权重应配同样多的题目，得到 {len(titles)} 个")
    # 极少数权重特别大；按最大值上色，别的都淡得看不见。
    bound = weight.detach().abs().quantile(0.99).item()
    rows = -(-len(titles) // columns)
    figure = canvas(rows * (WIDTH / columns + 0.25))
    cells = figure.subplots(rows, columns, squeeze=False).flat
    for axes in cells:
        axes.set_axis_off()
    for axes, row, title in zip(figure.axes, weight.detach().cpu(), titles, strict=False):
        axes.imshow(row.view(28, 28).numpy(), cmap=SIGNED, vmin=-bound, vmax=bound)
        axes.set_title(title, fontsize=9)
    return figure


def verdicts(
    pictures: Tensor, probabilities: Tensor, labels: Tensor, classes: Sequence[str], *, top: int = 3
) -> Figure:
    """每行一张图和网络最看好的 ``top`` 类：蓝条是真实的类，橙条是别的；认错的题目带 ×。

    形状:
        pictures: (N, 1, H, W)，取值 [0, 1]；probabilities: (N, K)；labels: (N,)。
    """
    figure = plt.figure(figsize=(WIDTH, 0.95 * len(pictures)), layout="constrained")
    plt.close(figure)
    rows = figure.subplots(len(pictures), 2, squeeze=False, width_ratios=(1, 3.2))
    for (photo, axes), picture, row, label in zip(rows, pictures, probabilities, labels, strict=True):
        values, found = row.topk(top)
        right = bool(found[0] == label)
        photo.imshow(picture[0].numpy(), cmap="gray", vmin=0, vmax=1)
        photo.set_axis_off()
        title = classes[label] if right else f"{classes[label]} ×"
        photo.set_title(title, fontsize=9, color=INK if right else ORANGE)
        colors = [BLUE if index == label else ORANGE for index in found]
        drawn = axes.barh(range(top), values.tolist(), color=colors, height=0.65)
        axes.bar_label(drawn, [f"{value:.0%}" for value in values.tolist()], padding=3, fontsize=9)
        axes.set_yticks(range(top), [classes[index] for index in found], fontsize=9)
        axes.set_xticks([])
        axes.set_xlim(0, 1.15)
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return figure


def losses(
    x: Tensor, pairs: Mapping[str, tuple[Tensor, Tensor]], *, xlabel: str, top: str = "损失"
) -> Figure:
    """上面画几种损失，下面画它们的梯度，横轴相同；至多四种。

    参数:
        pairs: 名字 →（损失，梯度），各 (N,)。

    形状:
        x: (N,)。
    """
    figure, (above, below) = panels(2, height=2.0, sharex=True)
    for (label, (value, slope)), color in zip(pairs.items(), COLORS, strict=False):
        above.plot(x.numpy(), value.numpy(), color=color, label=label)
        below.plot(x.numpy(), slope.numpy(), color=color)
    above.set(ylabel=top)
    below.set(xlabel=xlabel, ylabel="梯度")
    figure.legend(loc="outside upper center", ncols=4)
    return figure
