"""微调的四件小事：换输出层、按层分学习率、冻结、把归一化停在评估状态。

书：《动手学深度学习》13.2 节。那里把输出层的学习率定为其余各层的十倍。
"""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dlnotes.data.cache import DatasetNotFoundError


def replace_head(model: nn.Module, num_classes: int, name: str = "fc") -> nn.Linear:
    """把叫 ``name`` 的输出层换成 ``num_classes`` 类的新层，返回新层；其余的权重不动。

    新层随机初始化：用全局的随机数，Xavier 均匀分布，偏置为 0。
    ``name`` 不是全连接层时抛出 ``TypeError``。
    """
    old = getattr(model, name)
    if not isinstance(old, nn.Linear):
        raise TypeError(f"{name} 应是全连接层，却是 {type(old).__name__}")
    new = nn.Linear(old.in_features, num_classes)
    nn.init.xavier_uniform_(new.weight)
    nn.init.zeros_(new.bias)
    setattr(model, name, new)
    return new


def parameter_groups(
    model: nn.Module, lr: float, *, ratio: float = 10.0, name: str = "fc"
) -> list[dict[str, Any]]:
    """分成两组给优化器：其余各层用 ``lr``，叫 ``name`` 的输出层用 ``lr`` 的 ``ratio`` 倍；冻结的不列。

    两组合起来恰是全部可学的参数，一个不多，一个不少。
    """
    head = list(getattr(model, name).parameters())
    theirs = {id(p) for p in head}
    body = [p for p in model.parameters() if p.requires_grad and id(p) not in theirs]
    return [{"params": body, "lr": lr}, {"params": head, "lr": lr * ratio}]


def freeze(*modules: nn.Module) -> None:
    """让这些模块的参数不再求梯度。归一化的移动平均不是参数，不归它管，见 ``norms_in_eval``。"""
    for module in modules:
        module.requires_grad_(False)


def norms_in_eval(model: nn.Module) -> None:
    """把批量归一化都停在评估状态：用预训练时的均值与方差，也不再更新它们。

    ``model.train()`` 会把它们重新打开，所以每次调用 ``train()`` 之后都要再做一次。
    """
    for norm in batch_norms(model):
        norm.eval()


def batch_norms(model: nn.Module) -> Iterator[nn.Module]:
    """依次给出模型里的批量归一化层。"""
    return (module for module in model.modules() if isinstance(module, _BatchNorm))


def resnet18_imagenet() -> nn.Module:
    """返回 torchvision 的 ResNet-18 与 ImageNet 权重，评估状态；下载不到时抛出 ``DatasetNotFoundError``。

    旧写法 ``resnet18(pretrained=True)`` 自 torchvision 0.13 起弃用。
    """
    from torchvision.models import ResNet18_Weights, resnet18

    weights = ResNet18_Weights.IMAGENET1K_V1
    try:
        model: nn.Module = resnet18(weights=weights)
    except OSError as error:  # URLError 也是它
        raise DatasetNotFoundError(
            "下载不到 ResNet-18 的权重。两种办法，任选其一：\n"
            "  1. 连上网络再运行一次（45 MB）\n"
            f"  2. 用别的机器下载 {weights.url}\n"
            "     放进 torch.hub.get_dir() 下的 checkpoints 文件夹\n"
            f"原因：{error}"
        ) from error
    return model.eval()
