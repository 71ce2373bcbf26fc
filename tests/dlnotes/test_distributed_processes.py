"""Distributed training in real processes: what they compute together is what one process computes alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from dlnotes.distributed import jobs, softmax, train_ddp
from dlnotes.distributed.ring import finished_chunk
from dlnotes.processes import run_processes

SIZES = (1, 2, 3, 7, 1000)  # fewer than the processes, as many, and not divisible by them


@pytest.fixture(scope="module")
def reduced():
    return run_processes(jobs.all_reduce, 3, SIZES)


def test_the_ring_is_all_reduce_whatever_the_size(reduced):
    for results in reduced:
        for result in results:
            torch.testing.assert_close(result.ours, result.theirs, rtol=1e-12, atol=1e-12)


def test_every_process_has_the_same_bits(reduced):
    for k in range(len(SIZES)):
        assert all(torch.equal(results[k].ours, reduced[0][k].ours) for results in reduced)


def test_the_bytes_are_two_times_n_minus_1_over_n(reduced):
    n = len(reduced)
    for k, size in enumerate(SIZES):
        chunks = [len(chunk) for chunk in torch.zeros(size).tensor_split(n)]
        for rank, results in enumerate(reduced):
            # every chunk goes out twice, but for one that is complete here and one that is complete next door
            own, next_door = finished_chunk(rank, n), finished_chunk(rank + 1, n)
            assert results[k].traffic.sent == 8 * (2 * size - chunks[own] - chunks[next_door])
        assert sum(results[k].traffic.sent for results in reduced) == 8 * 2 * (n - 1) * size
        assert sum(results[k].traffic.received for results in reduced) == 8 * 2 * (n - 1) * size
    assert reduced[0][2].traffic.sent == 8 * 2 * 2 / 3 * SIZES[2]


def small_batches():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 12, 6, dtype=torch.float64, generator=generator)
    y = torch.randint(10, (5, 12), generator=generator)
    return list(zip(x, y, strict=True))


def test_a_synchronous_parameter_server_is_sgd_on_the_whole_batch():
    batches = small_batches()
    results = run_processes(jobs.parameter_server, 5, 2, batches, 0.5, 7, True)
    alone = softmax.start(batches[0][0])
    for step in range(7):
        alone = alone - 0.5 * softmax.gradient(alone, *batches[step % 5])
    shards = [results[0].value, results[1].value]
    assert [len(shard) for shard in shards] == [35, 35]
    torch.testing.assert_close(torch.cat(shards), alone, rtol=1e-12, atol=1e-12)
    assert all(
        {old for _, old in server.pushes} == {0} and len(server.pushes) == 21 for server in results[:2]
    )
    assert [len(worker.finished) for worker in results[2:]] == [7, 7, 7]


def test_an_asynchronous_one_does_not_wait_and_is_stale():
    pauses = (0.0, 0.0, 0.1)
    server, *workers = run_processes(jobs.parameter_server, 4, 1, small_batches(), 0.1, 60, False, pauses)
    assert len(server.pushes) == sum(len(worker.finished) for worker in workers) >= 60
    assert 0 < sum(old for _, old in server.pushes) / len(server.pushes) <= 2  # at most the number of others
    assert len(workers[2].finished) < len(workers[0].finished)
    ages = [[old for who, old in server.pushes if who == w] for w in range(3)]
    assert [len(each) for each in ages] == [len(worker.finished) for worker in workers]
    assert sum(ages[2]) / len(ages[2]) > sum(ages[0] + ages[1]) / len(ages[0] + ages[1])


def test_four_ways_of_data_parallel_training_are_one():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(64, 1, 28, 28, dtype=torch.float64, generator=generator)
    y = torch.randint(10, (64,), generator=generator)
    results = run_processes(jobs.train_four_ways, 2, x, y, 3, 8)
    whole = 784 * 8 + 8 + 8 * 10 + 10
    for method in jobs.METHODS:
        for process in results:
            torch.testing.assert_close(
                process[method].weights, results[0]["DDP"].weights, rtol=1e-4, atol=1e-5
            )
        parameters = sum(process[method].parameters for process in results)
        states = sum(process[method].states for process in results)
        assert parameters == (whole if method == "FSDP2" else 2 * whole)
        assert states == (2 * whole if method in ("ZeRO-1", "FSDP2") else 4 * whole)


def alone():
    """The same steps in one process: a batch is what both processes saw together."""
    model, data = train_ddp.network(), train_ddp.teacher_data()
    optimizer = torch.optim.SGD(model.parameters(), lr=train_ddp.LR, momentum=0.9)
    together = 2 * train_ddp.BATCH
    for step in range(train_ddp.STEPS):
        epoch, k = divmod(step, len(data) // together)
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(epoch))
        x, y = data[order[k * together : (k + 1) * together]]
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.state_dict()


def test_torchrun_starts_again_from_the_checkpoint_and_ends_where_one_process_ends(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["--max-restarts=1", "-m", "dlnotes.distributed.train_ddp", str(tmp_path), "--die-at=6"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(train_ddp.__file__).parents[2]),
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # else a restart may read the addresses of the dead
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "resumed.txt").read_text() == "4"
    final = torch.load(tmp_path / "final.pt")
    torch.testing.assert_close(final, alone(), rtol=1e-10, atol=1e-12)
