"""Functions that tests run in other processes: those import this file by its own name."""

import os
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor


def meet(rank: int, world_size: int, x: Tensor) -> tuple[int, int, int, Tensor]:
    """Add up the ranks' tensors in place; return who we are, our threads, and the sum."""
    x.mul_(rank + 1)
    dist.all_reduce(x)
    return rank, dist.get_world_size(), torch.get_num_threads(), x


def fail_in_last(rank: int, world_size: int) -> None:
    """Raise in the last process while the others wait for it."""
    if rank == world_size - 1:
        raise ZeroDivisionError("the last one fails")
    dist.barrier()


def die(rank: int, world_size: int) -> None:
    """End without a word."""
    os._exit(7)


def stay(rank: int, world_size: int, file: Path) -> None:
    """Say our number in *file*, then stay for long."""
    new = file.with_suffix(f".{rank}")  # each its own: two may write at once
    new.write_text(str(os.getpid()))
    new.replace(file)
    time.sleep(600)
