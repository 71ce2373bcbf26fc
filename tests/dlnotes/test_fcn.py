"""FCN: exact counts, any size of picture, the skips start as nothing."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet18 as torchvision_resnet18

from dlnotes.convnets.resnet import resnet18
from dlnotes.cost import count_parameters
from dlnotes.vision.efficientnet import EfficientNetLite0
from dlnotes.vision.fcn import (
    FCN,
    EfficientNetBackbone,
    ResNetBackbone,
    SkipHead,
    as_convolution,
)


def test_the_books_network_has_the_books_counts_and_shapes():
    with torch.device("meta"):
        net = FCN(ResNetBackbone(resnet18()), 21)
        assert count_parameters(net.backbone) == 11_176_512
        assert count_parameters(net.head.scores) == 10_773
        assert count_parameters(net.head.last) == 1_806_357
        assert count_parameters(net) == 12_993_642
        x = torch.zeros(1, 3, 320, 480)
        assert net.backbone(x)[-1].shape == (1, 512, 10, 15)
        assert net(x).shape == (1, 21, 320, 480)


def test_the_backbone_is_torchvisions_without_its_last_two_layers():
    with torch.device("meta"):
        theirs = nn.Sequential(*list(torchvision_resnet18(weights=None).children())[:-2])
    assert count_parameters(theirs) == 11_176_512


@pytest.mark.parametrize("finest", [32, 16, 8, 4])
@pytest.mark.parametrize("size", [(64, 96), (65, 47), (33, 100)])
def test_any_size_in_the_same_size_out(finest: int, size: tuple[int, int]):
    with torch.device("meta"):
        x = torch.zeros(2, 3, *size)
        for backbone in (ResNetBackbone(resnet18()), EfficientNetBackbone(EfficientNetLite0())):
            for learned in (True, False):
                net = FCN(backbone, 6, finest=finest, learned_last=learned)
                assert net(x).shape == (2, 6, *size)
            maps = backbone(x)
            assert [m.shape[1] for m in maps] == list(backbone.channels)
            assert [m.shape[2] for m in maps] == [-(-size[0] // s) for s in backbone.strides]


def maps() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, c, 96 // s, 96 // s) for c, s in ((5, 8), (6, 16), (7, 32))]


@pytest.mark.parametrize("finest", [16, 8])
def test_skips_start_as_nothing(finest: int):
    head = SkipHead((5, 6, 7), (8, 16, 32), 4, finest=finest)
    *finer, coarse = maps()
    with torch.no_grad():
        there, absent = head(*finer, coarse), head(*(torch.zeros_like(m) for m in finer), coarse)
    assert torch.equal(there, absent)
    assert there.abs().max() > 0


def test_the_head_is_what_figure_3_says():
    head = SkipHead((5, 6, 7), (8, 16, 32), 4, finest=8)
    for p in head.parameters():
        nn.init.normal_(p, std=0.1)
    fine, middle, coarse = maps()
    two = {"stride": 2, "padding": 1}
    with torch.no_grad():
        x = F.conv2d(coarse, head.scores[2].weight, head.scores[2].bias)
        x = F.conv_transpose2d(x, head.ups[1].weight, head.ups[1].bias, **two)
        x = x + F.conv2d(middle, head.scores[1].weight, head.scores[1].bias)
        x = F.conv_transpose2d(x, head.ups[0].weight, head.ups[0].bias, **two)
        x = x + F.conv2d(fine, head.scores[0].weight, head.scores[0].bias)
        x = F.conv_transpose2d(x, head.last.weight, head.last.bias, stride=8, padding=4)
        torch.testing.assert_close(head(fine, middle, coarse), x)


def test_every_parameter_gets_a_gradient():
    head = SkipHead((5, 6, 7), (8, 16, 32), 4, finest=8)
    head(*maps()).square().mean().backward()
    for name, p in head.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


def test_an_unknown_stride_is_refused():
    with pytest.raises(ValueError, match="finest 应是"):
        SkipHead((5, 6), (8, 16), 4, finest=32)


def test_a_linear_layer_slid_over_the_picture_is_a_convolution():
    linear = nn.Linear(3 * 4 * 5, 7)
    conv = as_convolution(linear, (4, 5))
    x = torch.randn(2, 3, 9, 8)
    with torch.no_grad():
        out = conv(x)
        assert out.shape == (2, 7, 6, 4)
        for i in range(6):
            for j in range(4):
                window = x[:, :, i : i + 4, j : j + 5].flatten(1)
                torch.testing.assert_close(out[:, :, i, j], linear(window))
    assert count_parameters(conv) == count_parameters(linear)
    assert as_convolution(nn.Linear(3, 2, bias=False)).bias is None
    with pytest.raises(ValueError, match="拉直"):
        as_convolution(linear, (7, 7))
