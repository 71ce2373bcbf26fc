"""训练与使用检测器：格子检测器、SSD 与 YOLO 共用这一个循环，只有损失与解码不同。"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR

from dlnotes.train import device_of, evaluating
from dlnotes.vision.boxes import flip
from dlnotes.vision.nms import select

Loss = Callable[[Any, Tensor], Tensor]  # (网络的输出, (N, M, 5) 的标注) → 标量
Augment = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]  # (图, 标注, 翻不翻) → (图, 标注)
Decode = Callable[[Any], tuple[Tensor, Tensor]]  # 网络的输出 → (N, A, 4) 的框，(N, A, K) 的分数


def flipped(images: Tensor, targets: Tensor, turned: Tensor) -> tuple[Tensor, Tensor]:
    """把 ``turned`` 为真的图左右翻转，框跟着翻，补的 −1 不动。

    形状:
        images: (N, 3, H, W)；targets: (N, M, 5)；turned: (N,)，布尔。
    """
    images = torch.where(turned[:, None, None, None], images.flip(-1), images)
    mirrored = torch.cat([targets[..., :1], flip(targets[..., 1:], images.shape[-1])], dim=-1)
    change = turned[:, None] & (targets[..., 0] >= 0)
    return images, torch.where(change[..., None], mirrored, targets)


def fit(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    loss: Loss,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 32,
    seed: int = 0,
    device: torch.device | str = "cpu",
    augment: Augment | None = flipped,
) -> list[float]:
    """就地训练，返回每步的损失；学习率先升后降（OneCycle）。

    参数:
        seed: 决定样本的次序与增广；初始化用全局随机数。
        augment: 以 ``augment(images, targets, turned)`` 调用，``turned`` 里每张图以一半的概率为真；
            默认把它们左右翻转，框跟着翻。

    形状:
        images: (N, 3, H, W)；targets: (N, M, 5)，−1 是补的。
    """
    model.to(device).train()
    order = torch.Generator().manual_seed(seed)
    optimizer = Adam(model.parameters(), lr=lr)
    schedule = OneCycleLR(optimizer, lr, total_steps=epochs * -(-len(images) // batch_size))
    losses: list[Tensor] = []
    for _ in range(epochs):
        for chosen in torch.randperm(len(images), generator=order).split(batch_size):
            inputs, wanted = images[chosen], targets[chosen]
            if augment:
                inputs, wanted = augment(inputs, wanted, torch.rand(len(chosen), generator=order) < 0.5)
            value = loss(model(inputs.to(device)), wanted.to(device))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            losses.append(value.detach())
    return torch.stack(losses).tolist()


def detect(
    model: nn.Module,
    images: Tensor,
    decode: Decode,
    *,
    least: float = 0.05,
    overlap: float = 0.5,
    batch_size: int = 64,
) -> list[dict[str, Tensor]]:
    """新的图进，框出：一张图一个字典，``boxes``、``labels``、``scores``，分数从高到低，在 CPU 上。

    参数: ``least`` 与 ``overlap`` 见 ``nms.select``。

    形状:
        images: (N, 3, H, W)，取值 [0, 1]。
    """
    size, device = (images.shape[-2], images.shape[-1]), device_of(model)
    results = []
    with evaluating(model), torch.no_grad():
        for batch in images.split(batch_size):
            boxes, scores = decode(model(batch.to(device)))
            for one, points in zip(boxes.cpu(), scores.cpu(), strict=True):
                results.append(select(one, points, size, least=least, overlap=overlap))
    return results
