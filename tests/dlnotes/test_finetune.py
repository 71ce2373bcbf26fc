"""Fine-tuning: the head is new and the rest is kept, rates differ by ten, frozen means frozen."""

from urllib.error import URLError

import pytest
import torch
import torchvision.models
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD

from dlnotes.convnets.resnet import resnet18
from dlnotes.cost import count_parameters
from dlnotes.data.cache import DatasetNotFoundError
from dlnotes.vision.efficientnet import EfficientNetLite0
from dlnotes.vision.finetune import (
    batch_norms,
    freeze,
    norms_in_eval,
    parameter_groups,
    replace_head,
    resnet18_imagenet,
)


def test_resnet18_with_a_head_of_two_has_11_177_538_parameters():
    with torch.device("meta"):
        model = resnet18()
        head = replace_head(model, 2)
    assert count_parameters(model) == 11_177_538
    assert count_parameters(head) == 1_026
    assert round(1_026 / 11_177_538 * 100, 4) == 0.0092


def test_only_the_head_changes():
    model = tiny()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    head = replace_head(model, 3)
    assert model.fc is head
    assert head.weight.shape == (3, 4)
    assert head.bias.count_nonzero() == 0
    bound = (6 / (4 + 3)) ** 0.5
    assert 0 < head.weight.abs().max() <= bound
    for name, value in model.state_dict().items():
        if not name.startswith("fc"):
            assert torch.equal(value, before[name])


def test_a_head_that_is_no_linear_layer_is_refused():
    with pytest.raises(TypeError, match="norm 应是全连接层，却是 BatchNorm2d"):
        replace_head(tiny(), 3, name="norm")


def test_the_groups_hold_every_parameter_once_and_rates_differ_by_ten():
    model = EfficientNetLite0(num_classes=3)
    body, head = parameter_groups(model, 1e-3)
    assert body["lr"] == pytest.approx(head["lr"] / 10)
    everything = [id(p) for group in (body, head) for p in group["params"]]
    assert sorted(everything) == sorted(id(p) for p in model.parameters())
    assert [tuple(p.shape) for p in head["params"]] == [(3, 1280), (3,)]


def test_in_the_first_step_the_ratio_is_ten_for_the_same_gradient():
    model = tiny()
    optimizer = SGD(parameter_groups(model, 0.01), lr=1.0)
    before = [p.detach().clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    moved = {
        name: (b - p.detach()).max().item()
        for (name, p), b in zip(model.named_parameters(), before, strict=True)
    }
    assert moved["conv.weight"] == pytest.approx(0.01, rel=1e-4)
    assert moved["fc.weight"] == pytest.approx(0.1, rel=1e-4)


def test_frozen_parameters_are_left_out_and_do_not_move():
    model = tiny()
    freeze(model.conv, model.norm)
    body, head = parameter_groups(model, 0.1)
    assert body["params"] == []
    before = model.conv.weight.clone()
    optimizer = SGD([head], lr=0.1)
    F.cross_entropy(model(torch.randn(4, 3, 5, 5)), torch.tensor([0, 1, 0, 1])).backward()
    optimizer.step()
    assert torch.equal(model.conv.weight, before)
    assert model.conv.weight.grad is None


def test_freezing_does_not_stop_the_running_averages_but_evaluation_does():
    model = tiny()
    freeze(model)
    model.train()
    start = model.norm.running_mean.clone()
    norms_in_eval(model)
    model(torch.randn(8, 3, 5, 5))
    assert torch.equal(model.norm.running_mean, start)
    model.train()
    model(torch.randn(8, 3, 5, 5))
    assert not torch.equal(model.norm.running_mean, start)
    assert len(list(batch_norms(model))) == 1


def test_without_a_network_the_error_says_what_to_do(monkeypatch):
    def fail(**_: object) -> nn.Module:
        raise URLError("no route to host")

    monkeypatch.setattr(torchvision.models, "resnet18", fail)
    with pytest.raises(DatasetNotFoundError) as caught:
        resnet18_imagenet()
    message = str(caught.value)
    assert "resnet18-f37072fd.pth" in message
    assert "no route to host" in message


def test_the_weights_are_asked_for_by_name_and_the_model_comes_in_evaluation(monkeypatch):
    asked = []

    def build(*, weights: object) -> nn.Module:
        asked.append(weights)
        return tiny()

    monkeypatch.setattr(torchvision.models, "resnet18", build)
    assert not resnet18_imagenet().training
    assert asked == [torchvision.models.ResNet18_Weights.IMAGENET1K_V1]


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))


def tiny() -> Tiny:
    torch.manual_seed(0)
    return Tiny()
