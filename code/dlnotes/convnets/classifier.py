"""AlexNet 与 VGG 共有的末段：展平，三个全连接，前两个之后 ReLU 与丢弃。"""

from collections import OrderedDict

from torch import nn


def classifier(in_features: int, hidden: int, num_classes: int, dropout: float) -> nn.Sequential:
    """返回 AlexNet 论文图 2 的 fc6、fc7、fc8；VGG 原样沿用。

    形状:
        x: (N, C, H, W)，其中 C·H·W = in_features。
        返回值: (N, num_classes)，未经 softmax。
    """
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            flatten=nn.Flatten(),
            fc6=nn.Linear(in_features, hidden),
            relu6=nn.ReLU(),
            drop6=nn.Dropout(dropout),
            fc7=nn.Linear(hidden, hidden),
            relu7=nn.ReLU(),
            drop7=nn.Dropout(dropout),
            fc8=nn.Linear(hidden, num_classes),
        )
    )
