"""用 DDP 训练 LeNet 的完整脚本，每块卡一个进程，由 torchrun 启动；没有 GPU 就用 gloo 在 CPU 上跑。

torchrun --standalone --nproc-per-node=2 -m dlnotes.parallel.train_ddp --epochs 10
"""

import argparse
import os

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, TensorDataset

from dlnotes.data import fashion_mnist
from dlnotes.data.batch import take
from dlnotes.parallel.scratch import lenet_module
from dlnotes.train import evaluate


def main() -> None:
    """训练若干轮，由 0 号进程在每轮末打印验证精度。"""
    options = _options()
    rank, local = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])  # torchrun 设好的
    world_size = int(os.environ["WORLD_SIZE"])
    gpu = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if gpu else "gloo")

    data = fashion_mnist.load()
    train = take(data.train, options.images or len(data.train))
    loader, sampler = shard(train, rank, world_size, options.batch_size)
    torch.manual_seed(0)  # DDP 会广播 rank 0 的参数，同一个种子只是为了重现
    model = DistributedDataParallel(lenet_module().to(device), device_ids=[local] if gpu else None)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr)
    for epoch in range(options.epochs):
        sampler.set_epoch(epoch)  # 忘了它，每一轮的次序都一样
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x.to(device)), y.to(device)).backward()
            optimizer.step()
        if rank == 0:  # 各卡的模型一样，评估、打印、存盘只要一个进程做
            accuracy = evaluate(model.module, data.val).accuracy
            print(f"第 {epoch + 1} 轮，{world_size} 个进程，验证精度 {accuracy:.3f}", flush=True)
    dist.destroy_process_group()


def shard(
    data: TensorDataset, rank: int, world_size: int, batch_size: int
) -> tuple[DataLoader[tuple[Tensor, ...]], DistributedSampler[int]]:
    """返回进程 ``rank`` 的数据与采样器；``batch_size`` 是各进程加起来的批量，须是 ``world_size`` 的倍数。"""
    if batch_size % world_size:
        raise ValueError(f"批量 {batch_size} 不能平分给 {world_size} 个进程")
    sampler: DistributedSampler[int] = DistributedSampler(data, world_size, rank, seed=0)
    order = BatchSampler(sampler, batch_size // world_size, drop_last=False)
    return DataLoader(data, sampler=order, batch_size=None), sampler


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.2)
    parser.add_argument("--images", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    main()
