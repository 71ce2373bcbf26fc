"""冻结的特征提取器：一张图进去，按层名取出几层的特征；梯度能回到图上，网络一个数也不改。

论文：Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016, §2。
那里用 VGG-19 的卷积部分，并把最大池化换成平均池化；这里两种都有。没有 VGG 的权重时用 EfficientNet-Lite0。
差异：论文把 VGG 的权重按各层的平均激活缩放过；这里不缩放，由 ``style.Objective`` 按目标的大小除掉。
"""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.hub import get_dir
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dlnotes.convnets.vgg import TABLE_1
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.vision import efficientnet

VGG_FILE = "vgg19-dcbb9e9d.pth"
VGG_STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
VGG_CONTENT = ("conv4_2",)
LITE0_STYLE = ("stem", "block0", "block2", "block4", "block7")
LITE0_CONTENT = ("block4",)


class FeatureExtractor(nn.Module):
    """一串首尾相接的层，每层有名字；全部冻结，处于评估状态。

    参数:
        title: 网络的名字，给人看。
        stages: 层名 → 层；前一层的输出是后一层的输入。
        mean, std: 各通道的归一化，图先减再除。
        style_layers, content_layers: 默认取哪几层。
        enlarge: 图先放大几倍；第一层步幅是 2 的网络要 2，否则相邻像素的花纹看不清。

    形状:
        images: (N, 3, H, W)，取值 [0, 1]。
        返回值: 层名 → (N, C_l, H_l, W_l)，只有要的那几层；更深的层不算。
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        title: str,
        stages: Mapping[str, nn.Module],
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        style_layers: tuple[str, ...],
        content_layers: tuple[str, ...],
        enlarge: int = 1,
    ) -> None:
        super().__init__()
        self.title = title
        self.stages = nn.ModuleDict(stages)
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1))
        self.style_layers, self.content_layers, self.enlarge = style_layers, content_layers, enlarge
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        wanted = set(layers)
        if unknown := wanted - set(self.stages):
            raise ValueError(f"没有叫 {sorted(unknown)} 的层；有 {list(self.stages)}")
        x = (images - self.mean) / self.std
        if self.enlarge > 1:
            x = F.interpolate(x, scale_factor=self.enlarge, mode="bilinear", align_corners=False)
        found: dict[str, Tensor] = {}
        for name, stage in self.stages.items():
            if len(found) == len(wanted):
                break
            x = stage(x)
            if name in wanted:
                found[name] = x
        return found


def vgg19_features(pooling: str = "max") -> nn.Sequential:
    """VGG-19 的卷积部分，37 层，次序与下标同 torchvision 的 ``vgg19().features``；20,024,384 个参数。

    差异：ReLU 不就地改写。torchvision 的会把前一个卷积的输出也改掉，存下的特征就变了。

    参数:
        pooling: ``"max"``（分类时）或 ``"avg"``（Gatys 2016, §2）。
    """
    pools = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
    if pooling not in pools:
        raise ValueError(f"pooling 应是 max 或 avg，得到 {pooling!r}")
    layers: list[nn.Module] = []
    width = 3
    for count, channels in TABLE_1["E"]:
        for _ in range(count):
            layers += [nn.Conv2d(width, channels, 3, padding=1), nn.ReLU()]
            width = channels
        layers.append(pools[pooling](2))
    return nn.Sequential(*layers)


def vgg19(features: nn.Sequential) -> FeatureExtractor:
    """把 VGG-19 的卷积部分切成 16 段，``conv1_1`` 到 ``conv5_4``；取的都是 ReLU 之后的特征。"""
    stages: dict[str, nn.Module] = {}
    rest = iter(features)
    pending: list[nn.Module] = []  # 池化归到它后面的那一段
    for block, (count, _) in enumerate(TABLE_1["E"], start=1):
        for i in range(1, count + 1):
            stages[f"conv{block}_{i}"] = nn.Sequential(*pending, next(rest), next(rest))
            pending = []
        pending = [next(rest)]
    return FeatureExtractor(
        "VGG-19",
        stages,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        style_layers=VGG_STYLE,
        content_layers=VGG_CONTENT,
    )


def vgg19_imagenet(*, pooling: str = "avg", download: bool = True) -> FeatureExtractor:
    """VGG-19 与 torchvision 的 ImageNet 权重（548 MB）；得不到时抛出 ``DatasetNotFoundError``。

    参数:
        download: 缓存里没有时要不要下载。
    """
    from torchvision.models import VGG19_Weights

    weights = VGG19_Weights.IMAGENET1K_V1
    file = Path(get_dir()) / "checkpoints" / VGG_FILE
    ways = f"任选其一：\n  1. 连上网络，download=True\n  2. 把 {weights.url} 放到 {file}"
    if not (download or file.is_file()):
        raise DatasetNotFoundError(f"缓存里没有 VGG-19 的权重。{ways}")
    try:
        state = weights.get_state_dict(progress=False)
    except OSError as error:  # URLError 也是它
        raise DatasetNotFoundError(f"下载不到 VGG-19 的权重。{ways}\n原因：{error}") from error
    features = vgg19_features(pooling)
    features.load_state_dict(
        {k.removeprefix("features."): v for k, v in state.items() if k.startswith("features.")}
    )
    return vgg19(features)


def lite0(net: efficientnet.EfficientNetLite0) -> FeatureExtractor:
    """把 EfficientNet-Lite0 切成 17 段：``stem``、``block0`` 到 ``block15``；``net`` 本身不变。

    批量归一化并进前面的卷积：评估状态下两者都是线性的，结果相同，快一倍左右。
    """
    stages: dict[str, nn.Module] = {
        "stem": nn.Sequential(fuse_conv_bn_eval(net.conv_stem, net.bn0), nn.ReLU6())
    }
    stages |= {f"block{i}": _fused(block) for i, block in enumerate(net.blocks)}
    return FeatureExtractor(
        "EfficientNet-Lite0",
        stages,
        mean=(efficientnet.MEAN,) * 3,
        std=(efficientnet.STD,) * 3,
        style_layers=LITE0_STYLE,
        content_layers=LITE0_CONTENT,
        enlarge=2,
    )


def best_available(*, download: bool = False) -> FeatureExtractor:
    """有 VGG-19 的权重就用它，否则用 EfficientNet-Lite0；两样都没有时抛出 ``DatasetNotFoundError``。"""
    try:
        return vgg19_imagenet(download=download)
    except DatasetNotFoundError:
        return lite0(efficientnet.pretrained())


def forget(extractor: FeatureExtractor, seed: int = 0) -> FeatureExtractor:
    """把所有卷积就地换成随机的（He 初始化，偏置 0），返回同一个对象；用来问：预训练要紧吗？"""
    generator = torch.Generator().manual_seed(seed)
    for module in extractor.modules():
        if isinstance(module, nn.Conv2d):
            random = torch.empty(module.weight.shape)
            nn.init.kaiming_normal_(random, generator=generator)
            module.weight.copy_(random)
            if module.bias is not None:
                module.bias.zero_()
    return extractor


def _fused(block: nn.Module) -> nn.Module:
    fused = copy.deepcopy(block)
    for conv, norm in (("expand_conv", "bn0"), ("depthwise_conv", "bn1"), ("project_conv", "bn2")):
        if hasattr(block, conv):  # 第一块不扩张
            setattr(fused, conv, fuse_conv_bn_eval(getattr(block, conv), getattr(block, norm)))
            setattr(fused, norm, nn.Identity())
    return fused
