"""随机变换一张图：翻转、裁剪后缩放、移位、亮度、对比度、饱和度；标签不变。

论文：Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, §6（按面积与宽高比裁剪）；
He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, §4.2（补边、移位与翻转）。
随机数取自全局的发生器，次序同 torchvision.transforms.v2：种子相同，结果就相同。
差异：色相不做；形变只有双线性一种。
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

GRAY = (0.2989, 0.587, 0.114)  # 人眼对红、绿、蓝的敏感程度，ITU-R BT.601


def random_flip(images: Tensor, p: float = 0.5) -> Tensor:
    """左右翻转，每张图各掷一次硬币。

    形状:
        images: (N, C, H, W)，返回值相同。
    """
    heads = torch.rand(len(images), device=images.device) < p
    return torch.where(heads[:, None, None, None], images.flip(-1), images)


def random_shift(images: Tensor, padding: int) -> Tensor:
    """四周补 ``padding`` 圈 0，再在随机的位置裁回原来的大小：每张图各自移动至多 ``padding`` 个像素。

    形状:
        images: (N, C, H, W)，返回值相同。
    """
    N, C, H, W = images.shape
    padded = F.pad(images, [padding] * 4)
    top, left = torch.randint(2 * padding + 1, (2, N), device=images.device)
    rows = top[:, None] + torch.arange(H, device=images.device)  # (N, H)
    columns = left[:, None] + torch.arange(W, device=images.device)  # (N, W)
    n, c = torch.arange(N, device=images.device), torch.arange(C, device=images.device)
    return padded[n[:, None, None, None], c[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def crop_window(
    height: int,
    width: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> tuple[int, int, int, int]:
    """随机取一个窗口，返回它的 (上, 左, 高, 宽)。

    参数:
        scale: 面积占全图的比例，在这个范围里均匀地取。
        ratio: 宽 / 高，它的对数在这个范围里均匀地取：2 : 1 与 1 : 2 一样常见。

    取十次都放不下时，取正中央最大的、宽高比不出范围的窗口。
    """
    low, high = torch.tensor(ratio).log().tolist()
    for _ in range(10):
        area = height * width * torch.empty(1).uniform_(*scale).item()
        r = torch.empty(1).uniform_(low, high).exp().item()
        w, h = round(math.sqrt(area * r)), round(math.sqrt(area / r))
        if 0 < w <= width and 0 < h <= height:
            top = int(torch.randint(0, height - h + 1, (1,)).item())
            left = int(torch.randint(0, width - w + 1, (1,)).item())
            return top, left, h, w
    w = min(width, round(height * max(ratio)))
    h = min(height, round(width / min(ratio)))
    return (height - h) // 2, (width - w) // 2, h, w


def tent(size: int, new: int) -> Tensor:
    """双线性缩放一根轴的权重：每个新像素是旧像素的加权平均，权重像一顶帐篷，缩小时帐篷按比例变宽。

    形状:
        返回值: (new, size)，每行的和是 1。
    """
    step = size / new
    # 像素 i 占据 [i, i + 1]，中心在 i + 0.5；两边的中心都要加这半个像素，图才不会偏。
    centres = (torch.arange(new, dtype=torch.float64) + 0.5) * step
    distance = (torch.arange(size, dtype=torch.float64) + 0.5 - centres[:, None]).abs()
    weight = (1 - distance / max(step, 1.0)).clamp(min=0)
    return weight / weight.sum(dim=1, keepdim=True)


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """双线性缩放，缩小时抗锯齿：左右各乘一个矩阵。

    形状:
        image: (..., H, W)；返回值: (..., height, width)。
    """
    rows, columns = (tent(*pair).to(image) for pair in zip(image.shape[-2:], (height, width), strict=True))
    return rows @ image @ columns.T


def random_resized_crop(
    image: Tensor,
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """裁出一个随机的窗口，缩放到 ``size`` × ``size``；窗口怎样取见 ``crop_window``。

    形状:
        image: (..., H, W)；返回值: (..., size, size)。
    """
    H, W = image.shape[-2:]
    top, left, h, w = crop_window(H, W, scale, ratio)
    return resize(image[..., top : top + h, left : left + w], size, size)


def blend(image: Tensor, other: Tensor | float, factor: float) -> Tensor:
    """``factor`` 份 ``image`` 加 1 − ``factor`` 份 ``other``，截到 [0, 1]；大于 1 就是远离 ``other``。"""
    return (factor * image + (1 - factor) * other).clamp(0, 1)


def gray(image: Tensor) -> Tensor:
    """灰度图。形状: (..., 3, H, W) → (..., 1, H, W)。"""
    weight = torch.tensor(GRAY).to(image)
    return (weight[:, None, None] * image).sum(dim=-3, keepdim=True)


def brightness(image: Tensor, factor: float) -> Tensor:
    """与黑色混合：0 全黑，1 不变。形状: (..., 3, H, W)，取值 [0, 1]；返回值相同，下同。"""
    return blend(image, 0.0, factor)


def contrast(image: Tensor, factor: float) -> Tensor:
    """与全图的平均灰度混合：0 是一片均匀的灰，1 不变。"""
    return blend(image, gray(image).mean(dim=(-3, -2, -1), keepdim=True), factor)


def saturation(image: Tensor, factor: float) -> Tensor:
    """与自己的灰度图混合：0 是黑白照片，1 不变。"""
    return blend(image, gray(image), factor)


def color_jitter(image: Tensor, amount: float) -> Tensor:
    """亮度、对比度、饱和度各取一个系数，以随机的次序做一遍。

    参数:
        amount: 系数在 [max(0, 1 − amount), 1 + amount] 里均匀地取。

    形状:
        image: (3, H, W)，取值 [0, 1]；返回值相同。
    """
    low, high = max(0.0, 1 - amount), 1 + amount
    adjustments = (brightness, contrast, saturation)
    for k in torch.randperm(3).tolist():
        image = adjustments[k](image, torch.empty(1).uniform_(low, high).item())
    return image
