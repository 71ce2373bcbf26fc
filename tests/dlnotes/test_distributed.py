"""The parts of distributed training that need no processes: formulas, schedules, one server's rule."""

import math

import pytest
import torch

from dlnotes.distributed import cost_model, softmax
from dlnotes.distributed.parameter_server import Shard
from dlnotes.distributed.ring import finished_chunk, sent_chunk
from dlnotes.distributed.staleness import asynchronous_pushes, critical_rate, delayed_sgd
from dlnotes.distributed.zero import bytes_per_gpu, traffic_per_step

SIZE, PCIE = 160e6, 16e9


def test_the_book_s_example_is_10_60_80_15_and_about_6_milliseconds():
    assert cost_model.transfer(SIZE, PCIE) == pytest.approx(10e-3)
    assert cost_model.to_one_card(SIZE, 4, PCIE) == pytest.approx(60e-3)
    assert cost_model.through_cpu(SIZE, 4, PCIE) == pytest.approx(80e-3)
    assert cost_model.sharded(SIZE, 4, PCIE) == pytest.approx(15e-3)
    nvlink = 3 * 18e9
    assert 2 * cost_model.transfer(SIZE, nvlink) == pytest.approx(5.926e-3, rel=1e-3)
    assert cost_model.ring(SIZE, 8, nvlink) == pytest.approx(5.185e-3, rel=1e-3)


def test_a_ring_costs_what_shards_cost_and_never_more_than_two_transfers():
    for n in (2, 3, 8, 1000):
        assert cost_model.ring(SIZE, n, PCIE) == pytest.approx(cost_model.sharded(SIZE, n, PCIE))
        assert cost_model.ring(SIZE, n, PCIE) < 2 * cost_model.transfer(SIZE, PCIE)
    assert cost_model.ring(SIZE, 8, PCIE, latency=1e-3) - cost_model.ring(SIZE, 8, PCIE) == pytest.approx(
        14e-3
    )


def test_a_step_is_the_longer_part_only_when_both_overlap():
    assert cost_model.step_time(3, 2, overlapped=True) == 3
    assert cost_model.step_time(3, 2, overlapped=False) == 5


def test_speedup_is_one_alone_n_without_communication_and_falls_in_the_end_at_a_fixed_total_batch():
    options = {"compute": 0.1, "size": SIZE, "bandwidth": 1.25e9, "latency": 1e-4}
    for fixed in (True, False):
        for overlapped in (True, False):
            one = cost_model.speedup(1, overlapped=overlapped, fixed_total=fixed, **options)
            assert one == pytest.approx(1)
        assert cost_model.speedup(64, compute=0.1, size=0, bandwidth=1, fixed_total=fixed) == pytest.approx(
            64
        )
    curve = [cost_model.speedup(n, fixed_total=True, **options) for n in (1, 16, 4096)]
    assert curve[2] < curve[1]


def simulate_ring(n):
    """Run the ring's order of chunks on numbers; each process's chunk k is 1 << rank."""
    held = [[1 << rank for _ in range(n)] for rank in range(n)]
    for step in range(2 * n - 2):
        outgoing = [held[rank][sent_chunk(rank, step, n)] for rank in range(n)]
        for rank in range(n):
            chunk = sent_chunk(rank - 1, step, n)
            value = outgoing[rank - 1]
            # bits may not overlap: nobody's number is added twice
            assert step >= n - 1 or held[rank][chunk] & value == 0
            held[rank][chunk] = held[rank][chunk] + value if step < n - 1 else value
        if step == n - 2:
            assert all(held[rank][finished_chunk(rank, n)] == (1 << n) - 1 for rank in range(n))
    return held


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_the_order_of_chunks_adds_everybody_once_and_reaches_everybody(n):
    assert simulate_ring(n) == [[(1 << n) - 1] * n] * n


def test_a_synchronous_shard_waits_for_all_and_takes_the_mean_in_the_workers_order():
    shard = Shard(torch.zeros(2), lr=0.5, workers=2)
    shard.push(1, torch.tensor([4.0, 0.0]), 0)
    assert shard.version == 0
    assert shard.value.tolist() == [0, 0]
    with pytest.raises(ValueError, match="worker 1"):
        shard.push(1, torch.ones(2), 0)
    shard.push(0, torch.tensor([0.0, 2.0]), 0)
    assert shard.version == 1
    assert shard.value.tolist() == [-1, -0.5]
    assert shard.pushes == [(1, 0), (0, 0)]


