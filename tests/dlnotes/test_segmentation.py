"""Labels of pixels, IoU counted exactly, training, pictures of any size."""

import pytest
import torch
from torch import Tensor, nn

from dlnotes.vision import iou, pixel_labels, segmentation
from dlnotes.vision.pixel_labels import IGNORE


def test_the_palette_is_the_devkits():
    palette = pixel_labels.voc_palette()
    known = {
        "background": (0, 0, 0), "aeroplane": (128, 0, 0), "bicycle": (0, 128, 0), "bird": (128, 128, 0),
        "boat": (0, 0, 128), "chair": (192, 0, 0), "person": (192, 128, 128), "tvmonitor": (0, 64, 128),
    }  # fmt: skip
    for name, color in known.items():
        assert tuple(palette[pixel_labels.VOC_CLASSES.index(name)].tolist()) == color
    assert tuple(pixel_labels.voc_palette(256)[255].tolist()) == (224, 224, 192)
    assert len(palette.unique(dim=0)) == 21


def test_colours_to_labels_and_back_void_stays_void():
    palette = pixel_labels.voc_palette()
    torch.manual_seed(0)
    labels = torch.randint(22, (2, 9, 7))
    labels[labels == 21] = IGNORE
    colors = pixel_labels.to_colors(labels, palette)
    assert colors.dtype == torch.uint8
    assert colors.shape == (2, 9, 7, 3)
    assert torch.equal(pixel_labels.to_labels(colors, palette), labels)
    strange = torch.tensor([[1, 2, 3]], dtype=torch.uint8)
    assert pixel_labels.to_labels(strange, palette).item() == IGNORE


def test_the_boundary_is_every_pixel_with_another_class_near():
    torch.manual_seed(0)
    labels = (torch.rand(2, 12, 10) < 0.05).long() * torch.randint(1, 4, (2, 12, 10))
    for width in (1, 2):
        band = pixel_labels.boundary(labels, width)
        for n in range(2):
            for y in range(12):
                for x in range(10):
                    near = labels[n, max(0, y - width) : y + width + 1, max(0, x - width) : x + width + 1]
                    assert band[n, y, x] == (near.unique().numel() > 1)
        void = pixel_labels.with_void(labels, width)
        assert torch.equal(void == IGNORE, band)
        assert torch.equal(void[~band], labels[~band])


def test_iou_by_hand():
    labels = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1], [2, 2, IGNORE, IGNORE]])
    guess = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 2], [2, 0, 1, 3]])
    matrix = iou.confusion(guess, labels, 4)
    assert matrix.tolist() == [[4, 1, 0, 0], [0, 2, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    values = iou.iou(matrix)
    assert values[:3].tolist() == pytest.approx([4 / 6, 2 / 4, 1 / 3])
    assert values[3].isnan()  # neither there nor guessed: no vote
    assert iou.mean_iou(matrix) == pytest.approx((4 / 6 + 2 / 4 + 1 / 3) / 3)
    assert iou.pixel_accuracy(matrix) == pytest.approx(7 / 10)


def test_iou_is_the_intersection_over_the_union_of_sets():
    torch.manual_seed(0)
    guess, labels = torch.randint(5, (2, 3, 20, 20))
    values = iou.iou(iou.confusion(guess, labels, 5))
    for k in range(5):
        a, b = guess == k, labels == k
        assert values[k].item() == pytest.approx(((a & b).sum() / (a | b).sum()).item())
    # Dice, which U-Net's successors report, orders the same: 2 IoU / (1 + IoU).
    a, b = guess == 1, labels == 1
    dice = (2 * (a & b).sum() / (a.sum() + b.sum())).item()
    assert dice == pytest.approx((2 * values[1] / (1 + values[1])).item())


def test_all_background_is_accurate_and_worthless():
    labels = torch.zeros(1, 10, 10, dtype=torch.long)
    labels[0, :5, :4] = 1
    matrix = iou.confusion(torch.zeros_like(labels), labels, 2)
    assert iou.pixel_accuracy(matrix) == pytest.approx(0.8)
    assert iou.mean_iou(matrix) == pytest.approx(0.4)


def test_recall_of_each_object():
    instances = torch.zeros(2, 4, 4, dtype=torch.uint8)
    instances[0, 0], instances[0, 2], instances[1, :, 0] = 1, 2, 1
    labels = (instances > 0).long()
    guess = labels.clone()
    guess[0, 0, :3] = 0
    area, recall = iou.object_recall(guess, labels, instances)
    assert area.tolist() == [4, 4, 4]
    assert recall.tolist() == [0.25, 1, 1]


class Dots(nn.Module):
    """A 1×1 convolution: enough for classes told by colour."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def colours() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    labels = torch.randint(3, (8, 6, 6))
    return nn.functional.one_hot(labels, 3).movedim(-1, 1).float(), labels


def test_training_learns_and_repeats():
    images, labels = colours()
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        net = Dots()
        losses = segmentation.train(net, [images], labels, epochs=20, lr=0.1, batch_size=3)
        runs.append(losses)
        assert torch.equal(segmentation.predict(net, [images], batch_size=5), labels)
    assert runs[0] == runs[1]
    assert len(losses) == 60


def test_void_pixels_have_no_say():
    images, labels = colours()
    void = labels.clone()
    void[:, :3] = IGNORE
    nets = []
    for seen in (void, void[:, 3:]):
        torch.manual_seed(0)
        net = Dots()
        segmentation.train(net, [images[:, :, -seen.shape[1] :]], seen, epochs=2, lr=0.1)
        nets.append(net.conv.weight)
    torch.testing.assert_close(*nets)


def test_padding_reaches_the_multiple_and_repeats_the_edge():
    x = torch.rand(1, 3, 33, 64)
    grown = segmentation.padded(x, 32)
    assert grown.shape == (1, 3, 64, 64)
    assert torch.equal(grown[:, :, :33], x)
    assert torch.equal(grown[:, :, 40], x[:, :, 32])
    assert segmentation.padded(grown, 32).shape == grown.shape


def test_windows_cover_everything():
    assert segmentation.starts(10, 4, 3) == [0, 3, 6]
    assert segmentation.starts(11, 4, 3) == [0, 3, 6, 7]
    assert segmentation.starts(4, 4, 2) == [0]
    for wrong in ((3, 4, 1), (9, 4, 5), (9, 4, 0)):
        with pytest.raises(ValueError, match="step"):
            segmentation.starts(*wrong)


def test_sliding_a_pointwise_network_changes_nothing():
    torch.manual_seed(0)
    net, x = Dots(), torch.rand(2, 3, 21, 17)
    with torch.no_grad():
        slid = segmentation.slide(net, x, window=8, step=5)
        torch.testing.assert_close(slid, net(x).softmax(dim=1))
