"""平均精度：检测的度量。分数从高到低逐个认领真实框，再看查准率随查全率怎样下降。

来源：Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", IJCV 2010, §4.2；
    曲线下的面积按 2010 年起的算法，在每个查全率处取其右边最高的查准率（不再只取 11 个点）。
差异：不处理 VOC 的 difficult 与 COCO 的 iscrowd。
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlnotes.vision.boxes import iou

Found = Mapping[str, Tensor]  # boxes: (n, 4)，labels: (n,)，scores: (n,)
Truth = Mapping[str, Tensor]  # boxes: (m, 4)，labels: (m,)


@dataclass(frozen=True)
class Ranking:
    """一个类在全部图上的预测，分数从高到低；``truths`` 是真实框的总数。

    形状:
        scores, hits: (n,)；``hits`` 是布尔，这个预测认领到了真实框。
    """

    scores: Tensor
    hits: Tensor
    truths: int

    @property
    def precision(self) -> Tensor:
        """只留前 k 个时的查准率，(n,)。"""
        return self.hits.cumsum(0).double() / torch.arange(1, len(self.hits) + 1)

    @property
    def recall(self) -> Tensor:
        """只留前 k 个时的查全率，(n,)；没有真实框时是 NaN。"""
        return self.hits.cumsum(0).double() / self.truths

    @property
    def average_precision(self) -> float:
        """查准率对查全率的面积，取值 [0, 1]；没有真实框时是 NaN。"""
        if self.truths == 0:
            return float("nan")
        # 从右往左取最大值：查全率要到 r，最好能有多准。
        envelope = self.precision.flip(0).cummax(0).values.flip(0) if len(self.hits) else self.precision
        # 只有认领到的预测才让查全率上升，每次上升 1 / truths。
        return (envelope[self.hits].sum() / self.truths).item()


def claim(found: Tensor, truth: Tensor, threshold: float = 0.5) -> Tensor:
    """逐个决定预测框是否认领到真实框，返回布尔 (n,)。

    每个预测只看与它交并比最大的那个真实框：至少 ``threshold`` 且还没有被认领，才算认领到；
    所以同一个物体的第二个框是错的。

    形状:
        found: (n, 4)，已按分数从高到低排好；truth: (m, 4)。
    """
    hits = torch.zeros(len(found), dtype=torch.bool)
    if len(truth) == 0:
        return hits
    best, which = iou(found, truth).max(dim=1)
    taken: set[int] = set()
    for k, (overlap, owner) in enumerate(zip(best.tolist(), which.tolist(), strict=True)):
        hits[k] = overlap >= threshold and owner not in taken
        if hits[k]:
            taken.add(owner)
    return hits


def rank(found: Sequence[Found], truths: Sequence[Truth], label: int, threshold: float = 0.5) -> Ranking:
    """把第 ``label`` 类在全部图上的预测排成一列；两个列表一张图一项，不等长时抛出 ``ValueError``。"""
    if len(found) != len(truths):
        raise ValueError(f"{len(found)} 张图的预测，{len(truths)} 张图的标注，应一样多")
    scores, hits, total = [torch.zeros(0)], [torch.zeros(0, dtype=torch.bool)], 0
    for guess, truth in zip(found, truths, strict=True):
        mine, real = guess["labels"] == label, truth["labels"] == label
        score, order = guess["scores"][mine].sort(descending=True, stable=True)
        scores.append(score)
        hits.append(claim(guess["boxes"][mine][order], truth["boxes"][real], threshold))
        total += int(real.sum())
    score, order = torch.cat(scores).sort(descending=True, stable=True)
    return Ranking(score, torch.cat(hits)[order], total)


def average_precisions(
    found: Sequence[Found], truths: Sequence[Truth], num_classes: int, threshold: float = 0.5
) -> Tensor:
    """每一类的平均精度，(num_classes,)，float64；真实框一个也没有的类是 NaN。

    取 ``nanmean()`` 就是 mAP；``threshold`` 取 0.5 时写作 AP@0.5，VOC 用它，COCO 在 0.5 到 0.95 上取平均。
    """
    return torch.tensor(
        [rank(found, truths, k, threshold).average_precision for k in range(num_classes)], dtype=torch.float64
    )
