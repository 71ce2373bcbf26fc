"""实验台：一次运行在哪个设备上、跑多大、从哪个随机种子开始。

模型与训练代码不选设备、不设种子；这两件事只在这里做。两个环境变量：
    DLNOTES_PROFILE: ``quick`` 或 ``full``；默认有 CUDA 时 ``full``，否则 ``quick``。
    DLNOTES_DEVICE: ``auto``、``cpu``、``cuda`` 或 ``mps``；默认 ``auto``，按 cuda、mps、cpu 的次序选。
"""

import os
import platform
import random
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from dlnotes.style import use_style

T = TypeVar("T")

PROFILES = ("quick", "full")
DEVICES = ("auto", "cpu", "cuda", "mps")


def start(seed: int = 0) -> None:
    """在笔记的开头调用一次：检查环境变量，设随机种子，套用绘图样式。

    环境变量的值不对时抛出 ``ValueError``，要求的设备不存在时抛出 ``RuntimeError``。
    """
    profile()
    set_seed(seed)
    use_style()


def set_seed(seed: int) -> None:
    """给 Python、NumPy、PyTorch（含全部 GPU）的全局随机数发生器设同一个种子。"""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device() -> torch.device:
    """返回这次运行的设备。

    ``DLNOTES_DEVICE`` 的值不对时抛出 ``ValueError``，要求的设备不存在时抛出 ``RuntimeError``。
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    asked = _choice("DLNOTES_DEVICE", DEVICES, default="auto")
    if asked == "auto":
        asked = next(name for name, there in available.items() if there)
    if not available[asked]:
        raise RuntimeError(
            f"DLNOTES_DEVICE={asked}，但 PyTorch {torch.__version__} 在这台机器上找不到它；"
            f"可用的有 {'、'.join(name for name, there in available.items() if there)}"
        )
    return torch.device(asked)


def profile() -> str:
    """返回这次运行的规模，``quick`` 或 ``full``；``DLNOTES_PROFILE`` 的值不对时抛出 ``ValueError``。"""
    return _choice("DLNOTES_PROFILE", PROFILES, default="full" if device().type == "cuda" else "quick")


def pick(*, quick: T, full: T) -> T:
    """按规模二选一，例如 ``epochs = pick(quick=2, full=10)``。"""
    return full if profile() == "full" else quick


def environment() -> dict[str, str]:
    """返回这次运行的环境：要求的设备、用的设备与型号、线程数、规模、种子、Python 与各个包的版本。"""
    found = {
        "device": device().type,
        "device_asked": _choice("DLNOTES_DEVICE", DEVICES, default="auto"),
        "device_name": device_name(),
        "profile": profile(),
        "python": platform.python_version(),
        "seed": str(torch.initial_seed()),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
    }
    if device().type == "cuda":
        found["driver"] = str(torch.version.cuda)
    return found


def device_name() -> str:
    """返回设备给人看的名字；CPU 后面附上可用的核数。"""
    if device().type == "cuda":
        return torch.cuda.get_device_name()
    name = _cpu_name()
    return name if device().type == "mps" else f"{name}，{_cores()} 核"


def _choice(variable: str, choices: tuple[str, ...], default: str) -> str:
    value = os.environ.get(variable) or default
    if value not in choices:
        raise ValueError(f"环境变量 {variable}={value!r} 无效，应是 {'、'.join(choices)} 之一")
    return value


def _cpu_name() -> str:
    # platform.processor() 在 Linux 上常是空的，在 macOS 上只有“arm”：各系统自己的来源更准。
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    # 容器与作业系统常常只分给进程一部分核。
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
