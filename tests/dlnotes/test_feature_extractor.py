"""The frozen extractors: exact sizes, torchvision's own numbers, gradients that reach the picture alone."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.vgg import cfgs, make_layers

from dlnotes import cost
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.vision import efficientnet
from dlnotes.vision import feature_extractor as fe


def test_vgg19_has_torchvisions_layers_under_torchvisions_numbers():
    with torch.device("meta"):
        ours, theirs = fe.vgg19_features(), make_layers(cfgs["E"])
    assert cost.count_parameters(ours) == 20_024_384
    assert [type(a) for a in ours] == [type(b) for b in theirs]
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }


def test_the_numbers_0_5_10_19_28_and_21_are_the_layers_of_the_paper(vgg):
    extractor = fe.vgg19(vgg)
    convs = {name: stage[-2] for name, stage in extractor.stages.items()}
    for number, name in zip((0, 5, 10, 19, 28), fe.VGG_STYLE, strict=True):
        assert convs[name] is vgg[number]
    assert convs["conv4_2"] is vgg[21]
    assert convs["conv4_4"] is vgg[25]
    assert len(convs) == 16


def test_a_stage_of_vgg_ends_after_its_relu(vgg):
    x = torch.rand(1, 3, 32, 32)
    found = fe.vgg19(vgg)(x, ["conv1_1", "conv2_1"])
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    normal = (x - mean) / std
    torch.testing.assert_close(found["conv1_1"], vgg[:2](normal))
    torch.testing.assert_close(found["conv2_1"], vgg[:7](normal))
    assert found["conv2_1"].shape == (1, 128, 16, 16)


def test_relu_in_place_changes_what_was_kept_before_it():
    conv = nn.Conv2d(3, 4, 3)
    x = torch.randn(1, 3, 8, 8)
    for in_place in (False, True):
        kept = conv(x)
        nn.ReLU(inplace=in_place)(kept)
        assert (kept.min() < 0) == (not in_place)


def test_average_pooling_is_a_choice_and_anything_else_an_error():
    assert isinstance(fe.vgg19_features("avg")[4], nn.AvgPool2d)
    with pytest.raises(ValueError, match="avg"):
        fe.vgg19_features("median")


def test_fused_lite0_gives_the_networks_own_features(net):
    extractor = fe.lite0(net)
    x = torch.rand(2, 3, 30, 44)
    found = extractor(x, ["stem", "block0", "block4", "block15"])
    with torch.no_grad():
        big = F.interpolate(efficientnet.normalize(x), scale_factor=2, mode="bilinear")
        stem = net.stem(big)
        torch.testing.assert_close(found["stem"], stem, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found["block4"], net.blocks[:5](stem), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found["block15"], net.blocks(stem), rtol=1e-3, atol=1e-4)
    assert found["stem"].shape == (2, 32, 30, 44)  # enlarged by two, halved by the stem
    assert list(extractor.stages) == ["stem", *(f"block{i}" for i in range(16))]


def test_making_an_extractor_leaves_the_network_alone(net):
    before = copy.deepcopy(net.state_dict())
    fe.forget(fe.lite0(net))
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(p.requires_grad for p in net.parameters())


def test_gradients_reach_the_picture_and_no_weight(net):
    extractor = fe.lite0(net)
    x = torch.rand(1, 3, 24, 24, requires_grad=True)
    sum(f.square().mean() for f in extractor(x, fe.LITE0_STYLE).values()).backward()
    assert x.grad is not None
    assert (x.grad != 0).double().mean() > 0.99
    assert all(not p.requires_grad and p.grad is None for p in extractor.parameters())


def test_deeper_layers_than_asked_for_are_not_computed(net):
    extractor = fe.lite0(net)
    extractor.stages["block3"] = nn.Linear(7, 7)  # would fail if it were run
    assert set(extractor(torch.rand(1, 3, 16, 16), ["block2", "stem"])) == {"block2", "stem"}


def test_an_unknown_layer_is_an_error_that_names_the_known_ones(net):
    with pytest.raises(ValueError, match=r"conv1_1.*stem"):
        fe.lite0(net)(torch.rand(1, 3, 16, 16), ["conv1_1"])


def test_forgetting_is_seeded_and_changes_every_convolution(net):
    a, b = (fe.forget(fe.lite0(net), seed=3) for _ in range(2))
    fresh = fe.lite0(net)
    for p, q, r in zip(a.parameters(), b.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(p, q)
        assert not torch.equal(p, r)


def test_random_features_neither_vanish_nor_explode(net):
    extractor = fe.forget(fe.lite0(net))
    sizes = [f.std().item() for f in extractor(torch.rand(1, 3, 48, 48), fe.LITE0_STYLE).values()]
    assert min(sizes) > 0.05
    assert max(sizes) < 50


def test_without_vgg_weights_lite0_is_used_and_the_error_says_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.setattr(fe, "get_dir", lambda: str(tmp_path))
    with pytest.raises(DatasetNotFoundError) as caught:
        fe.vgg19_imagenet(download=False)
    assert str(tmp_path / "checkpoints" / "vgg19-dcbb9e9d.pth") in str(caught.value)
    assert fe.best_available().title == "EfficientNet-Lite0"


def test_vgg_weights_are_taken_when_they_can_be_had(monkeypatch):
    from torchvision.models import VGG19_Weights

    state = {f"features.{k}": torch.ones_like(v) for k, v in fe.vgg19_features().state_dict().items()}
    state["classifier.0.weight"] = torch.zeros(1)
    monkeypatch.setattr(VGG19_Weights, "get_state_dict", lambda _, **__: state)
    extractor = fe.best_available(download=True)
    assert extractor.title == "VGG-19"
    assert all((p == 1).all() for p in extractor.parameters())
    assert isinstance(extractor.stages["conv2_1"][0], nn.AvgPool2d)


def test_no_network_is_the_same_one_error(monkeypatch):
    from torchvision.models import VGG19_Weights

    def fail(_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(VGG19_Weights, "get_state_dict", fail)
    with pytest.raises(DatasetNotFoundError, match="no route to host"):
        fe.vgg19_imagenet(download=True)


@pytest.fixture(scope="module")
def net() -> efficientnet.EfficientNetLite0:
    return efficientnet.pretrained()


@pytest.fixture(scope="module")
def vgg() -> nn.Sequential:
    torch.manual_seed(0)
    return fe.vgg19_features()
