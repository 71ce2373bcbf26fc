"""训练与评估：所有监督学习的笔记共用这一个循环。"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import TensorDataset

from dlnotes.data.batch import batches
from dlnotes.metrics import accuracy

Loss = Callable[[Tensor, Tensor], Tensor]  # (logits, labels) → 标量：这一批的平均损失
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Score:
    """在一份数据上的平均损失与精度；精度取值 [0, 1]。"""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class History:
    """一次训练的记录；``step_loss`` 每步一个数，其余每轮一个数。发散时损失可以是 NaN 或无穷大。

    训练的损失与精度是这一轮里边学边记的平均，所以比轮末的模型略差；验证的两项在轮末测得。
    """

    step_loss: tuple[float, ...]
    train_loss: tuple[float, ...]
    train_accuracy: tuple[float, ...]
    val_loss: tuple[float, ...]
    val_accuracy: tuple[float, ...]
    seconds: tuple[float, ...]  # 只算训练，不算验证


def fit(
    model: nn.Module,
    train: TensorDataset,
    val: TensorDataset,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    seed: int = 0,
    optimizer: Callable[..., Optimizer] = SGD,
    loss_fn: Loss = F.cross_entropy,
    schedule: Callable[[Optimizer], LRScheduler] | None = None,
    max_norm: float | None = None,
    on_batch: Callable[[Tensor, Tensor], Batch] | None = None,
    on_step: Callable[[nn.Module, int], None] | None = None,
) -> History:
    """就地训练 ``model``，每轮在 ``val`` 上评估一次，返回记录；模型留在 ``device`` 上。

    参数:
        seed: 决定样本的次序。初始化与丢弃法用全局随机数，由 ``lab.set_seed`` 决定。
        optimizer: 以 ``optimizer(parameters, lr=lr)`` 调用；别的选项用 ``functools.partial`` 先填好。
        schedule: 以 ``schedule(optimizer)`` 建立学习率的安排，每步走一格。
        max_norm: 全部梯度合成的范数超过它时，按比例缩到它（梯度裁剪）。
        on_batch: 训练的每一批先经过它，如数据增广；精度仍对原来的标签算。
        on_step: 每次更新后以 ``on_step(model, step)`` 调用，``step`` 从 1 数起；此时梯度还在。

    ``epochs`` 小于 1 时抛出 ``ValueError``。
    """
    if epochs < 1:
        raise ValueError(f"epochs 至少是 1，得到 {epochs}")
    model.to(device)
    updater = optimizer(model.parameters(), lr=lr)
    scheduler = schedule(updater) if schedule else None
    order = torch.Generator().manual_seed(seed)
    step_losses: list[Tensor] = []
    rounds: list[tuple[float, ...]] = []
    for _ in range(epochs):
        started = time.perf_counter()
        model.train()
        # 留着张量，到轮末才取数：每步 .item() 会让 CPU 停下来等 GPU。
        total_loss = hits = torch.zeros((), device=device)
        for inputs, labels in batches(train, batch_size, shuffle=True, generator=order):
            inputs, labels = inputs.to(device), labels.to(device)
            seen, targets = on_batch(inputs, labels) if on_batch else (inputs, labels)
            logits = model(seen)
            loss = loss_fn(logits, targets)
            updater.zero_grad()
            loss.backward()
            if max_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            updater.step()
            if scheduler:
                scheduler.step()
            step_losses.append(loss.detach())
            # loss 是这一批的平均，最后一批可能不满：乘回样本数再累加。
            total_loss = total_loss + loss.detach() * len(labels)
            hits = hits + (logits.argmax(dim=1) == labels).sum()
            if on_step:
                on_step(model, len(step_losses))
        train_loss, train_accuracy = total_loss.item() / len(train), hits.item() / len(train)
        seconds = time.perf_counter() - started
        score = evaluate(model, val, loss_fn=loss_fn, batch_size=batch_size)
        rounds.append((train_loss, train_accuracy, score.loss, score.accuracy, seconds))
    return History(tuple(torch.stack(step_losses).tolist()), *zip(*rounds, strict=True))


def evaluate(
    model: nn.Module,
    data: TensorDataset,
    device: torch.device | str | None = None,
    *,
    loss_fn: Loss = F.cross_entropy,
    batch_size: int = 1000,
) -> Score:
    """返回 ``model`` 在 ``data`` 全部样本上的平均损失与精度；设备、批量与状态同 ``predict``。"""
    inputs, labels = data.tensors
    logits = predict(model, inputs, device, batch_size=batch_size)
    return Score(loss_fn(logits, labels).item(), accuracy(logits, labels))


def predict(
    model: nn.Module,
    inputs: Tensor,
    device: torch.device | str | None = None,
    *,
    batch_size: int = 1000,
) -> Tensor:
    """以评估状态、不记梯度地运行 ``model``，返回 CPU 上的 logits；训练状态事后恢复。

    参数:
        device: 先把模型移到这里；不给时模型在哪里就在哪里算。

    形状:
        inputs: (N, ...)，分批送到设备上。
        返回值: (N, K)。
    """
    device = device or device_of(model)
    model.to(device)
    with evaluating(model), torch.no_grad():
        return torch.cat([model(batch.to(device)).cpu() for batch in inputs.split(batch_size)])


def device_of(model: nn.Module) -> torch.device:
    """返回模型的参数所在的设备；没有参数的模型算在 CPU 上。"""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """暂时切到评估状态，退出时让每个子模块各自恢复原状（有的层可能被有意冻结）。"""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
