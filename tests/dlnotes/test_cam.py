"""Class activation maps: they add up to the logits, and they point at the right place."""

import torch
from torch import nn

from dlnotes.convnets.cam import class_activation_maps, heatmap
from dlnotes.convnets.googlenet import GoogLeNet
from dlnotes.convnets.nin import BLOCKS_32, NiN


def test_mean_of_a_map_plus_bias_is_the_logit():
    torch.manual_seed(0)
    features, head = torch.rand(3, 8, 5, 4), nn.Linear(8, 6)
    maps = class_activation_maps(features, head.weight)
    assert maps.shape == (3, 6, 5, 4)
    torch.testing.assert_close(maps.mean(dim=(2, 3)) + head.bias, head(features.mean(dim=(2, 3))))


def test_maps_of_nin_are_its_last_features():
    torch.manual_seed(0)
    model, x = NiN(blocks=BLOCKS_32).eval(), torch.rand(2, 1, 28, 28)
    features = model.features(x)
    maps = class_activation_maps(features, torch.eye(10))
    torch.testing.assert_close(maps, features)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), model(x))


def test_maps_of_googlenet_add_up_to_its_logits():
    torch.manual_seed(0)
    model, x = GoogLeNet(5, 1).eval(), torch.rand(2, 1, 64, 64)
    head = model.classifier.fc
    maps = class_activation_maps(model.features(x), head.weight)
    assert maps.shape == (2, 5, 2, 2)
    torch.testing.assert_close(maps.mean(dim=(2, 3)) + head.bias, model(x))


def test_heatmap_peaks_where_the_evidence_is():
    features = torch.zeros(2, 2, 7, 7)
    features[0, 0, 1, 5] = 3.0  # channel 0 speaks for class 0
    features[1, 1, 6, 2] = 2.0
    maps = class_activation_maps(features, torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]))
    heat = heatmap(maps, torch.tensor([0, 1]), (49, 70))
    assert heat.shape == (2, 49, 70)
    assert heat.amin() == 0
    assert heat.amax(dim=(1, 2)).tolist() == [1, 1]
    for picture, (row, column) in zip(heat, [(1, 5), (6, 2)], strict=True):
        peak = picture.argmax().item()
        assert (peak // 70 // 7, peak % 70 // 10) == (row, column)


def test_a_constant_map_is_all_zero():
    assert heatmap(torch.full((1, 3, 4, 4), 2.5), torch.tensor([1]), (8, 8)).abs().max() == 0


def test_a_map_does_not_depend_on_the_other_pictures_of_the_batch():
    torch.manual_seed(0)
    maps, labels = torch.rand(4, 5, 3, 3), torch.tensor([0, 4, 2, 2])
    together = heatmap(maps, labels, (9, 9))
    alone = [heatmap(maps[i : i + 1], labels[i : i + 1], (9, 9)) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(alone))
