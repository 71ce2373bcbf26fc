"""通信要多久：把传输的数据除以带宽，看哪一条链路最忙。算例取自《动手学深度学习》12.7 节。

单位：字节、字节每秒、秒。只数传输；每条消息的固定开销由 ``latency`` 给出，不给时当作 0。
"""

GB = 1e9
MB = 1e6


def transfer(size: float, bandwidth: float) -> float:
    """返回一条链路传完 ``size`` 字节要几秒；例如 160 MB、16 GB/s 是 10 ms。"""
    return size / bandwidth


def to_one_card(size: float, n: int, bandwidth: float) -> float:
    """n 张卡，一张当服务器：它先逐一收下其余 n − 1 份梯度，再把参数逐一发回去。"""
    return 2 * (n - 1) * transfer(size, bandwidth)


def through_cpu(size: float, n: int, bandwidth: float) -> float:
    """CPU 当服务器：n 张卡都要把梯度送去，再把参数取回来。"""
    return 2 * n * transfer(size, bandwidth)


def sharded(size: float, n: int, bandwidth: float) -> float:
    """梯度切成 n 片，第 k 张卡只管第 k 片；每张卡的链路上，同一时刻都有一片在进、一片在出。"""
    return 2 * (n - 1) * transfer(size / n, bandwidth)


def ring(size: float, n: int, bandwidth: float, latency: float = 0.0) -> float:
    """环形 all-reduce：2(n − 1) 步，每步传 1/n；n 很大时趋于 2·size/bandwidth，与卡数无关。"""
    return 2 * (n - 1) * (transfer(size / n, bandwidth) + latency)


def step_time(compute: float, communicate: float, *, overlapped: bool) -> float:
    """返回一步要几秒：计算与通信完全重叠时是两者的较大者，完全不重叠时是两者之和。"""
    return max(compute, communicate) if overlapped else compute + communicate


def speedup(
    n: int,
    *,
    compute: float,
    size: float,
    bandwidth: float,
    latency: float = 0.0,
    overlapped: bool = False,
    fixed_total: bool = False,
) -> float:
    """返回 n 台机器每秒处理的样本是一台的几倍；一台机器时没有通信。

    参数:
        compute: 一台机器算一步的秒数。
        fixed_total: 真时总批量不变，每台只分到 1/n（计算也只要 1/n）；假时每台的批量不变，总批量是 n 倍。
    """
    own = compute / n if fixed_total else compute
    step = step_time(own, ring(size, n, bandwidth, latency), overlapped=overlapped)
    return compute / step * (1 if fixed_total else n)