def test_the_order_of_arrival_does_not_change_a_synchronous_update():
    gradients = [torch.randn(1000) for _ in range(5)]
    results = []
    for order in ([0, 1, 2, 3, 4], [3, 1, 4, 0, 2]):
        shard = Shard(torch.zeros(1000), lr=1.0, workers=5)
        for worker in order:
            shard.push(worker, gradients[worker], 0)
        results.append(shard.value)
    assert torch.equal(*results)


def test_an_asynchronous_shard_updates_at_once_and_notes_the_staleness():
    shard = Shard(torch.zeros(1), lr=1.0, workers=2, synchronous=False)
    for worker, version in ((0, 0), (0, 1), (1, 0)):
        shard.push(worker, torch.ones(1), version)
    assert shard.version == 3
    assert shard.value.item() == -3
    assert shard.pushes == [(0, 0), (0, 0), (1, 2)]


def test_the_mean_staleness_is_the_number_of_other_workers_whatever_their_speeds():
    for durations in ([1.0] * 4, [1.0, 1.1, 1.7, 5.0]):
        pushes = asynchronous_pushes(durations, 4000)
        mean = sum(p.staleness for p in pushes) / len(pushes)
        assert mean <= 3
        assert mean == pytest.approx(3, abs=0.02)
    slow = [p.staleness for p in pushes if p.worker == 3]
    fast = [p.staleness for p in pushes if p.worker == 0]
    assert sum(slow) / len(slow) > 4 * sum(fast) / len(fast)
    assert [p.time for p in pushes] == sorted(p.time for p in pushes)


def test_without_delay_it_is_plain_sgd():
    w = torch.tensor([1.0, -2.0])
    result = delayed_sgd(lambda w, t: w * (t + 1), w, lr=0.1, delays=[0, 0])
    torch.testing.assert_close(result, w * 0.9 * 0.8)


def test_a_delayed_step_uses_the_old_weights():
    w = torch.tensor([1.0])
    # 1 → 1 − .5·1 = .5 → .5 − .5·1 = 0 → 0 − .5·.5 = −.25
    assert delayed_sgd(lambda w, _: w, w, lr=0.5, delays=[1, 1, 1]).item() == -0.25


@pytest.mark.parametrize("delay", [0, 1, 2, 5, 16])
def test_the_critical_rate_parts_convergence_from_divergence(delay):
    def end(rate):
        return (
            delayed_sgd(lambda w, _: w, torch.ones(1).double(), lr=rate, delays=[delay] * 4000).abs().item()
        )

    assert end(0.97 * critical_rate(delay)) < 0.2
    assert not end(1.03 * critical_rate(delay)) < 5


def test_the_critical_rate_is_two_one_and_then_about_pi_over_2d_plus_1():
    assert critical_rate(0) == pytest.approx(2)
    assert critical_rate(1) == pytest.approx(1)
    assert critical_rate(50) == pytest.approx(math.pi / 101, rel=1e-3)


def test_zero_s_memory_is_the_paper_s_figure_1():
    billions = [bytes_per_gpu(7.5e9, 64, stage) / 1e9 for stage in range(4)]
    assert [round(b, 1) for b in billions] == [120.0, 31.4, 16.6, 1.9]
    assert bytes_per_gpu(1, 1, 3) == bytes_per_gpu(1, 1, 0) == 16


def test_zero_s_traffic_is_one_all_reduce_and_half_as_much_again_at_stage_3():
    assert [traffic_per_step(8, 4, stage) for stage in range(4)] == [12, 12, 12, 18]


@pytest.mark.parametrize("formula", [bytes_per_gpu, traffic_per_step])
def test_a_stage_that_does_not_exist_is_an_error(formula):
    with pytest.raises(ValueError, match="4"):
        formula(1, 2, 4)


def test_the_softmax_gradient_is_autograd_s():
    torch.manual_seed(0)
    x, y = torch.randn(7, 1, 3, 2).double(), torch.randint(10, (7,))
    w = torch.randn_like(softmax.start(x)).requires_grad_()
    loss = softmax.loss(w, x, y)
    loss.backward()
    torch.testing.assert_close(softmax.gradient(w.detach(), x, y), w.grad)
    assert softmax.loss(softmax.start(x), x, y).item() == pytest.approx(math.log(10))
