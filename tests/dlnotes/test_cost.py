"""Shapes, counts and receptive fields come out exactly."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dlnotes.convnets.lenet import LeNet, lenet_bn
from dlnotes.cost import block_table, count_macs, count_parameters, layer_table, receptive_field
from dlnotes.trace import feature_maps, trace

IMAGE = torch.zeros(2, 1, 28, 28)


def test_table_of_lenet_is_exact():
    table = layer_table(LeNet(), IMAGE)
    assert list(table.columns) == ["层", "类型", "输出形状", "参数", "乘加", "感受野"]
    assert table.to_numpy().tolist() == [
        ["c1", "Conv2d", "6×28×28", 156, 117_600, "5×5"],
        ["s2", "AvgPool2d", "6×14×14", 0, 0, "6×6"],
        ["c3", "Conv2d", "16×10×10", 2_416, 240_000, "14×14"],
        ["s4", "AvgPool2d", "16×5×5", 0, 0, "16×16"],
        ["flatten", "Flatten", "400", 0, 0, "28×28"],
        ["c5", "Linear", "120", 48_120, 48_000, "28×28"],
        ["f6", "Linear", "84", 10_164, 10_080, "28×28"],
        ["output", "Linear", "10", 850, 840, "28×28"],
    ]


@pytest.mark.parametrize("model", [LeNet(), LeNet(activation=nn.ReLU, pool=nn.MaxPool2d), lenet_bn()])
def test_sums_of_the_table_are_the_counts(model):
    table = layer_table(model, IMAGE)
    assert table["参数"].sum() == count_parameters(model)
    assert table["乘加"].sum() == count_macs(model, IMAGE)


@pytest.mark.parametrize("model", [LeNet(), nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, groups=2))])
def test_multiply_adds_are_half_the_flops_that_pytorch_counts(model):
    x = torch.zeros(1, next(model.parameters()).shape[1] * (1 if isinstance(model, LeNet) else 2), 28, 28)
    with FlopCounterMode(display=False) as counter:
        model(x)
    assert counter.get_total_flops() == 2 * count_macs(model, x)


def test_receptive_field_grows_window_by_window():
    layers = [(5, 1), (2, 2), (5, 1), (2, 2)]
    assert [receptive_field(layers[:n]) for n in range(5)] == [1, 5, 6, 14, 16]


def test_receptive_field_is_where_the_gradient_lands():
    model = LeNet().double()
    x = torch.rand(1, 1, 28, 28, dtype=torch.float64, requires_grad=True)
    s4 = model.s4(model.activation(model.c3(model.s2(model.activation(model.c1(x))))))
    s4[0, :, 2, 2].sum().backward()
    rows = x.grad[0, 0].abs().sum(dim=1).nonzero()
    assert rows.max() - rows.min() + 1 == receptive_field([(5, 1), (2, 2), (5, 1), (2, 2)])


def test_an_unknown_operation_leaves_the_receptive_field_empty():
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(x + self.a(x))

    assert layer_table(Residual(), IMAGE)["感受野"].tolist() == ["3×3", ""]


def test_blocks_are_counted_as_wholes_in_the_order_of_execution():
    model = nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(1, 4, 3, padding=1),
            body=nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(2)),
            head=nn.Flatten(),
        )
    )
    table = block_table(model, IMAGE)
    assert table["块"].tolist() == ["stem", "body", "head"]
    assert table["输出形状"].tolist() == ["4×28×28", "8×13×13", "1352"]
    assert table["参数"].tolist() == [40, 296, 0]
    assert table["乘加"].tolist() == [28 * 28 * 36, 26 * 26 * 8 * 36, 0]
    assert table["乘加"].sum() == count_macs(model, IMAGE)
    assert not model.stem._forward_hooks


def test_trace_leaves_the_model_as_it_was():
    model = lenet_bn()
    model.bn1.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trace(model, IMAGE)
    assert model.training
    assert not model.bn1.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_feature_maps_are_the_outputs_of_the_layers():
    model = LeNet()
    maps = feature_maps(model, torch.rand(1, 1, 28, 28))
    assert {name: tuple(maps[name].shape[1:]) for name in ("c1", "s2", "c3", "s4")} == {
        "c1": (6, 28, 28),
        "s2": (6, 14, 14),
        "c3": (16, 10, 10),
        "s4": (16, 5, 5),
    }
    torch.testing.assert_close(model.c3(maps["s2"]), maps["c3"])
