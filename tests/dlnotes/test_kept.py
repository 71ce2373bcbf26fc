"""What autograd keeps for the backward pass, counted by its own hooks."""

import pytest
import torch
from torch import nn

from dlnotes.convnets.kept import kept_bytes
from dlnotes.convnets.vgg import TABLE_1, VGG, vgg_block


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_block_keeps_its_input_its_activations_and_where_the_maxima_are(device):
    with torch.device(device):
        blocks = nn.Sequential(vgg_block(2, 3, 4), vgg_block(1, 4, 8))
        kept = kept_bytes(blocks, torch.zeros(5, 3, 8, 8))
    picture, activation = 5 * 3 * 8 * 8 * 4, 5 * 4 * 8 * 8 * 4
    places = 5 * 4 * 4 * 4 * 8  # int64
    assert kept["0"] == picture + 2 * activation + places
    # its input is the output of the first block, which only now has to stay
    assert kept["1"] == 5 * 4 * 4 * 4 * 4 + 5 * 8 * 4 * 4 * 4 + 5 * 8 * 2 * 2 * 8


def test_parameters_are_not_counted():
    layers = nn.Sequential(nn.Linear(100, 50))
    assert kept_bytes(layers, torch.zeros(2, 100)) == {"0": 2 * 100 * 4}


def test_what_is_kept_grows_with_the_batch():
    with torch.device("meta"):
        features = VGG(TABLE_1["A"]).features
        one, many = (sum(kept_bytes(features, torch.zeros(n, 3, 224, 224)).values()) for n in (1, 32))
    assert many == 32 * one


def test_without_gradients_nothing_is_kept():
    with torch.no_grad():
        assert kept_bytes(nn.Sequential(vgg_block(1, 3, 4)), torch.zeros(1, 3, 4, 4)) == {"0": 0}
