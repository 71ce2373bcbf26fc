"""Adam 的一步，λ 可以放在两个地方：加进梯度（L2 惩罚），或直接缩小权重（权重衰退，AdamW）。

论文：Kingma & Ba, "Adam", ICLR 2015，算法 1；
Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019，算法 2。
差异：论文的衰减不乘学习率 α，只乘调度系数 η；这里与 PyTorch 一样，衰减的是 ηλ，η 是学习率。
"""

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """梯度的两个移动平均与走过的步数；``first``、``second`` 与参数同形，从 0 开始。"""

    first: Tensor
    second: Tensor
    steps: int = 0


def adam_step(
    w: Tensor,
    gradient: Tensor,
    moments: Moments,
    *,
    lr: float,
    l2: float = 0.0,
    decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[Tensor, Moments]:
    """返回走完一步的权重与新的移动平均；不改动传入的张量。

    参数:
        gradient: 数据项的梯度，形状同 ``w``。
        l2: 惩罚 λ/2·‖w‖² 的 λ；λw 混进梯度，随后也被 √second 除。
        decay: 解耦的衰减 λ；权重先乘 1 − ηλ，与梯度的大小无关。
    """
    gradient = gradient + l2 * w
    first = betas[0] * moments.first + (1 - betas[0]) * gradient
    second = betas[1] * moments.second + (1 - betas[1]) * gradient.square()
    steps = moments.steps + 1
    # 移动平均从 0 开始，头几步偏小：除以 1 − βᵗ 补回来。
    direction = first / (1 - betas[0] ** steps)
    scale = (second / (1 - betas[1] ** steps)).sqrt() + eps
    w = (1 - lr * decay) * w - lr * direction / scale
    return w, replace(moments, first=first, second=second, steps=steps)
