"""表格数据上的回归：把表变成数，岭回归，K 折交叉验证。

一条规矩贯穿全文件：均值、标准差、有哪些类别，都只从训练的那一折来。
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler

Predictor = Callable[[Tensor], Tensor]  # (N, D) → (N,)
Learner = Callable[[Tensor, Tensor], Predictor]  # 训练的 (N, D) 与 (N,) → 学好的函数
FUSED_ADAM = partial(Adam, fused=True)  # 网络这样小，时间多半花在逐个调用算子上；合成一个就快一倍


@dataclass(frozen=True)
class Encoder:
    """把表变成矩阵：数值列减均值、除以标准差，类别列用独热编码（one-hot）；统计量在 ``fit`` 时定下。"""

    means: dict[str, float]  # 数值列 → 均值；字典的次序就是矩阵里列的次序
    stds: dict[str, float]
    categories: dict[str, tuple[str, ...]]  # 类别列 → 见过的值，已排序

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> Self:
        """从 ``frame`` 量出统计量；标准差除以 n − 1，缺失的不算。全列相等时标准差当作 1。"""
        numbers = frame.select_dtypes("number")
        words = frame.select_dtypes(exclude="number")
        return cls(
            means=numbers.mean().to_dict(),
            stds=numbers.std().replace(0.0, 1.0).to_dict(),
            categories={name: tuple(sorted(column.dropna().unique())) for name, column in words.items()},
        )

    def transform(self, frame: pd.DataFrame) -> Tensor:
        """返回 (N, D) 的矩阵，float64，列名见 ``names``。"""
        blocks = []
        for name, mean in self.means.items():
            values = torch.from_numpy(frame[name].to_numpy(dtype=np.float64, copy=True))
            scaled = (values - mean) / self.stds[name]
            blocks.append(scaled.nan_to_num(nan=0.0)[:, None])  # 标准化以后，0 就是均值
        blocks += [one_hot(frame[name], values) for name, values in self.categories.items()]
        return torch.cat(blocks, dim=1)

    @property
    def names(self) -> list[str]:
        """D 个列名：数值列是原名，类别列是“列=值”，每个类别列最后还有一个“列=缺失”。"""
        words = [f"{name}={value}" for name, seen in self.categories.items() for value in (*seen, "缺失")]
        return [*self.means, *words]


def one_hot(column: pd.Series, values: Sequence[str]) -> Tensor:
    """每个值一列，缺失另占最后一列；``values`` 里没有的值得到全 0 的一行。

    形状:
        column: 长 N。
        返回值: (N, len(values) + 1)，float64，每行至多一个 1。
    """
    place = {value: i for i, value in enumerate(values)}
    pairs = zip(column.tolist(), column.isna().tolist(), strict=True)
    codes = torch.tensor([len(values) if missing else place.get(value, -1) for value, missing in pairs])
    return (codes[:, None] == torch.arange(len(values) + 1)).double()


def ridge(x: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """返回使 Σ(y − xw − b)² + ``penalty``·‖w‖² 最小的 (w, b)；偏置不受罚。

    形状:
        x: (N, D)；y: (N,)；w: (D,)；b: 标量。
    """
    # 最优的 b 让残差的均值为 0；减去均值后 b 就消失了，正好免罚。
    mean_x, mean_y = x.mean(dim=0), y.mean()
    centred = x - mean_x
    gram = centred.T @ centred + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    w = torch.linalg.solve(gram, centred.T @ (y - mean_y))
    return w, mean_y - mean_x @ w


def rmse(a: Tensor, b: Tensor) -> float:
    """返回两个 (N,) 之差的均方根；两者都是对数价格时，就是竞赛的打分。形状不同时抛出 ``ValueError``。"""
    if a.shape != b.shape:  # (N, 1) 减 (N,) 会悄悄广播成 (N, N)
        raise ValueError(f"形状应相同，得到 {tuple(a.shape)} 与 {tuple(b.shape)}")
    return (a - b).square().mean().sqrt().item()


def fit(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 64,
    seed: int = 0,
    optimizer: Callable[..., Optimizer] = FUSED_ADAM,
    schedule: Callable[[Optimizer, int], LRScheduler] | None = None,
    on_epoch: Callable[[nn.Module, int], None] | None = None,
) -> None:
    """就地以均方误差训练 ``model``；与 ``train.fit`` 同一个循环，只是目标是实数，没有精度可记。

    参数:
        seed: 决定样本的次序，不动全局的随机数。
        schedule: 以 ``schedule(optimizer, 总步数)`` 建立学习率的安排，每步走一格。
        on_epoch: 每轮之后以 ``on_epoch(model, epoch)`` 调用，从 1 数起。

    形状:
        x: (N, D)；y: (N,)；模型的输出是 (N, 1)。
    """
    updater = optimizer(model.parameters(), lr=lr)
    scheduler = schedule(updater, epochs * -(-len(x) // batch_size)) if schedule else None
    order = torch.Generator().manual_seed(seed)
    for epoch in range(1, epochs + 1):
        model.train()
        for chosen in torch.randperm(len(x), generator=order).split(batch_size):
            loss = F.mse_loss(model(x[chosen]).squeeze(1), y[chosen])
            updater.zero_grad()
            loss.backward()
            updater.step()
            if scheduler:
                scheduler.step()
        if on_epoch:
            on_epoch(model, epoch)


@dataclass(frozen=True)
class Fold:
    """一折：谁训练，谁验证，以及各自编码后的矩阵。"""

    train: Tensor  # 下标，(n,)
    val: Tensor  # 下标，(m,)
    x_train: Tensor  # (n, D)；各折的 D 可以不同：训练折里没见过的类别没有列
    x_val: Tensor  # (m, D)


def encode_folds(
    frame: pd.DataFrame, splits: Iterable[tuple[Tensor, Tensor]], encoder: Encoder | None = None
) -> list[Fold]:
    """给每一折编码；编码器在训练的行上 ``fit``，验证的行只 ``transform``。

    参数:
        splits: （训练，验证）的下标，如 ``selection.k_fold`` 给出的。
        encoder: 给出时各折都用它。若它见过验证的行，就是泄漏；只为了量一量泄漏有多大。
    """
    folds = []
    for train, val in splits:
        seen, held_out = frame.iloc[train.numpy()], frame.iloc[val.numpy()]
        fitted = encoder or Encoder.fit(seen)
        folds.append(Fold(train, val, fitted.transform(seen), fitted.transform(held_out)))
    return folds


@dataclass(frozen=True)
class CrossValidation:
    """K 折的结果；误差都是均方根。"""

    train: tuple[float, ...]  # 每折一个
    val: tuple[float, ...]
    predictions: Tensor  # (N,)，每个样本都由没有见过它的那个模型预测；没有轮到验证的是 NaN

    @property
    def score(self) -> float:
        """各折验证误差的均值。"""
        return sum(self.val) / len(self.val)


def cross_validate(learn: Learner, folds: Sequence[Fold], y: Tensor) -> CrossValidation:
    """在每一折上从头学一个模型，量它的训练误差与验证误差。

    形状:
        y: (N,)，按 ``folds`` 里的下标取用。
    """
    train, val = [], []
    predictions = torch.full_like(y, torch.nan)
    for fold in folds:
        predict = learn(fold.x_train, y[fold.train])
        predictions[fold.val] = predict(fold.x_val)
        train.append(rmse(predict(fold.x_train), y[fold.train]))
        val.append(rmse(predictions[fold.val], y[fold.val]))
    return CrossValidation(tuple(train), tuple(val), predictions)
