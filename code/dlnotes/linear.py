"""线性回归：数据、模型、平方损失、解析解与小批量随机梯度下降。

设置同《动手学深度学习》3.2 与 3.3 节（w = [2, −3.4]，b = 4.2，噪声 0.01）。
差异：损失对这一批实有的样本取平均，最后一批不满时也对；书上的 ``sgd`` 总是除以固定的 ``batch_size``。
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.utils.data import TensorDataset

from dlnotes.data.batch import batches


def synthetic(w: Sequence[float], b: float, n: int, *, noise: float, seed: int) -> TensorDataset:
    """按 y = Xw + b + ε 造 ``n`` 条样本：X 的元素服从 N(0, 1)，ε 服从 N(0, noise²)。

    形状:
        返回值: 双精度的 X (n, d) 与 y (n, 1)，d 是 ``w`` 的长度。
    """
    generator = Generator().manual_seed(seed)
    X = torch.randn(n, len(w), generator=generator, dtype=torch.float64)
    epsilon = noise * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    return TensorDataset(X, X @ X.new_tensor(w)[:, None] + b + epsilon)


def predict(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """返回 Xw + b；(n, d) 与 (d, 1) 得 (n, 1)，b (1,) 靠广播加到每一行。"""
    return X @ w + b


def squared_loss(prediction: Tensor, y: Tensor) -> Tensor:
    """逐个样本的 ½(ŷ − y)²，形状与输入相同。

    两者形状不同时抛出 ``ValueError``：(n, 1) 减 (n,) 会悄悄广播成 (n, n)。
    """
    if prediction.shape != y.shape:
        raise ValueError(f"预测 {tuple(prediction.shape)} 与标签 {tuple(y.shape)} 的形状不同")
    return (prediction - y) ** 2 / 2


@torch.no_grad()
def sgd(parameters: Iterable[Tensor], lr: float) -> None:
    """就地走一步 p ← p − lr·∂L/∂p，然后把梯度清空。"""
    for p in parameters:
        # 必须就地改：写成 p = p - … 只是让局部变量指向一个新张量，外面的参数一动不动。
        p -= lr * p.grad  # type: ignore[operator]
        p.grad = None  # backward 是把新梯度加上去；不清空，下一步就带着这一步的


class LinearRegression(nn.Module):
    """一层、一个输出、没有激活的神经网络；d 个特征时共 d + 1 个参数，初值都是 0。

    形状:
        x: (N, d)。
        返回值: (N, 1)。
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, 1)
        # 损失是凸的，从哪里出发都到同一处；从 0 出发，第一个损失就能算出来核对。
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


@dataclass(frozen=True)
class Run:
    """一次训练的记录。"""

    w: Tensor  # (d, 1)
    b: Tensor  # (1,)
    path: Tensor  # (步数 + 1, d + 1)：每步之后的 w 与 b，第 0 行是起点
    epoch_loss: tuple[float, ...]  # 每轮末全部训练样本的平均损失，口径同训练所用的损失


def train_scratch(data: TensorDataset, *, epochs: int, lr: float, batch_size: int, seed: int = 0) -> Run:
    """从 w = 0、b = 0 起做小批量随机梯度下降；损失是 ``squared_loss`` 的平均，``seed`` 决定样本次序。"""
    X = data.tensors[0]
    w = X.new_zeros(X.shape[1], 1, requires_grad=True)
    b = X.new_zeros(1, requires_grad=True)

    def loss(x: Tensor, targets: Tensor) -> Tensor:
        return squared_loss(predict(x, w, b), targets).mean()

    return _train(data, (w, b), loss, lambda: sgd((w, b), lr), epochs, batch_size, seed)


def train_torch(
    model: LinearRegression, data: TensorDataset, *, epochs: int, lr: float, batch_size: int, seed: int = 0
) -> Run:
    """就地训练 ``model``，写法是 PyTorch 惯用的：``MSELoss``（没有 ½）与 ``torch.optim.SGD``。"""
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)

    def step() -> None:
        optimizer.step()
        optimizer.zero_grad()

    def loss(x: Tensor, targets: Tensor) -> Tensor:
        return loss_fn(model(x), targets)

    parameters = (model.linear.weight, model.linear.bias)
    return _train(data, parameters, loss, step, epochs, batch_size, seed)


def _train(
    data: TensorDataset,
    parameters: tuple[Tensor, Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    step: Callable[[], None],
    epochs: int,
    batch_size: int,
    seed: int,
) -> Run:
    weight, bias = parameters
    order = Generator().manual_seed(seed)
    path, losses = [_flat(parameters)], []
    for _ in range(epochs):
        for x, y in batches(data, batch_size, shuffle=True, generator=order):
            loss(x, y).backward()
            step()
            path.append(_flat(parameters))
        with torch.no_grad():
            losses.append(loss(*data.tensors).item())
    return Run(weight.detach().reshape(-1, 1), bias.detach(), torch.stack(path), tuple(losses))


def _flat(parameters: Iterable[Tensor]) -> Tensor:
    return torch.cat([p.detach().flatten() for p in parameters])
