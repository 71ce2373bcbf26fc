"""格子检测器：把图分成 G×G 格，物体的中心落在哪一格，就由那一格报出它的类别与框。

想法来自 YOLO（Redmon et al., "You Only Look Once", CVPR 2016, §2）与 CenterNet（Zhou, Wang, Krähenbühl,
"Objects as Points", 2019）；这里是一个最小的版本，没有锚框，每格至多一个物体。
差异：YOLO 的结尾是全连接，每格两个框；这里全是卷积，图的大小只要是 ``STRIDE`` 的倍数。
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes.vision import detection
from dlnotes.vision.boxes import area, center_to_corner, corner_to_center

STRIDE = 8  # 一格的边长，像素
BOX_UNIT = 24.0  # 框的宽高以它为单位再取对数，像素；取常见的大小，输出才从 0 附近学起


class GridDetector(nn.Module):
    """图到每格的 1 + 4 + K 个数：有没有中心，框，类别。

    形状:
        x: (N, 3, H, W)，取值 [0, 1]，H、W 是 ``STRIDE`` 的倍数，否则抛出 ``ValueError``。
        返回值: (N, 5 + K, H/8, W/8)。通道 0 是“有中心”的 logit；1、2 是中心在格里的位置（过 sigmoid 之前）；
            3、4 是 log(宽 / ``BOX_UNIT``)、log(高 / ``BOX_UNIT``)；其余是类别的 logits。
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.down = nn.Sequential(
            _block(3, width // 4, stride=2),
            _block(width // 4, width // 2, stride=2),
            _block(width // 2, width, stride=2),
        )
        # 空洞卷积：不再缩小，一格也看得到周围上百个像素，大的物体才装得下。
        self.context = nn.Sequential(*(_block(width, width, dilation=d) for d in (1, 2, 4, 1)))
        self.head = nn.Conv2d(width, 5 + num_classes, kernel_size=1)
        # 一开始就认为几乎没有物体：一百多格里只有两三格有，不然头几步全在学“没有”。
        bias = torch.zeros(5 + num_classes)
        bias[0] = -4.0
        self.head.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] % STRIDE or x.shape[-2] % STRIDE:
            raise ValueError(f"图的高宽应是 {STRIDE} 的倍数，得到 {tuple(x.shape[-2:])}")
        return self.head(self.context(self.down(x)))


def encode(targets: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """把补齐的标注写到格子上：哪些格有中心，各是什么。

    两个中心落在同一格时留小的那个，大的在别处还有机会被看见。

    形状:
        targets: (N, M, 5)，每行（类别, x1, y1, x2, y2），−1 是补的。
        返回值: (N, rows, columns) 布尔；(N, rows, columns, 5)，每格（类别, 中心在格里的 x、y, 对数宽、高）。
    """
    N = len(targets)
    there = torch.zeros(N, rows, columns, dtype=torch.bool, device=targets.device)
    truth = torch.zeros(N, rows, columns, 5, device=targets.device)
    # 大的先写，小的后写：同一格里后写的留下。
    order = area(targets[..., 1:]).argsort(dim=1, descending=True)
    targets = targets.gather(1, order[..., None].expand_as(targets))
    for sheet in targets.unbind(1):  # 一次写每张图的一个物体，下标不会重复
        n = (sheet[:, 0] >= 0).nonzero()[:, 0]
        cx, cy, w, h = corner_to_center(sheet[n, 1:]).unbind(-1)
        column = (cx / STRIDE).long().clamp(0, columns - 1)
        row = (cy / STRIDE).long().clamp(0, rows - 1)
        there[n, row, column] = True
        inside = (cx / STRIDE - column, cy / STRIDE - row)
        size = ((w / BOX_UNIT).log(), (h / BOX_UNIT).log())
        truth[n, row, column] = torch.stack([sheet[n, 0], *inside, *size], dim=-1)
    return there, truth


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """三项之和，都除以物体数：每格有没有中心的二元交叉熵，有中心的格的类别交叉熵与框的平滑 L1。

    形状:
        outputs: (N, 5 + K, G, G')，``GridDetector`` 的输出；targets: (N, M, 5)。
    """
    there, truth = encode(targets, *outputs.shape[-2:])
    outputs = outputs.movedim(1, -1)  # (N, G, G', 5 + K)
    presence = F.binary_cross_entropy_with_logits(outputs[..., 0], there.float(), reduction="sum")
    found, wanted = outputs[there], truth[there]  # (P, 5 + K)、(P, 5)
    boxes = torch.cat([found[:, 1:3].sigmoid(), found[:, 3:5]], dim=1)
    distance = F.smooth_l1_loss(boxes, wanted[:, 1:], reduction="sum", beta=0.1)
    kind = F.cross_entropy(found[:, 5:], wanted[:, 0].long(), reduction="sum")
    return (presence + distance + kind) / max(1, len(found))


def decode(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """每格的框与各类的分数；``encode`` 的逆。

    形状:
        outputs: (N, 5 + K, G, G')；返回值: (N, G·G', 4) 角点，像素；(N, G·G', K)，取值 [0, 1]，
            是“有中心”的概率乘“有的话是这一类”的概率。
    """
    rows, columns = outputs.shape[-2:]
    outputs = outputs.movedim(1, -1)
    y, x = torch.meshgrid(
        torch.arange(rows, device=outputs.device), torch.arange(columns, device=outputs.device), indexing="ij"
    )
    centers = (outputs[..., 1:3].sigmoid() + torch.stack([x, y], dim=-1)) * STRIDE
    boxes = center_to_corner(torch.cat([centers, outputs[..., 3:5].exp() * BOX_UNIT], dim=-1))
    scores = outputs[..., :1].sigmoid() * outputs[..., 5:].softmax(dim=-1)
    return boxes.flatten(1, 2), scores.flatten(1, 2)


def detect(
    model: nn.Module, images: Tensor, *, least: float = 0.05, overlap: float = 0.5
) -> list[dict[str, Tensor]]:
    """新的图进，框出：解码之后由 ``nms.select`` 挑；参数、形状与返回值同 ``detection.detect``。"""
    return detection.detect(model, images, decode, least=least, overlap=overlap)


def random_guesses(
    targets: Tensor, seen: Tensor, *, count: int = 20, seed: int = 0
) -> list[dict[str, Tensor]]:
    """不看图的基线：给每张图 ``count`` 个从训练集里随机抽来的框与类别，分数也随机。

    形状:
        targets: (N, M, 5)，训练集的标注；seen: (n, ...)，只用它的长度 n。
    """
    generator = torch.Generator().manual_seed(seed)
    rows = targets[targets[..., 0] >= 0]
    guesses = []
    for _ in range(len(seen)):
        drawn = rows[torch.randint(len(rows), (count,), generator=generator)]
        scores = torch.rand(count, generator=generator)
        guesses.append({"boxes": drawn[:, 1:], "labels": drawn[:, 0].long(), "scores": scores})
    return guesses


def _block(in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    layers: Sequence[nn.Module] = (
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
    return nn.Sequential(*layers)
