"""Inception V3: every block and the whole network equal torchvision's."""

import pytest
import torch
from torch.nn import functional as F
from torchvision import models
from torchvision.models import inception as theirs

from dlnotes.convnets.inception_v3 import (
    InceptionV3,
    conv_bn,
    inception_a,
    inception_b,
    inception_c,
    inception_d,
    inception_e,
)
from dlnotes.cost import count_macs, count_parameters

from .learning import assert_every_parameter_has_a_gradient
from .parity import assert_same_outputs, copy_in_order

# ours, torchvision's, arguments, side in the network, channels and side of the output, parameters
BLOCKS = [
    (inception_a, theirs.InceptionA, (192, 32), 35, (256, 35), 255_904),
    (inception_a, theirs.InceptionA, (288, 64), 35, (288, 35), 285_152),
    (inception_b, theirs.InceptionB, (288,), 35, (768, 17), 1_153_280),
    (inception_c, theirs.InceptionC, (768, 128), 17, (768, 17), 1_297_408),
    (inception_c, theirs.InceptionC, (768, 192), 17, (768, 17), 2_141_952),
    (inception_d, theirs.InceptionD, (768,), 17, (1280, 8), 1_698_304),
    (inception_e, theirs.InceptionE, (1280,), 8, (2048, 8), 5_044_608),
    (inception_e, theirs.InceptionE, (2048,), 8, (2048, 8), 6_076_800),
]
IDS = ["A32", "A64", "B", "C128", "C192", "D", "E1280", "E2048"]


@pytest.mark.parametrize(("make", "original", "arguments", "side", "shape", "parameters"), BLOCKS, ids=IDS)
def test_block_equals_torchvision(make, original, arguments, side, shape, parameters):
    torch.manual_seed(0)
    reference, block = original(*arguments), make(*arguments)
    copy_in_order(reference, block)
    assert count_parameters(block) == parameters
    x = torch.rand(1, arguments[0], side, side)
    assert_same_outputs(reference, block, x)
    channels, out_side = shape
    assert block(x.expand(2, -1, -1, -1)).shape == (2, channels, out_side, out_side)


def test_network_equals_torchvision():
    torch.manual_seed(0)
    reference = models.inception_v3(weights=None, aux_logits=False, init_weights=False)
    model = InceptionV3()
    copy_in_order(reference, model)
    assert count_parameters(model) == 23_834_568
    assert_same_outputs(reference, model, torch.rand(1, 3, 107, 107))


def test_shapes_at_299():
    with torch.device("meta"):
        model, x, shapes = InceptionV3(), torch.empty(1, 3, 299, 299), {}
        assert count_macs(model, x) == 5_713_216_096
        for name, block in model.features.named_children():
            x = block(x)
            shapes[name] = tuple(x.shape[1:])
    assert (shapes["pool1"], shapes["pool2"]) == ((64, 73, 73), (192, 35, 35))
    assert [shapes[name] for name in ("a1", "a3", "b", "c4", "d", "e1", "e2")] == [
        *((256, 35, 35), (288, 35, 35), (768, 17, 17), (768, 17, 17)),
        *((1280, 8, 8), (2048, 8, 8), (2048, 8, 8)),
    ]


def test_factorised_7x7_needs_14_weights_where_7x7_needs_49():
    pair = conv_bn(64, 64, (1, 7))[0].weight.numel() + conv_bn(64, 64, (7, 1))[0].weight.numel()
    assert pair * 49 == conv_bn(64, 64, 7)[0].weight.numel() * 14


def test_75_pixels_are_the_fewest():
    model = InceptionV3(5, 1).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 75, 75)).shape == (1, 5)
        with pytest.raises(RuntimeError):
            model(torch.zeros(1, 1, 74, 74))


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    model = InceptionV3(5)
    F.cross_entropy(model(torch.rand(4, 3, 80, 80)), torch.arange(4)).backward()
    assert_every_parameter_has_a_gradient(model)
