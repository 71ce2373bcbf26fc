"""日期的两种写法：二〇二六年十一月二十六日 ↔ 2026-11-26；每个数字从哪几个字来，是知道的。"""

import calendar
from datetime import date
from random import Random

NUMERALS = "〇一二三四五六七八九"


def spoken(day: date) -> str:
    """中文写法：年逐位，月与日按数读；9 到 12 个字。"""
    year = "".join(NUMERALS[int(digit)] for digit in f"{day.year:04d}")
    return f"{year}年{_number(day.month)}月{_number(day.day)}日"


def written(day: date) -> str:
    """ISO 8601 的写法，总是 10 个字符。"""
    return day.isoformat()


def draw(count: int, generator: Random, *, years: tuple[int, int] = (1000, 2999)) -> list[date]:
    """均匀地抽 ``count`` 个年、月，再抽日；``years`` 的两端都算。"""
    days = []
    for _ in range(count):
        year, month = generator.randint(*years), generator.randint(1, 12)
        days.append(date(year, month, generator.randint(1, calendar.monthrange(year, month)[1])))
    return days


def origins(day: date) -> list[range]:
    """``written`` 的每个字符由 ``spoken`` 的哪些字决定；连字符算在后面的月或日里。"""
    text = spoken(day)
    month, end = text.index("年") + 1, text.index("月") + 1
    parts = range(month, end), range(end, len(text))
    return [*(range(i, i + 1) for i in range(4)), *[parts[0]] * 3, *[parts[1]] * 3]


def _number(n: int) -> str:
    """1 到 31：十、十一、二十、二十一……"""
    tens, ones = divmod(n, 10)
    return ("" if tens < 2 else NUMERALS[tens]) + "十" * (tens > 0) + (NUMERALS[ones] if ones else "")
