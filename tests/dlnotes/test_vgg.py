"""VGG: exact counts for table 1, shapes, equality with torchvision."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from dlnotes.convnets.vgg import TABLE_1, VGG, block_scratch, thinner, vgg_block
from dlnotes.cost import count_macs, count_parameters

from .learning import assert_every_parameter_has_a_gradient, last_loss
from .parity import assert_same_outputs, copy_in_order


@pytest.mark.parametrize(
    ("conv_arch", "arguments", "parameters", "macs"),
    [
        (TABLE_1["A"], (), 132_863_336, 7_609_090_048),
        (TABLE_1["B"], (), 133_047_848, 11_308_466_176),
        (TABLE_1["D"], (), 138_357_544, 15_470_264_320),
        (TABLE_1["E"], (), 143_667_240, 19_632_062_464),
        (TABLE_1["A"], (10, 1), 128_806_154, 7_547_232_256),
        (thinner(TABLE_1["A"], 4), (10, 1), 43_093_322, 512_155_648),
    ],
)
def test_parameters_and_multiply_adds_are_exact(conv_arch, arguments, parameters, macs):
    with torch.device("meta"):
        model = VGG(conv_arch, *arguments)
        x = torch.empty(1, 1 if arguments else 3, 224, 224)
    assert count_parameters(model) == parameters
    assert count_macs(model, x) == macs


def test_most_parameters_are_in_the_fully_connected_layers():
    with torch.device("meta"):
        full, thin = VGG(TABLE_1["A"], 10, 1), VGG(thinner(TABLE_1["A"], 4), 10, 1)
    assert count_parameters(full.classifier) == 119_586_826
    assert count_parameters(full.classifier.fc6) == 25_088 * 4096 + 4096 == 102_764_544
    assert count_parameters(thin.features) == 576_832


@pytest.mark.parametrize(("column", "depth"), [("A", 11), ("B", 13), ("D", 16), ("E", 19)])
def test_depth_counts_the_layers_with_weights(column, depth):
    with torch.device("meta"):
        model = VGG(TABLE_1[column])
    assert sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in model.modules()) == depth


def test_each_block_halves_the_picture():
    with torch.device("meta"):
        model, x, shapes = VGG(TABLE_1["D"]), torch.empty(1, 3, 224, 224), []
        for block in model.features:
            x = block(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]


@pytest.mark.parametrize(("layers", "size"), [(2, 5), (3, 7)])
def test_stacked_3x3_kernels_need_fewer_weights_than_one_wide_kernel(layers, size):
    convs = [m for m in vgg_block(layers, 64, 64) if isinstance(m, nn.Conv2d)]
    assert sum(conv.weight.numel() for conv in convs) == 9 * layers * 64**2 < size**2 * 64**2


@pytest.mark.parametrize("num_convs", [1, 3])
def test_the_block_from_scratch_equals_the_layers(num_convs):
    torch.manual_seed(0)
    block = vgg_block(num_convs, 2, 4).double()
    x = torch.randn(3, 2, 7, 7, dtype=torch.float64)
    leaves = [p.detach().clone().requires_grad_() for p in block.parameters()]
    ours = block_scratch(x, list(zip(leaves[::2], leaves[1::2], strict=True)))
    theirs = block(x)
    assert ours.shape == (3, 4, 3, 3)
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for leaf, p in zip(leaves, block.parameters(), strict=True):
        torch.testing.assert_close(leaf.grad, p.grad)


def test_equals_torchvision_with_its_weights():
    with torch.no_grad():
        theirs = models.VGG(models.vgg.make_layers(models.vgg.cfgs["A"]), init_weights=False)
        with torch.device("meta"):
            ours = VGG(TABLE_1["A"])
        ours.to_empty(device="cpu")  # its own 133 million initial values would be overwritten anyway
        copy_in_order(theirs, ours)
        assert_same_outputs(theirs, ours, torch.rand(1, 3, 224, 224))


@pytest.mark.parametrize("column", ["B", "D", "E"])
def test_convolutions_with_batch_norm_equal_torchvision(column):
    torch.manual_seed(0)
    with torch.no_grad():
        theirs = models.vgg.make_layers(models.vgg.cfgs[column], batch_norm=True)
        ours = VGG(TABLE_1[column], image_size=32, hidden=8, batch_norm=True).features
        copy_in_order(theirs, ours)
        assert_same_outputs(theirs, ours, torch.rand(2, 3, 64, 64))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradients_reach_every_parameter(batch_norm):
    torch.manual_seed(0)
    model = VGG(thinner(TABLE_1["A"], 8), 5, image_size=35, hidden=32, batch_norm=batch_norm)
    logits = model(torch.rand(8, 3, 35, 35))
    assert logits.shape == (8, 5)
    F.cross_entropy(logits, torch.arange(8) % 5).backward()
    assert_every_parameter_has_a_gradient(model)


def test_a_picture_too_small_to_halve_is_an_error():
    with pytest.raises(ValueError, match="31×31"):
        VGG(TABLE_1["A"], image_size=31)


def test_channels_that_do_not_divide_are_an_error():
    with pytest.raises(ValueError, match="整除"):
        thinner(TABLE_1["A"], 3)


def test_one_batch_can_be_overfitted():
    torch.manual_seed(0)
    model = VGG(thinner(TABLE_1["A"], 8), 5, image_size=32, hidden=32, batch_norm=True, dropout=0)
    x, labels = torch.rand(10, 3, 32, 32), torch.arange(10) % 5
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    assert last_loss(model, optimizer, x, labels, steps=40) < 0.05
