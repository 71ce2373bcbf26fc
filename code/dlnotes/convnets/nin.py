"""NiN（网络中的网络）：每个卷积之后接两个 1×1 卷积，最后用全局平均池化代替全连接。

论文：Lin, Chen, Yan, "Network In Network", ICLR 2014，§3.1（mlpconv）与 §3.2（全局平均池化）。
差异：论文没有给出逐层的表；默认的 ``BLOCKS_224`` 照《动手学深度学习》，卷积核取自 AlexNet；论文在 CIFAR-10 上
是三个 mlpconv。初始化用 PyTorch 的默认值。
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from dlnotes.convnets.conv import conv2d

# 每块第一个卷积的（输出通道，核的边长，步幅，补边）；块与块之间是 3×3、步幅 2 的最大池化。
BlockArch = Sequence[tuple[int, int, int, int]]
BLOCKS_224: BlockArch = ((96, 11, 4, 0), (256, 5, 1, 2), (384, 3, 1, 1))
BLOCKS_32: BlockArch = ((96, 5, 1, 2), (192, 5, 1, 2), (192, 3, 1, 1))  # 28～32 像素的小图，我们自己定的


def nin_block(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    stride: int = 1,
    padding: int = 0,
    final_relu: bool = True,
) -> nn.Sequential:
    """一个普通卷积，再接两个 1×1 卷积（逐像素的全连接），各接 ReLU；``final_relu`` 为假时省去最后一个。

    形状:
        x: (N, in_channels, H, W)。
        返回值: (N, out_channels, H', W')，H' = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1，W' 同理。
    """
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1),
    ]
    if final_relu:
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def nin_block_scratch(
    x: Tensor,
    parameters: Mapping[str, Tensor],
    *,
    stride: int = 1,
    padding: int = 0,
    final_relu: bool = True,
) -> Tensor:
    """``nin_block`` 的前向计算，不用 1×1 卷积：每个像素的通道向量，过两个全连接。

    ``parameters`` 就是 ``nin_block`` 的 ``state_dict``；形状同 ``nin_block``。
    """
    p = parameters
    x = conv2d(x, p["0.weight"], p["0.bias"], stride=stride, padding=padding).relu()
    x = x.movedim(1, -1)  # (N, H', W', C)：通道放到最后，一个像素就是一行
    x = (x @ p["2.weight"].flatten(1).T + p["2.bias"]).relu()
    x = x @ p["4.weight"].flatten(1).T + p["4.bias"]
    x = x.movedim(-1, 1)  # (N, C, H', W')
    return x.relu() if final_relu else x


class NiN(nn.Module):
    """灰度图到类别 logits，没有全连接；10 类时共 1,992,166 个参数，224×224 时 762,297,352 次乘加。

    ``features`` 的输出每类一张图，就是类激活图；``classifier`` 只取平均，没有参数，所以任何尺寸的图都能用。

    参数:
        blocks: 最后一块之前的各块，见 ``BLOCKS_224`` 与 ``BLOCKS_32``。
        final_relu: 最后一块之后要不要 ReLU；要则 logits 不会是负数，训练常停在起点。

    形状:
        x: (N, in_channels, H, W)；``BLOCKS_224`` 要求边长至少 67，``BLOCKS_32`` 至少 15。
        返回值: (N, num_classes)，未经 softmax。
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        *,
        blocks: BlockArch = BLOCKS_224,
        final_relu: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        features: OrderedDict[str, nn.Module] = OrderedDict()
        for i, (out_channels, kernel_size, stride, padding) in enumerate(blocks, start=1):
            features[f"block{i}"] = nin_block(
                in_channels, out_channels, kernel_size, stride=stride, padding=padding
            )
            features[f"pool{i}"] = nn.MaxPool2d(3, stride=2)
            in_channels = out_channels
        features["dropout"] = nn.Dropout(dropout)
        last = len(blocks) + 1
        features[f"block{last}"] = nin_block(in_channels, num_classes, 3, padding=1, final_relu=final_relu)
        self.features = nn.Sequential(features)
        self.classifier = nn.Sequential(OrderedDict(gap=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()))

    def forward(self, x: Tensor) -> Tensor:
        # 224×224 时：(N, 96, 54, 54) → 26×26 → (N, 256, 26, 26) → 12×12 → (N, 384, 12, 12) → 5×5
        # → (N, num_classes, 5, 5)。
        logits: Tensor = self.classifier(self.features(x))
        return logits
