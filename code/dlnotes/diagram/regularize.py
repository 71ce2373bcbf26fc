"""说明权重正则化的图：等高线与圆、菱形相切；权重大小与曲线的起伏；逐个画出的权重。"""

from collections.abc import Mapping
from functools import partial

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from torch import Tensor

from dlnotes.plot import canvas, panels
from dlnotes.regularize import lasso, ridge
from dlnotes.style import BLUE, COLORS, FAINT, INK, ORANGE, WIDTH

PATH = torch.logspace(-3, 2, 41, dtype=torch.float64).tolist()  # 画路径时试的 λ


def contact(X: Tensor, y: Tensor, *, l2: float, l1: float) -> Figure:
    """画两个权重的最小二乘：左边加 L2 惩罚 ``l2``，右边加 L1 惩罚 ``l1``。

    椭圆是数据项的等高线，其中一条正好穿过解；填色的是解所在的圆或菱形；橙线是 λ 从 0 到很大时解走的路。

    形状:
        X: (n, 2)，float64；y: (n,)。
    """
    figure = canvas(0.5 * WIDTH + 0.75)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    best = ridge(X, y, 0.0)
    sparse = partial(lasso, steps=300)  # 只有两个权重，收敛很快
    for axes, fit, strength, order in ((left, ridge, l2, 2), (right, sparse, l1, 1)):
        solution = fit(X, y, strength).w
        route = torch.stack([best.w, *(fit(X, y, value).w for value in PATH)])
        _contours(axes, X, y, solution)
        axes.add_patch(Polygon(_ball(solution.norm(p=order).item(), order), color=BLUE, alpha=0.18, lw=0))
        (path,) = axes.plot(*route.T.numpy(), color=ORANGE)
        (dot,) = axes.plot(*solution.numpy(), "o", color=INK, markersize=6, linestyle="")
        (star,) = axes.plot(*best.w.numpy(), "*", color=INK, markersize=9, linestyle="")
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.grid(visible=False)
        axes.set(xlabel="w1", aspect="equal", title="L2：圆" if order == 2 else "L1：菱形")
    left.set(ylabel="w2", xlim=(-1.25, 2.6), ylim=(-1.25, 2.1))
    figure.legend([star, dot, path], ["λ = 0", "解", "λ 变大的路"], loc="outside upper center", ncols=3)
    return figure


def curves(x: Tensor, y: Tensor, grid: Tensor, fitted: Mapping[str, Tensor]) -> Figure:
    """画数据点与几条拟合出的曲线；纵轴只留数据上下各一倍的范围，飞出去的不画。

    形状:
        x, y: (n,)；grid 与 ``fitted`` 的每一项: (m,)。
    """
    figure, (axes,) = panels(1, height=2.8)
    for (label, values), color in zip(fitted.items(), COLORS[1:], strict=False):
        axes.plot(grid.numpy(), values.numpy(), color=color, label=label)
    axes.plot(x.numpy(), y.numpy(), "o", color=BLUE, label="样本")
    middle, half = (y.max() + y.min()).item() / 2, (y.max() - y.min()).item()
    axes.set(xlabel="x", ylabel="y", ylim=(middle - half, middle + half))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def weights(rows: Mapping[str, Tensor]) -> Figure:
    """每行画一组权重，一根竖线一个；正好是 0 的不画，名字写在上方。

    形状:
        rows: 名字 → (d,)，各行的 d 相同。
    """
    figure, all_axes = panels(len(rows), height=1.15, sharex=True, sharey=True)
    for axes, (name, w) in zip(all_axes, rows.items(), strict=True):
        alive = w.nonzero().flatten()
        axes.vlines(alive.numpy(), 0, w[alive].numpy(), color=BLUE, linewidth=1.5)
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.set_title(name, loc="left", fontsize=9)
        axes.grid(visible=False)
    all_axes[-1].set(xlabel="第几个权重")
    return figure


def _ball(radius: float, order: int) -> Tensor:
    """返回范数球的边界，(m, 2)；``order`` 是 2（圆）或 1（菱形）。"""
    if order == 1:
        return radius * torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]]).double()
    angle = torch.linspace(0, 2 * torch.pi, 73, dtype=torch.float64)
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1)


def _contours(axes: Axes, X: Tensor, y: Tensor, solution: Tensor) -> None:
    A, t = X - X.mean(dim=0), y - y.mean()
    side = torch.linspace(-1.5, 3.0, 91, dtype=torch.float64)
    w1, w2 = torch.meshgrid(side, side, indexing="xy")
    grid = torch.stack([w1, w2], dim=-1)  # (91, 91, 2)
    loss = (grid @ A.T - t).square().mean(dim=-1) / 2
    here = ((A @ solution - t).square().mean() / 2).item()
    floor = loss.min().item()
    levels = [floor + share * (here - floor) for share in (0.1, 0.4, 1.0, 2.0, 3.5)]
    axes.contour(w1, w2, loss, levels=levels, colors=FAINT, linewidths=[1, 1, 1.8, 1, 1])
