"""样式迁移：网络不动，用梯度改图片的像素。

论文：Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016, §2；
Gram 矩阵作纹理的描述：同作者, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015, §2。
全变分：Mahendran & Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015, §3。
差异：每层的损失除以目标的平方均值，成为相对误差，换一个网络不必重调权重；默认用 Adam（论文用 L-BFGS）。
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim import LBFGS, Adam

from dlnotes.vision.feature_extractor import FeatureExtractor


def gram(features: Tensor) -> Tensor:
    """各通道两两的内积，除以元素个数 C·H·W；位置被求和掉了，只剩通道之间的关系。

    形状:
        features: (N, C, H, W)。
        返回值: (N, C, C)，对称、半正定。
    """
    N, C, H, W = features.shape
    X = features.reshape(N, C, H * W)
    return X @ X.mT / (C * H * W)


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """特征的均方差；两者形状相同，返回一个数。逐个位置地比，所以管布局。"""
    return (features - target).square().mean()


def style_loss(features: Tensor, target: Tensor) -> Tensor:
    """Gram 矩阵的均方差，返回一个数。

    形状:
        features: (N, C, H, W)；高宽不必与样式图相同。
        target: (N, C, C)，样式图的 Gram 矩阵。
    """
    return (gram(features) - target).square().mean()


def tv_loss(images: Tensor) -> Tensor:
    """全变分：相邻像素之差的绝对值，竖直与水平各取平均，再取两者的平均；返回一个数。

    形状:
        images: (N, C, H, W)。
    """
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean()
    right = (images[..., :, 1:] - images[..., :, :-1]).abs().mean()
    return 0.5 * (down + right)


@dataclass(frozen=True)
class Losses:
    """三项损失，都还没有乘权重；``total`` 是加权的和。"""

    content: Tensor
    style: Tensor
    tv: Tensor
    total: Tensor

    def numbers(self) -> dict[str, float]:
        """返回名字到数。"""
        return {name: getattr(self, name).item() for name in ("content", "style", "tv", "total")}


class Objective:
    """要最小化的函数：图 → 三项损失。目标只算一次，之后不变。

    参数:
        content, style: 给出内容、样式的图；哪个不给，哪一项就是 0。
        content_layers, style_layers: 不给时用提取器默认的。
        content_weight, style_weight, tv_weight: 三项的权重。

    形状:
        content: (N, 3, H, W)，取值 [0, 1]。
        style: (1, 3, H', W')，高宽不必与内容图相同。
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        *,
        content: Tensor | None = None,
        style: Tensor | None = None,
        content_layers: Iterable[str] | None = None,
        style_layers: Iterable[str] | None = None,
        content_weight: float = 1.0,
        style_weight: float = 1.0,
        tv_weight: float = 0.0,
    ) -> None:
        self.extractor = extractor
        self.weights = (content_weight, style_weight, tv_weight)
        self.features: dict[str, Tensor] = {}
        self.grams: dict[str, Tensor] = {}
        with torch.no_grad():
            if content is not None:
                self.features = extractor(content, content_layers or extractor.content_layers)
            if style is not None:
                found = extractor(style, style_layers or extractor.style_layers)
                self.grams = {name: gram(x) for name, x in found.items()}

    def __call__(self, image: Tensor) -> Losses:
        found = self.extractor(image, {*self.features, *self.grams})
        zero = image.new_zeros(())
        # 除以目标的平方均值：大小悬殊的各层于是从相近的数起步。
        content = sum(
            (content_loss(found[name], t) / t.square().mean() for name, t in self.features.items()), zero
        )
        style = sum((style_loss(found[name], t) / t.square().mean() for name, t in self.grams.items()), zero)
        content, style = content / max(1, len(self.features)), style / max(1, len(self.grams))
        tv = tv_loss(image)
        a, b, c = self.weights
        return Losses(content, style, tv, a * content + b * style + c * tv)


@dataclass(frozen=True)
class Result:
    """合成的图、每一步的损失、要留下的几帧。"""

    image: Tensor
    losses: list[dict[str, float]]
    frames: dict[int, Tensor] = field(default_factory=dict)


def synthesize(
    objective: Objective,
    start: Tensor,
    *,
    steps: int,
    lr: float = 0.05,
    clamp: bool = True,
    keep: Collection[int] = (),
) -> Result:
    """从 ``start`` 出发，用 Adam 改像素；学习率按直线降到 0。``start`` 本身不变。

    参数:
        lr: 最初的学习率，单位就是像素的取值（0 到 1）。
        clamp: 每步之后把像素截到 [0, 1]。
        keep: 留下第几步之后的图；0 是起点。

    形状:
        start: (N, 3, H, W)。
    """
    image = start.detach().clone().requires_grad_()
    optimizer = Adam([image], lr=lr)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-2, total_iters=steps)
    losses: list[dict[str, float]] = []
    frames = {0: start.detach().clone()} if 0 in keep else {}
    for step in range(1, steps + 1):
        found = objective(image)
        optimizer.zero_grad()
        found.total.backward()
        optimizer.step()
        schedule.step()
        if clamp:
            with torch.no_grad():
                image.clamp_(0, 1)
        losses.append(found.numbers())
        if step in keep:
            frames[step] = image.detach().clone()
    return Result(image.detach(), losses, frames)


def synthesize_lbfgs(objective: Objective, start: Tensor, *, evaluations: int, history: int = 20) -> Result:
    """论文的优化器 L-BFGS：用最近 ``history`` 步的梯度估计曲率，步长由线搜索定，不必调学习率。

    参数:
        evaluations: 损失与梯度最多算几次；线搜索可能超出几次。

    返回的损失每次求值记一个，线搜索试过的也在内；图只在最后截到 [0, 1]，中途截会弄乱曲率的估计。
    """
    image = start.detach().clone().requires_grad_()
    optimizer = LBFGS(
        [image],
        max_iter=evaluations,
        max_eval=evaluations,
        history_size=history,
        line_search_fn="strong_wolfe",
        tolerance_grad=0,
        tolerance_change=0,
    )
    losses: list[dict[str, float]] = []

    def closure() -> float:
        optimizer.zero_grad()
        found = objective(image)
        found.total.backward()
        losses.append(found.numbers())
        return losses[-1]["total"]

    optimizer.step(closure)
    return Result(image.detach().clamp(0, 1), losses)
