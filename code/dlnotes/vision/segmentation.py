"""训练与预测一个分割网络；图多大都行：补齐到倍数，或重叠地滑过大图。"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR

from dlnotes.train import device_of, evaluating
from dlnotes.vision.pixel_labels import IGNORE


def train(
    model: nn.Module,
    inputs: Sequence[Tensor],
    labels: Tensor,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 32,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> list[float]:
    """就地训练，返回每步的损失：逐像素的交叉熵，``IGNORE`` 不算；学习率先升后降（OneCycle）。

    参数:
        inputs: 以 ``model(*inputs)`` 的次序；整个网络只有图一项，只训练 ``SkipHead`` 时是各张特征图。
        seed: 只决定次序。

    形状:
        inputs: 每项 (N, ...)；labels: (N, H, W)，整数；模型的输出: (n, K, H, W)。
    """
    model.to(device).train()
    order = torch.Generator().manual_seed(seed)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = Adam(learned, lr=lr)
    schedule = OneCycleLR(optimizer, lr, total_steps=epochs * -(-len(labels) // batch_size))
    losses: list[Tensor] = []
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels), generator=order).split(batch_size):
            logits = model(*(values[chosen].to(device) for values in inputs))
            loss = F.cross_entropy(logits, labels[chosen].to(device), ignore_index=IGNORE)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
    return torch.stack(losses).tolist()


def predict(model: nn.Module, inputs: Sequence[Tensor], *, batch_size: int = 64) -> Tensor:
    """每个像素得分最高的类；``inputs`` 同 ``train``，返回 CPU 上的 (N, H, W)，int64。"""
    device = device_of(model)
    with evaluating(model), torch.no_grad():
        parts = [
            model(*(values.to(device) for values in batch)).argmax(dim=1).cpu()
            for batch in zip(*(values.split(batch_size) for values in inputs), strict=True)
        ]
    return torch.cat(parts)


def padded(x: Tensor, multiple: int) -> Tensor:
    """在右边与下边重复边缘，把高宽补到 ``multiple`` 的倍数；已经是倍数时原样返回。

    形状:
        x: (N, C, H, W)；返回值: (N, C, H', W')，H'、W' 是不小于 H、W 的最小倍数。
    """
    H, W = x.shape[-2:]
    return F.pad(x, (0, -W % multiple, 0, -H % multiple), mode="replicate")


def starts(length: int, window: int, step: int) -> list[int]:
    """滑窗的起点：每隔 ``step`` 一个，最后一个贴着末端；``window`` 比 ``length`` 长时抛出 ``ValueError``。

    ``step`` 应在 1 到 ``window`` 之间，否则有的像素谁也没看到，也抛出 ``ValueError``。
    """
    if not 1 <= step <= window <= length:
        raise ValueError(f"要求 1 ≤ step ≤ window ≤ length，得到 {step}、{window}、{length}")
    return [*range(0, length - window, step), length - window]


def slide(model: Callable[[Tensor], Tensor], x: Tensor, *, window: int, step: int) -> Tensor:
    """用 ``window``×``window`` 的窗口重叠地滑过大图，每个像素取盖到它的各次概率的平均。

    形状:
        x: (N, 3, H, W)，H、W 不小于 ``window``；``model`` 给出与窗口同样大的 K 张 logits。
        返回值: (N, K, H, W)，每个像素的概率，和是 1。
    """
    H, W = x.shape[-2:]
    total = x.new_zeros(())
    count = x.new_zeros(H, W)
    for top in starts(H, window, step):
        for left in starts(W, window, step):
            there = (..., slice(top, top + window), slice(left, left + window))
            seen = model(x[there]).softmax(dim=1)
            if total.ndim == 0:
                total = seen.new_zeros(*seen.shape[:2], H, W)
            total[there] += seen
            count[there] += 1
    return total / count
