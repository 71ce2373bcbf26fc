"""Timing, pointer chasing, the roofline, tiles and footprints: counts exact, measurements loose."""

import math

import pytest
import torch
from torch import nn

from dlnotes import cost
from dlnotes.convnets.lenet import LeNet
from dlnotes.hardware import timing
from dlnotes.hardware.footprint import Footprint, footprint, saved_bytes
from dlnotes.hardware.memory import chase, cut, random_cycle, ring, strided
from dlnotes.hardware.roofline import Roofline, Work, layer_works
from dlnotes.hardware.tiling import best_tile, tiled_matmul, tiled_traffic


class Clock:
    """A clock that only the job moves."""

    def __init__(self, costs):
        self.now, self.costs = 0.0, iter(costs)

    def __call__(self):
        return self.now

    def job(self):
        self.now += next(self.costs)


def test_one_hiccup_does_not_move_the_time(monkeypatch):
    clock = Clock([9.0, 1.0, 1.0, 1.0, 50.0, 1.0, 1.0])  # the warm-up, a trial, five measurements
    monkeypatch.setattr(timing, "perf_counter", clock)
    assert timing.seconds(clock.job, at_least=0.5) == 1.0
    assert next(clock.costs, None) is None


def test_short_jobs_are_repeated_and_divided(monkeypatch):
    clock = Clock([0.25] * 100)
    monkeypatch.setattr(timing, "perf_counter", clock)
    assert timing.seconds(clock.job, at_least=2.0, repeats=3) == 0.25
    assert clock.now == 0.25 * (2 + 3 * 8)


def test_nothing_measured_is_an_error():
    with pytest.raises(ValueError, match="至少"):
        timing.seconds(list, repeats=0)


@pytest.mark.parametrize("size", [1, 2, 257])
def test_a_ring_visits_every_node_once_and_returns(size):
    nodes = ring(size)
    seen = [chase(nodes[0], step) for step in range(size)]
    assert len({id(node) for node in seen}) == size
    assert chase(nodes[0], size) is nodes[0]
    cut(nodes)
    assert not hasattr(nodes[0], "next")


def test_an_empty_ring_is_an_error():
    with pytest.raises(ValueError, match="至少"):
        ring(0)


@pytest.mark.parametrize("size", [1, 2, 500])
def test_a_random_cycle_is_one_cycle(size):
    table, here, seen = random_cycle(size), 0, set()
    for _ in range(size):
        seen.add(here)
        here = int(table[here])
    assert here == 0
    assert seen == set(range(size))


def test_strided_numbers_lie_that_far_apart():
    view = strided(10, 16)
    assert view.shape == (10,)
    assert view.stride() == (16,)


def test_intensities_are_those_of_the_formulas():
    assert Work.axpy(1000).intensity == pytest.approx(1 / 6)
    assert Work.axpy(1000) == Work(2_000, 12_000)
    assert Work.matmul(96, 96, 96).intensity == pytest.approx(96 / 6)
    assert Work.matmul(96, 96, 96, itemsize=2).intensity == pytest.approx(96 / 3)
    assert Work.matmul(1, 4096, 4096).intensity == pytest.approx(0.5, rel=1e-3)
    assert Work.elementwise(10, 5) == Work(50, 80)
    assert Work(1, 2) + Work(3, 4) == Work(4, 6)


def test_a_layer_moves_its_input_weights_and_output_once():
    conv = nn.Conv2d(3, 8, 5, stride=2, bias=False)
    work = Work.layer(conv, torch.zeros(2, 3, 11, 11))
    assert work.flops == 2 * 2 * (8 * 4 * 4) * (3 * 5 * 5)
    assert work.bytes == 4 * (2 * 3 * 11 * 11 + 8 * 3 * 5 * 5 + 2 * 8 * 4 * 4)
    linear = Work.layer(nn.Linear(6, 5, bias=False), torch.zeros(7, 6))
    assert linear == Work.matmul(7, 6, 5)


