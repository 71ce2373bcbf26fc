"""流水并行的时间表：一批切成几个小段，前一段进了第二块卡，第一块卡就接着算下一段。

论文：Huang et al., "GPipe", NeurIPS 2019, §2.3 与图 2(c)。设每一格的前向、反向各要一个单位时间。
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """一块卡在一个单位时间里做的事。"""

    card: int
    time: int
    micro: int  # 第几个小段
    backward: bool


def schedule(cards: int, micros: int) -> list[Slot]:
    """返回 GPipe 的时间表：全部小段前向，再全部反向；每块卡 2 × ``micros`` 格，其余时间空着。

    ``cards`` 或 ``micros`` 小于 1 时抛出 ``ValueError``。
    """
    if cards < 1 or micros < 1:
        raise ValueError(f"卡数与段数至少是 1，得到 {cards} 与 {micros}")
    turn = cards + micros - 1  # 最后一段在最后一块卡上的前向之后
    forward = [Slot(k, k + m, m, False) for k in range(cards) for m in range(micros)]
    # 反向从最后一块卡、最后一段开始，往回走。
    last = 2 * turn - 1
    return forward + [Slot(slot.card, last - slot.time, slot.micro, True) for slot in forward]


def bubble(cards: int, micros: int) -> float:
    """返回空闲的比例，(K − 1) / (M + K − 1)；由时间表数出来。"""
    slots = schedule(cards, micros)
    length = 1 + max(slot.time for slot in slots)
    return 1 - len(slots) / (cards * length)
