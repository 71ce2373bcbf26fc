"""AlexNet: exact counts, the paper's shapes and normalisation, equality with torchvision."""

import pytest
import torch
from torch.nn import functional as F
from torchvision import models

from dlnotes.convnets.alexnet import WEIRD_TRICK, AlexNet, feature_size, local_response_norm
from dlnotes.cost import count_macs, count_parameters
from dlnotes.trace import trace

from .learning import assert_every_parameter_has_a_gradient, last_loss
from .parity import assert_same_outputs, copy_in_order

REFERENCE = {"num_classes": 10, "in_channels": 1, "groups": 1, "padding": 1, "lrn": False}
TORCHVISION = {"channels": WEIRD_TRICK, "groups": 1, "lrn": False}
TINY = {"num_classes": 5, "image_size": 63, "channels": (8, 16, 16, 16, 8), "hidden": 32}


@pytest.mark.parametrize(
    ("arguments", "parameters", "macs"),
    [
        ({}, 60_965_224, 724_406_816),  # the paper's "60 million parameters"
        ({"groups": 1}, 62_378_344, 1_135_256_096),
        (REFERENCE, 46_764_746, 938_146_176),
        (TORCHVISION, 61_100_840, 714_188_480),
    ],
)
def test_parameters_and_multiply_adds_are_exact(arguments, parameters, macs):
    with torch.device("meta"):
        model = AlexNet(**arguments)
        x = torch.empty(1, arguments.get("in_channels", 3), 224, 224)
    assert count_parameters(model) == parameters
    assert count_macs(model, x) == macs


def test_most_parameters_are_in_the_fully_connected_layers():
    with torch.device("meta"):
        model = AlexNet(**REFERENCE)
    assert count_parameters(model.features) == 3_723_968
    assert count_parameters(model.classifier) == 43_040_778


@pytest.mark.parametrize(
    ("arguments", "sides"),
    [
        ({}, [55, 27, 27, 13, 13, 13, 13, 6]),  # figure 2
        (REFERENCE, [54, 26, 26, 12, 12, 12, 12, 5]),
        ({**REFERENCE, "pool_size": 2}, [54, 27, 27, 13, 13, 13, 13, 6]),
    ],
)
def test_shapes_at_224(arguments, sides):
    with torch.device("meta"):
        model = AlexNet(**arguments)
        x = torch.empty(1, arguments.get("in_channels", 3), 224, 224)
    calls = [c for c in trace(model, x) if c.name.startswith(("features.conv", "features.pool"))]
    assert [c.output.shape[-1] for c in calls] == sides
    assert [c.output.shape[1] for c in calls] == [96, 96, 256, 256, 384, 384, 256, 256]


def test_equals_torchvision_with_its_weights():
    with torch.no_grad():
        theirs, ours = models.alexnet(weights=None), AlexNet(**TORCHVISION)
        copy_in_order(theirs, ours)
        assert_same_outputs(theirs, ours, torch.rand(1, 3, 224, 224))


def test_local_response_norm_is_the_formula_of_section_3_3():
    a = torch.rand(2, 9, 3, 3, dtype=torch.float64) * 100
    b = torch.empty_like(a)
    for i in range(9):
        near = a[:, max(0, i - 2) : i + 3]
        b[:, i] = a[:, i] / (2 + 1e-4 * (near**2).sum(dim=1)) ** 0.75
    torch.testing.assert_close(local_response_norm()(a), b)


def test_two_groups_do_not_see_each_other():
    model = AlexNet(**TINY)
    x = torch.rand(1, 8, 7, 7)
    other = x.clone()
    other[:, 4:] += 1  # what the second GPU holds
    before, after = model.features.conv2(x), model.features.conv2(other)
    assert torch.equal(before[:, :8], after[:, :8])
    assert not torch.equal(before[:, 8:], after[:, 8:])


@pytest.mark.parametrize("arguments", [{}, {"groups": 1, "lrn": False, "pool_size": 2}])
def test_gradients_reach_every_parameter(arguments):
    torch.manual_seed(0)
    model = AlexNet(**TINY | arguments)
    logits = model(torch.rand(8, 3, 63, 63))
    assert logits.shape == (8, 5)
    F.cross_entropy(logits, torch.arange(8) % 5).backward()
    assert_every_parameter_has_a_gradient(model)


def test_63_pixels_are_the_fewest():
    assert feature_size(63) == 1
    with pytest.raises(ValueError, match="62×62"):
        AlexNet(image_size=62)


def test_one_batch_can_be_overfitted():
    torch.manual_seed(0)
    model = AlexNet(**TINY, dropout=0)
    x, labels = torch.rand(10, 3, 63, 63), torch.arange(10) % 5
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    assert last_loss(model, optimizer, x, labels, steps=120) < 0.05
