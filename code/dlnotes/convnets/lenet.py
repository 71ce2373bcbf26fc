"""LeNet-5：用梯度训练的卷积网络，从手写字符的像素直接认出类别。

论文：LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), 1998, §II-B；层名同图 2。
差异：C3 接全部通道（论文按表 I，见 ``lenet1998``）；池化无参数；激活默认是 sigmoid（论文是放缩的 tanh）；
输出层是线性层（论文是 RBF）。
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from dlnotes.convnets.conv import avg_pool2d, conv2d


class LeNet(nn.Module):
    """28×28 的灰度图到类别 logits；10 类时共 61,706 个参数、416,520 次乘加。

    参数:
        activation: 激活层的类；全网共用一个实例，所以它不应有参数。
        pool: 池化层的类，以 ``pool(2)`` 建立。

    形状:
        x: (N, 1, 28, 28)。
        返回值: (N, num_classes)，未经 softmax。
    """

    def __init__(
        self,
        num_classes: int = 10,
        activation: Callable[[], nn.Module] = nn.Sigmoid,
        pool: Callable[[int], nn.Module] = nn.AvgPool2d,
    ) -> None:
        super().__init__()
        # 论文的输入是 32×32；我们的图是 28×28，四周各补 2 个 0，C1 的输出才同样是 28×28。
        self.c1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
        self.s2 = pool(2)
        self.c3 = nn.Conv2d(6, 16, kernel_size=5)
        self.s4 = pool(2)
        self.flatten = nn.Flatten()
        # 论文把 C5 写成 5×5 的卷积；S4 的输出恰是 5×5，两种写法相等。
        self.c5 = nn.Linear(16 * 5 * 5, 120)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, num_classes)
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        x = self.s2(self.activation(self.c1(x)))  # (N, 6, 14, 14)
        x = self.s4(self.activation(self.c3(x)))  # (N, 16, 5, 5)
        x = self.flatten(x)  # (N, 400)
        x = self.activation(self.c5(x))  # (N, 120)
        x = self.activation(self.f6(x))  # (N, 84)
        return self.output(x)


def lenet_scratch(
    x: Tensor,
    parameters: Mapping[str, Tensor],
    *,
    activation: Callable[[Tensor], Tensor] = torch.sigmoid,
    pool: Callable[[Tensor, int], Tensor] = avg_pool2d,
) -> Tensor:
    """只用自己写的卷积与池化做 LeNet 的前向计算；``parameters`` 就是 ``LeNet`` 的 ``state_dict``。

    形状:
        x: (N, 1, 28, 28)。
        返回值: (N, num_classes)，与 ``LeNet`` 的输出相等。
    """
    p = parameters
    x = pool(activation(conv2d(x, p["c1.weight"], p["c1.bias"], padding=2)), 2)  # (N, 6, 14, 14)
    x = pool(activation(conv2d(x, p["c3.weight"], p["c3.bias"])), 2)  # (N, 16, 5, 5)
    x = x.flatten(1)  # (N, 400)
    x = activation(x @ p["c5.weight"].T + p["c5.bias"])  # (N, 120)
    x = activation(x @ p["f6.weight"].T + p["f6.bias"])  # (N, 84)
    return x @ p["output.weight"].T + p["output.bias"]


def lenet_bn(num_classes: int = 10) -> nn.Sequential:
    """带批量归一化的 LeNet；10 类时共 44,878 个参数、281,640 次乘加。

    C1 不填充，所以图逐层更小；归一化在每个卷积与隐藏的全连接之后、激活之前。
    配置同《动手学深度学习》“批量规范化”一节，形状同 ``LeNet``。
    """
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            c1=nn.Conv2d(1, 6, kernel_size=5),
            bn1=nn.BatchNorm2d(6),
            a1=nn.Sigmoid(),
            s2=nn.AvgPool2d(2),  # (N, 6, 12, 12)
            c3=nn.Conv2d(6, 16, kernel_size=5),
            bn3=nn.BatchNorm2d(16),
            a3=nn.Sigmoid(),
            s4=nn.AvgPool2d(2),  # (N, 16, 4, 4)
            flatten=nn.Flatten(),  # (N, 256)
            c5=nn.Linear(16 * 4 * 4, 120),
            bn5=nn.BatchNorm1d(120),
            a5=nn.Sigmoid(),
            f6=nn.Linear(120, 84),
            bn6=nn.BatchNorm1d(84),
            a6=nn.Sigmoid(),
            output=nn.Linear(84, num_classes),
        )
    )