def test_layers_add_up_to_the_macs_of_the_network():
    x = torch.zeros(4, 1, 28, 28)
    net = LeNet(activation=nn.ReLU)
    works = layer_works(net, x)
    multiplied = sum(work.flops for module, work in works if isinstance(module, cost.MULTIPLYING))
    assert multiplied == 2 * 4 * 416_520
    assert not any(isinstance(module, nn.Flatten) for module, _ in works)
    assert Work.layer(nn.MaxPool2d(3), torch.zeros(1, 2, 9, 9)).flops == 2 * 9 * 9
    assert Work.layer(nn.AdaptiveAvgPool2d(1), torch.zeros(1, 2, 4, 4)).flops == 2 * 4 * 4
    assert Work.layer(nn.BatchNorm2d(2), torch.zeros(1, 2, 4, 4)).flops == 2 * 2 * 4 * 4


def test_an_unknown_layer_is_an_error():
    with pytest.raises(TypeError, match="Softplus"):
        Work.layer(nn.Softplus(), torch.zeros(3))


def test_the_roof_is_the_lower_of_the_two():
    roof = Roofline(peak=100.0, bandwidth=20.0)
    assert roof.ridge == 5
    assert [roof.attainable(i) for i in (1, 5, 50)] == [20, 100, 100]
    assert [roof.bound(Work(i, 1)) for i in (4.9, 5, 6)] == ["带宽", "算力", "算力"]


@pytest.mark.parametrize("work", [Work(1e3, 1e5), Work(1e6, 10), Work(50, 10)])
def test_the_least_time_is_work_over_attainable(work):
    roof = Roofline(peak=100.0, bandwidth=20.0)
    assert roof.seconds(work) == pytest.approx(work.flops / roof.attainable(work.intensity))


@pytest.mark.parametrize("tile", [1, 2, 4, 12])
def test_tiles_give_the_product_and_move_as_much_as_the_formula(tile):
    torch.manual_seed(0)
    a, b = torch.randn(2, 12, 12, dtype=torch.float64)
    product, moved = tiled_matmul(a, b, tile)
    torch.testing.assert_close(product, a @ b)
    assert moved == tiled_traffic(12, tile)


def test_tiles_work_on_oblong_matrices():
    a, b = torch.randn(4, 6, dtype=torch.float64), torch.randn(6, 8, dtype=torch.float64)
    product, moved = tiled_matmul(a, b, 2)
    torch.testing.assert_close(product, a @ b)
    assert moved == 2 * 4 * 6 * 8 // 2 + 4 * 8


def test_a_tile_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="整除"):
        tiled_matmul(torch.zeros(6, 6), torch.zeros(6, 6), 4)


def test_three_best_tiles_fill_the_fast_memory():
    side = best_tile(32 * 1024)
    assert 3 * 4 * side**2 <= 32 * 1024 < 3 * 4 * (side + 1) ** 2


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("make", "numbers"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1), 0),
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), 1),
        (lambda p: torch.optim.Adam(p), 2),
    ],
)
def test_training_takes_8_12_or_16_bytes_a_parameter(make, numbers, device):
    net = nn.Linear(30, 20).to(device)
    optimizer = make(net.parameters())
    assert footprint(net, optimizer) == Footprint(4 * 620, 0, 0)
    net(torch.zeros(5, 30, device=device)).sum().backward()
    optimizer.step()
    steps = 2 * 4 if numbers == 2 else 0  # Adam counts its steps, one number a tensor
    found = footprint(net, optimizer)
    assert found == Footprint(4 * 620, 4 * 620, numbers * 4 * 620 + steps)
    assert found.total == (2 + numbers) * 4 * 620 + steps


def test_saved_activations_are_counted_once_and_without_weights():
    x = torch.zeros(8, 30)
    net = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 10))
    assert saved_bytes(net, x) == 4 * 8 * 20  # the output of ReLU, kept by ReLU and by the second layer
    squared = nn.Sequential(nn.Linear(30, 20), nn.Sigmoid(), nn.Linear(20, 10))
    assert saved_bytes(squared, x) == 4 * 8 * 20


def test_pooling_keeps_its_input_and_where_the_largest_stood():
    model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2))
    pooled = 2 * 6 * 12 * 12
    assert saved_bytes(model, torch.zeros(2, 1, 28, 28)) == 4 * pooled * 4 + pooled * 8


def test_layers_that_need_nothing_keep_nothing():
    assert saved_bytes(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), torch.zeros(2, 1, 28, 28)) == 0


def test_a_measured_time_is_positive_and_finite():
    assert 0 < timing.seconds(lambda: sum(range(1000))) < math.inf
