"""用 torchrun 启动的训练脚本：DDP，每几步存一次检查点，死了从检查点接着训。

    torchrun --nproc-per-node=2 --max-restarts=1 -m dlnotes.distributed.train_ddp 文件夹

torchrun 给每个进程设好 RANK、WORLD_SIZE、MASTER_ADDR；有进程死了，就全部结束、重启，至多 max-restarts 次。
启动前设 TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1：否则重启的进程会读到死者留下的地址，有时连不上
（PyTorch 的 issue 135712；2.14 里仍遇得到）。
"""

import argparse
import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

STEPS, BATCH, LR, EVERY = 12, 16, 0.1, 4  # 共几步；每个进程每步几个样本；学习率；每几步存一次


def teacher_data(n: int = 96) -> TensorDataset:
    """返回 ``n`` 个样本的双精度小数据：标签由一个固定的随机线性函数给出，3 类。"""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 8, dtype=torch.float64, generator=generator)
    return TensorDataset(x, (x @ torch.randn(8, 3, dtype=torch.float64, generator=generator)).argmax(1))


def network() -> nn.Module:
    """返回双精度的小网络；种子固定，每个进程造出来的都一样。"""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)).double()


def train(folder: Path, die_at: int) -> None:
    """训练 ``STEPS`` 步，最后的参数写进 ``folder / "final.pt"``；有检查点就从那里开始。

    参数:
        die_at: 第一次启动时，进程 1 做完这么多步就突然死去，扮演坏掉的机器；0 表示不死。
    """
    torch.set_num_threads(1)
    dist.init_process_group("gloo")  # 有 GPU 时写 "nccl"，并把模型与数据移到 LOCAL_RANK 那块卡
    rank, life = dist.get_rank(), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    model = DistributedDataParallel(network())
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9)
    data = teacher_data()
    sampler: DistributedSampler[tuple[torch.Tensor, ...]] = DistributedSampler(data, seed=0)
    loader = DataLoader(data, BATCH, sampler=sampler, drop_last=True)

    step, checkpoint = 0, folder / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.module.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])  # 动量也是状态，漏了它就接不上
        step = saved["step"]
        if rank == 0:
            (folder / "resumed.txt").write_text(str(step))
    while step < STEPS:
        epoch, skip = divmod(step, len(loader))
        sampler.set_epoch(epoch)  # 次序由轮数决定：重启之后，接着的还是同样的样本
        for k, (x, y) in enumerate(loader):
            if k < skip or step == STEPS:
                continue
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            step += 1
            if rank == 0 and step % EVERY == 0:
                state = {
                    "model": model.module.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "step": step,
                }
                torch.save(state, folder / "half.pt")
                (folder / "half.pt").replace(checkpoint)  # 改名是一瞬间的事：死在半路，旧的也还在
            if rank == 1 and step == die_at and life == 0:
                os._exit(1)
    if rank == 0:
        torch.save(model.module.state_dict(), folder / "final.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--die-at", type=int, default=0)
    options = parser.parse_args()
    train(options.folder, options.die_at)
