"""每读一次都重新解码、重新变换：训练集的增广就发生在这里。"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from torch.utils.data import Dataset
from torchvision.transforms.v2.functional import pil_to_tensor


class Reads(Dataset[Any]):
    """同一组图片文件循环读 ``length`` 次，每次解码成 (3, H, W) 的 uint8，再过一遍 ``transform``。

    文件名是空的时抛出 ``ValueError``。
    """

    def __init__(self, paths: list[Path], length: int, transform: Callable[[Any], Any]) -> None:
        if not paths:
            raise ValueError("一个文件也没有")
        self.paths, self.length, self.transform = paths, length, transform

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self.length:
            raise IndexError(index)
        with Image.open(self.paths[index % len(self.paths)]) as image:
            return self.transform(pil_to_tensor(image.convert("RGB")))
