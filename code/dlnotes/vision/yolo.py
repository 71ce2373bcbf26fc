"""YOLO 第一版：把图分成格子，物体的中心落在哪一格，就由那一格报出框；没有锚框，也没有区域提议。

论文：Redmon et al., "You Only Look Once", CVPR 2016, §2；损失是 §2.2 的式 (3)，全是平方误差。
差异：论文的结尾是两个全连接，输出 7×7×30；这里全是卷积，骨干与 ``ssd.TinySSD`` 相同，一格 8×8 像素；
    框的四个数与置信度过 sigmoid（论文是线性的，宽高开方时可能遇到负数），类别过 softmax。
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dlnotes.vision.boxes import center_to_corner
from dlnotes.vision.grid_detector import BOX_UNIT, STRIDE
from dlnotes.vision.grid_detector import encode as on_grid
from dlnotes.vision.ssd import backbone

COORD, NOOBJ = 5.0, 0.5  # 式 (3) 的 λ：框要准；没有物体的格太多，压低


class TinyYOLO(nn.Module):
    """图到每格的 B 个框与一个类别。

    参数:
        base: 骨干三段的通道数，共缩小 8 倍。
        width, depth: 骨干之后几个 3×3 卷积的通道数与个数；感受野要盖得住一个物体。
        boxes_per_cell: 每格的框数 B；训练时谁更像真实框谁负责。

    形状:
        x: (N, 3, H, W)，H、W 是 8 的倍数；返回值: (N, H/8, W/8, 5·B + K)，
            每个框（中心在格里的 x、y, 宽、高占图的比例, 置信度），都在 (0, 1)；最后 K 个是类别的概率。
    """

    def __init__(
        self,
        num_classes: int,
        base: Sequence[int] = (16, 32, 64),
        width: int = 128,
        depth: int = 2,
        boxes_per_cell: int = 2,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.backbone = backbone(base)
        layers: list[nn.Module] = []
        for i in range(depth):
            layers += [
                nn.Conv2d(base[-1] if i == 0 else width, width, 3, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.context = nn.Sequential(*layers)
        self.head = nn.Conv2d(width, 5 * boxes_per_cell + num_classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.context(self.backbone(x))).movedim(1, -1)
        K = self.num_classes
        return torch.cat([x[..., :-K].sigmoid(), x[..., -K:].softmax(dim=-1)], dim=-1)


def split(output: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """(N, R, C, 5·B + K) → 每个框的五个数 (N, R, C, B, 5)，每格的类别概率 (N, R, C, K)。"""
    return output[..., :-num_classes].unflatten(-1, (-1, 5)), output[..., -num_classes:]


def loss(output: Tensor, targets: Tensor, num_classes: int) -> Tensor:
    """式 (3)：框、置信度、类别的平方误差，除以图数。

    形状:
        output: ``TinyYOLO`` 的输出；targets: (N, M, 5)，像素，−1 是补的。
    """
    rows, columns = output.shape[1:3]
    there, truth = on_grid(targets, rows, columns)
    boxes, kinds = split(output, num_classes)
    found, wanted = boxes[there], truth[there]  # (P, B, 5)、(P, 5)
    sides = wanted[:, 3:].exp() * BOX_UNIT / (STRIDE * wanted.new_tensor([columns, rows]))  # 占图的比例
    goal = torch.cat([wanted[:, 1:3], sides], dim=1)[:, None]  # (P, 1, 4)
    overlap = _overlap(found[..., :4], goal, rows, columns).detach()  # (P, B)
    mine = torch.nn.functional.one_hot(overlap.argmax(dim=1), boxes.shape[3]).bool()
    center = (found[..., :2] - goal[..., :2]) ** 2
    # 开方：同样差 0.01，小框比大框要紧。
    side = (found[..., 2:4].sqrt() - goal[..., 2:].sqrt()) ** 2
    where = (center + side).sum(dim=-1)[mine].sum()
    sure = ((found[..., 4] - overlap) ** 2)[mine].sum()
    responsible = torch.zeros_like(boxes[..., 4], dtype=torch.bool)
    responsible[there] = mine
    quiet = (boxes[..., 4] ** 2)[~responsible].sum()
    label = torch.nn.functional.one_hot(wanted[:, 0].long(), num_classes)
    kind = ((kinds[there] - label) ** 2).sum()
    return (COORD * where + sure + NOOBJ * quiet + kind) / len(output)


def decode(output: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """每格的 B 个框，角点，像素，(N, R·C·B, 4)；分数是置信度乘类别概率，(N, R·C·B, K)。"""
    rows, columns = output.shape[1:3]
    boxes, kinds = split(output, num_classes)
    y, x = torch.meshgrid(
        torch.arange(rows, device=output.device), torch.arange(columns, device=output.device), indexing="ij"
    )
    cells = torch.stack([x, y], dim=-1)[:, :, None]  # (R, C, 1, 2)
    size = output.new_tensor([columns, rows]) * STRIDE
    corners = center_to_corner(torch.cat([(boxes[..., :2] + cells) * STRIDE, boxes[..., 2:4] * size], dim=-1))
    scores = boxes[..., 4:] * kinds[..., None, :]
    return corners.flatten(1, 3), scores.flatten(1, 3)


def _overlap(found: Tensor, goal: Tensor, rows: int, columns: int) -> Tensor:
    """一格里的 B 个预测框各与这一格的真实框的交并比，(P, B, 4) 与 (P, 1, 4) → (P, B)。"""
    unit = found.new_tensor([1, 1, columns, rows])  # 都以一格为单位
    a, b = center_to_corner(found * unit), center_to_corner(goal * unit)
    inner = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    both = inner.prod(dim=-1)
    sizes = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (a, b)]
    return both / (sizes[0] + sizes[1] - both).clamp(min=1e-9)
