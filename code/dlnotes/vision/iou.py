"""分割的度量：全体像素的混淆矩阵 → 每类的交并比（IoU）、平均交并比（mIoU）、像素精度。

定义同 Long et al., CVPR 2015, §5：n_ij 是真实为 i、预测为 j 的像素数。先把全部图的像素数进同一个矩阵，
再算比值；不是每张图算一个再平均。
"""

import torch
from torch import Tensor

from dlnotes.metrics import confusion_matrix
from dlnotes.vision.pixel_labels import IGNORE


def confusion(predictions: Tensor, labels: Tensor, num_classes: int, *, ignore: int = IGNORE) -> Tensor:
    """数出每一对（真实类，预测类）的像素数；标签是 ``ignore`` 的不数。

    形状:
        predictions, labels: 任意而相同，整数；返回值: (K, K)，行是真实类。
    """
    counted = labels != ignore
    return confusion_matrix(predictions[counted], labels[counted], num_classes)


def iou(matrix: Tensor) -> Tensor:
    """每类的交并比：对角线 ÷（行和 + 列和 − 对角线）；既没出现也没被预测的类是 NaN。

    形状:
        matrix: (K, K)；返回值: (K,)，float64，取值 [0, 1]。
    """
    both = matrix.diagonal().double()
    either = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    return both / either  # 0 / 0 恰是 NaN


def mean_iou(matrix: Tensor) -> float:
    """各类交并比的平均，每类一票，NaN 的类不算。"""
    return iou(matrix).nanmean().item()


def pixel_accuracy(matrix: Tensor) -> float:
    """分对的像素的比例：每个像素一票，大的类说了算。"""
    return (matrix.diagonal().sum() / matrix.sum()).item()


def object_recall(predictions: Tensor, labels: Tensor, instances: Tensor) -> tuple[Tensor, Tensor]:
    """逐件地看：每件物体有多少像素，其中多大比例分对了类。

    形状:
        predictions, labels, instances: (N, H, W)；``instances`` 是第几件（每张图从 1 数起），0 是背景。
        返回值: 两个 (M,)，M 是全部图里物体的总数。
    """
    most = int(instances.max()) + 1
    pictures = torch.arange(len(instances))[:, None, None]
    key = (pictures * most + instances.long()).flatten()  # 每张图的每一件一个号
    area = torch.bincount(key, minlength=len(instances) * most)
    right = torch.bincount(key[(predictions == labels).flatten()], minlength=len(area))
    is_object = (torch.arange(len(area)) % most > 0) & (area > 0)
    return area[is_object], right[is_object] / area[is_object]
