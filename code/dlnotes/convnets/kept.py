"""训练时要留着多少激活：前向算出的张量，有一部分要等反向用完才能放掉。

来源：PyTorch 文档 “Autograd mechanics” 的 Saved tensors 一节；这里用它的钩子
``torch.autograd.graph.saved_tensors_hooks`` 数，不靠逐层手算。
"""

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef


def kept_bytes(layers: nn.Sequential, x: Tensor) -> dict[str, int]:
    """逐个运行 ``layers`` 的子模块，返回每个为反向多留下的字节数；参数不算，共用的内存只算第一次。

    后一层的输入就是前一层的输出；谁先要求留下它，就记在谁的名下。张量可以都在 ``meta`` 设备上：只有形状，
    不花时间也不占内存。

    形状:
        x: (N, ...)，第一个子模块的输入；它自己被留下时也算。
    """
    parameters = {_storage(parameter) for parameter in layers.parameters()}
    seen: dict[StorageWeakRef, Tensor] = {}  # 值让内存活着，地址不会被复用
    counted: dict[str, int] = {}
    for name, layer in layers.named_children():
        before = set(seen)

        def keep(tensor: Tensor) -> Tensor:
            seen.setdefault(_storage(tensor), tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            x = layer(x)
        fresh = set(seen) - before - parameters
        counted[name] = sum(seen[key].untyped_storage().nbytes() for key in fresh)
    return counted


def _storage(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())
