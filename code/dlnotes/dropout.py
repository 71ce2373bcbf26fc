"""丢弃法：训练时随机把一部分激活置零，其余放大，使期望不变；推理时什么也不做。

论文：Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
JMLR 15, 2014, §4；DropConnect：Wan et al., "Regularization of Neural Networks using DropConnect", ICML 2013；
多次采样的预测：Gal, Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016, §4。
差异：论文的 p 是保留的概率，这里同 PyTorch，p 是丢弃的概率；论文在推理时把权重乘上保留率，
这里在训练时除以它，两者的期望相同。
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd

from dlnotes.train import device_of, evaluating


def keep_mask(h: Tensor, p: float) -> Tensor:
    """抽一张掩码：每个数各自以概率 1 − p 为真（留下）。形状与设备同 ``h``，类型是 bool。"""
    # 从 h 建立，掩码就和 h 在同一个设备上；torch.rand(h.shape) 总在 CPU 上，h 在 GPU 时会报错。
    return torch.empty_like(h, dtype=torch.bool).bernoulli_(1 - p)


def dropout(h: Tensor, p: float, *, keep: Tensor | None = None) -> Tensor:
    """以概率 ``p`` 把 ``h`` 的每个数置零，留下的除以 1 − p；这是训练时的样子，推理时不要调用。

    参数:
        p: 丢弃的概率，取值 [0, 1]，越界时抛出 ``ValueError``；0 是恒等，1 全是零。
        keep: 给定的掩码，真是留下；不给时随机抽一张。

    形状:
        h、keep、返回值：相同，任意。
    """
    _check(p)
    if p == 0:
        return h
    if p == 1:
        return h * 0  # 1 / (1 − p) 没有定义；乘 0 而不是新建一个零，梯度才有路可走（也是零）
    if keep is None:
        keep = keep_mask(h, p)
    return h * keep / (1 - p)


class Dropout(nn.Module):
    """``dropout`` 的层：由 ``module.training`` 决定做不做，所以 ``model.eval()`` 管得住它。没有参数。"""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        _check(p)
        self.p = p

    def forward(self, h: Tensor) -> Tensor:
        return dropout(h, self.p) if self.training else h

    def extra_repr(self) -> str:
        return f"p={self.p}"


class DropConnectLinear(nn.Linear):
    """全连接层，训练时丢的是权重：每个权重各自以概率 ``p`` 置零，留下的除以 1 − p。

    差异：一批样本共用一张掩码（论文每个样本一张）；推理用权重的期望（论文对输出作高斯近似再采样）。

    形状:
        x: (N, in_features)；返回值: (N, out_features)。
    """

    def __init__(self, in_features: int, out_features: int, p: float = 0.5) -> None:
        super().__init__(in_features, out_features)
        _check(p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        weight = dropout(self.weight, self.p) if self.training else self.weight
        return F.linear(x, weight, self.bias)


def dropout_mlp(
    rates: Sequence[float] = (0.2, 0.5),
    hidden: Sequence[int] = (256, 256),
    *,
    input_rate: float = 0.0,
    num_classes: int = 10,
    layer: Callable[[float], nn.Module] = nn.Dropout,
) -> nn.Sequential:
    """28×28 的图到 logits 的多层感知机，每个隐藏层的 ReLU 之后丢弃；默认 269,322 个参数。

    参数:
        rates: 每个隐藏层的丢弃率；个数与 ``hidden`` 不同时抛出 ``ValueError``。
        input_rate: 像素的丢弃率；0 时没有这一层。
        layer: 以 ``layer(p)`` 建立丢弃层，如 ``nn.Dropout`` 或这里的 ``Dropout``。

    形状:
        x: (N, 1, 28, 28)；返回值: (N, num_classes)，未经 softmax。
    """
    if len(rates) != len(hidden):
        raise ValueError(f"{len(hidden)} 个隐藏层应有同样多的丢弃率，得到 {len(rates)} 个")
    layers = OrderedDict[str, nn.Module](flatten=nn.Flatten())
    if input_rate:
        layers["drop0"] = layer(input_rate)
    width = 28 * 28
    for n, (units, rate) in enumerate(zip(hidden, rates, strict=True), start=1):
        layers[f"hidden{n}"] = nn.Linear(width, units)
        layers[f"relu{n}"] = nn.ReLU()
        layers[f"drop{n}"] = layer(rate)  # 论文：丢弃率是每一层的超参数，靠近输入的取小一些
        width = units
    layers["output"] = nn.Linear(width, num_classes)  # 输出层不丢：少一类的分数，损失就没有意义
    return nn.Sequential(layers)


def mc_predict(model: nn.Module, x: Tensor, samples: int) -> Tensor:
    """只开着丢弃层、别的层都在评估状态，把 ``x`` 预测 ``samples`` 次；返回 CPU 上每一次的概率。

    每次的掩码都重新抽，用全局的随机数；退出时各层恢复原来的状态。

    形状:
        x: (N, ...)；返回值: (samples, N, K)，最后一维的和是 1。

    ``samples`` 小于 1 或模型里没有丢弃层时抛出 ``ValueError``：后者每一次都会相同。
    """
    droppers = [m for m in model.modules() if isinstance(m, (Dropout, DropConnectLinear, _DropoutNd))]
    if samples < 1 or not droppers:
        raise ValueError(
            f"至少要采样一次（得到 {samples}），模型里至少要有一个丢弃层（得到 {len(droppers)}）"
        )
    x = x.to(device_of(model))
    with evaluating(model), torch.no_grad():
        for module in droppers:
            # 不能对整个模型 .train()：批量归一化会改用这一批的统计量，还会改写移动平均。
            module.train()
        return torch.stack([model(x).softmax(dim=-1).cpu() for _ in range(samples)])


def entropy(probabilities: Tensor) -> Tensor:
    """沿最后一维的熵（自然对数）：全押一类是 0，K 类均匀是 ln K。形状 (..., K) → (...)。"""
    return torch.special.entr(probabilities).sum(dim=-1)


def disagreement(probabilities: Tensor) -> Tensor:
    """各次预测之间的分歧：平均预测的熵减去各次熵的平均（互信息），不小于 0；次次相同时是 0。

    形状:
        probabilities: (samples, N, K)，如 ``mc_predict`` 的结果；返回值: (N,)。
    """
    return entropy(probabilities.mean(dim=0)) - entropy(probabilities).mean(dim=0)


def _check(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"丢弃率应在 0 到 1 之间，得到 {p}")
