"""Data parallelism by hand and by DDP, synchronised batch norm, the pipeline's timetable, and the script."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlnotes.convnets.resnet import resnet18_small
from dlnotes.cost import count_parameters
from dlnotes.diagram import parallel as diagram
from dlnotes.normalize import BatchNorm
from dlnotes.parallel import workers
from dlnotes.parallel.pipeline import bubble, schedule
from dlnotes.parallel.scratch import (
    SHAPES,
    allreduce,
    gradients,
    init_lenet,
    lenet,
    lenet_module,
    replicate,
    split_batch,
    train_batch,
)
from dlnotes.parallel.sync_bn import SyncBatchNorm
from dlnotes.parallel.train_ddp import shard
from dlnotes.processes import run_processes

CODE = Path(__file__).parents[2] / "code"


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.rand(16, 1, 28, 28, dtype=torch.float64), torch.randint(10, (16,))


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(1)
    return lenet_module().double()


def test_the_networks_have_the_references_parameters() -> None:
    assert [p.shape for p in lenet_module().parameters()] == [torch.Size(shape) for shape in SHAPES]
    assert [p.shape for p in init_lenet()] == [torch.Size(shape) for shape in SHAPES]
    assert count_parameters(lenet_module()) == 200 + 25_050 + 102_528 + 1_290 == 129_068
    assert count_parameters(resnet18_small()) == 11_175_818


def test_the_scratch_network_equals_the_module(model: nn.Sequential, batch: tuple[Tensor, Tensor]) -> None:
    x, y = batch
    parameters = list(model.parameters())
    torch.testing.assert_close(lenet(x, parameters), model(x))
    loss = F.cross_entropy(model(x), y, reduction="sum")
    expected = torch.autograd.grad(loss, parameters)
    for ours, theirs in zip(gradients(x, y, parameters), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_allreduce_gives_everyone_the_sum() -> None:
    tensors = [torch.ones(1, 2), 2 * torch.ones(1, 2)]
    allreduce(tensors)
    assert [t.tolist() for t in tensors] == [[[3, 3]], [[3, 3]]]


def test_splitting_keeps_every_sample_once_and_in_order(batch: tuple[Tensor, Tensor]) -> None:
    x, y = batch
    for sizes in (None, [10, 1, 5]):
        parts = split_batch(x, y, ["cpu"] * 3, sizes)
        assert [len(a) for a, _ in parts] == (sizes or [6, 5, 5])
        assert torch.equal(torch.cat([a for a, _ in parts]), x)
        assert torch.equal(torch.cat([b for _, b in parts]), y)


@pytest.mark.parametrize("sizes", [[8, 9], [16], [15, 2]])
def test_sizes_that_do_not_fit_are_refused(sizes: list[int], batch: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match="不能按"):
        split_batch(*batch, ["cpu"] * 2, sizes)


def test_replicas_share_nothing() -> None:
    first, second = replicate([torch.zeros(2)], ["cpu", "cpu"])
    with torch.no_grad():
        first[0] += 1
    assert second[0].tolist() == [0, 0]


@pytest.mark.parametrize("sizes", [None, [13, 3], [1, 15]])
def test_the_summed_gradients_equal_the_whole_batchs(
    sizes: list[int] | None, model: nn.Sequential, batch: tuple[Tensor, Tensor]
) -> None:
    parameters = list(model.parameters())
    parts = split_batch(*batch, ["cpu"] * 2, sizes)
    halves = [gradients(a, b, parameters) for a, b in parts]
    for whole, *pieces in zip(gradients(*batch, parameters), *halves, strict=True):
        torch.testing.assert_close(sum(pieces), whole, rtol=0, atol=1e-10)


def test_a_step_on_several_devices_equals_a_step_on_one(
    model: nn.Sequential, batch: tuple[Tensor, Tensor]
) -> None:
    start = [p.detach() for p in model.parameters()]
    (alone,) = replicate(start, ["cpu"])
    train_batch(*batch, [alone], ["cpu"], lr=0.1)
    replicas = replicate(start, ["cpu"] * 3)
    train_batch(*batch, replicas, ["cpu"] * 3, lr=0.1, sizes=[3, 3, 10])
    for ours, *theirs in zip(alone, *replicas, strict=True):
        for p in theirs:
            torch.testing.assert_close(p, ours, rtol=0, atol=1e-10)
    assert not torch.equal(alone[0], start[0])


def test_processes_do_what_the_collectives_say() -> None:
    first, second = run_processes(workers.collectives, 2, timeout=60)
    assert (first["手里"], second["手里"]) == ([0, 1], [10, 11])
    assert first["broadcast"] == second["broadcast"] == [0, 1]
    assert first["all_reduce"] == second["all_reduce"] == [10, 12]
    assert (first["reduce_scatter"], second["reduce_scatter"]) == ([10], [12])
    assert first["all_gather"] == second["all_gather"] == [0, 1, 10, 11]


@pytest.mark.parametrize("train", [workers.train_by_hand, workers.train_ddp])
def test_two_processes_train_what_one_trains(
    train: Callable[..., nn.Module], model: nn.Sequential, batch: tuple[Tensor, Tensor]
) -> None:
    x, y = batch
    batches = [(x.roll(k, 0), y.roll(k, 0)) for k in range(10)]
    expected = copy.deepcopy(model)
    parameters = list(expected.parameters())
    for a, b in batches:
        grads = torch.autograd.grad(F.cross_entropy(expected(a), b), parameters)
        with torch.no_grad():
            for p, g in zip(parameters, grads, strict=True):
                p.sub_(0.1 * g)
    first, second = run_processes(train, 2, model, batches, 0.1, timeout=60)
    for ours, other, theirs in zip(*(m.parameters() for m in (first, second, expected)), strict=True):
        assert torch.equal(ours, other)  # to the last bit
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_sync_bn_equals_batch_norm_on_the_whole_batch() -> None:
    torch.manual_seed(0)
    x, pull = (torch.randn(7, 3, 4, 4, dtype=torch.float64) + 5 for _ in range(2))  # 4 samples and 3
    apart = run_processes(workers.through, 2, SyncBatchNorm(3).double(), x, pull, timeout=60)
    outputs, grads = (torch.cat(pieces) for pieces in zip(*apart, strict=True))
    x.requires_grad_()
    theirs = nn.BatchNorm2d(3).double()(x)
    (grad,) = torch.autograd.grad((theirs * pull).sum(), x)
    torch.testing.assert_close(outputs, theirs, rtol=0, atol=1e-10)
    torch.testing.assert_close(grads, grad, rtol=0, atol=1e-10)


def test_sync_bn_alone_or_in_evaluation_is_batch_norm() -> None:
    torch.manual_seed(0)
    ours, theirs = SyncBatchNorm(3), BatchNorm(3)
    x = torch.randn(6, 3, 2, 2)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_times_are_positive_and_one_process_does_not_communicate() -> None:
    x, y = torch.rand(4, 1, 28, 28), torch.randint(10, (4,))
    (alone,) = run_processes(workers.step_seconds, 1, lenet_module(), x, y, 1, timeout=60)
    assert alone[0] > 0 == alone[1]
    for computing, talking in run_processes(workers.step_seconds, 2, lenet_module(), x, y, 1, timeout=60):
        assert computing > 0 < talking
    assert min(run_processes(workers.allreduce_seconds, 2, [[1, 100], [101]], 1, timeout=60)[0]) > 0


@pytest.mark.parametrize(("cards", "micros"), [(1, 1), (2, 1), (4, 1), (4, 4), (3, 8)])
def test_the_pipelines_timetable_keeps_every_order(cards: int, micros: int) -> None:
    slots = schedule(cards, micros)
    assert len({(slot.card, slot.time) for slot in slots}) == len(slots) == 2 * cards * micros
    at = {(slot.card, slot.micro, slot.backward): slot.time for slot in slots}
    for m in range(micros):
        chain = [at[k, m, False] for k in range(cards)] + [at[k, m, True] for k in reversed(range(cards))]
        assert chain == sorted(set(chain))
    assert bubble(cards, micros) == pytest.approx((cards - 1) / (micros + cards - 1))


def test_the_pictures_show_every_slot_and_every_half() -> None:
    tables = [("whole", schedule(4, 1)), ("in pieces", schedule(4, 8))]
    figure = diagram.timetable(tables)
    assert [len(axes.patches) for axes in figure.axes] == [8, 64]
    for axes, (title, slots) in zip(figure.axes, tables, strict=True):
        assert axes.get_title() == title
        ends = 1 + max(slot.time for slot in slots)
        right = max(patch.get_x() + patch.get_width() for patch in axes.patches)  # type: ignore[attr-defined]
        assert right == pytest.approx(ends / (1 if title == "whole" else 8))
    words = [[text.get_text() for text in axes.texts] for axes in diagram.kinds().axes]
    assert [labels.count("层 1") for labels in words] == [2, 1, 0]
    assert [labels.count("左半") for labels in words] == [0, 0, 4]


def test_a_pipeline_needs_cards_and_pieces() -> None:
    with pytest.raises(ValueError, match="至少是 1"):
        schedule(0, 1)


def test_shards_cover_the_data_and_change_with_the_epoch() -> None:
    data = torch.utils.data.TensorDataset(torch.arange(10))
    seen = []
    for rank in range(2):
        loader, sampler = shard(data, rank, 2, batch_size=4)
        rounds = []
        for epoch in range(2):
            sampler.set_epoch(epoch)
            rounds.append([x.tolist() for (x,) in loader])
        assert [len(x) for x in rounds[0]] == [2, 2, 1]
        assert rounds[0] != rounds[1]
        seen += [sample for piece in rounds[0] for sample in piece]
    assert sorted(seen) == list(range(10))
    with pytest.raises(ValueError, match="不能平分"):
        shard(data, 0, 2, batch_size=5)


def test_the_script_trains_under_torchrun() -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "dlnotes.parallel.train_ddp", "--epochs=1", "--images=600", "--batch-size=20"]
    env = {**os.environ, "PYTHONPATH": str(CODE), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "第 1 轮，2 个进程，验证精度 0." in done.stdout
