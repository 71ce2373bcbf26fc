"""图的样式：同一张 SVG 嵌进页面后，在浅色与深色主题下都看得清。

背景透明；文字与坐标轴用 ``INK``，网格用 ``FAINT``，建站时换成页面自己的颜色；数据用中间亮度的颜色。
"""

from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
from cycler import cycler
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap, to_rgb

INK = "#1f2328"
FAINT = "#8b949e"
# 与白底 #ffffff、深底 #1e2129 的对比度都不低于 3；三种色觉障碍下两两仍分得开。
COLORS = ("#1e78d2", "#d25a00", "#b478a5", "#879669")
BLUE, ORANGE = COLORS[:2]
MARKERS = ("o", "s", "^", "D")  # 颜色之外再加一种区别

WIDTH = 5.0  # 英寸。手机上一列约 330 像素，10 磅的字缩小后仍可读


def _fade(name: str, color: str, alpha: float = 0.6) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list(name, [(*to_rgb(color), 0.0), (*to_rgb(color), alpha)])


# 热图从全透明到半透明的蓝：0 就是页面的底色，格里的字在两种主题下都读得出。
HEAT = _fade("heat", BLUE)
# 有正负的量：橙是负，蓝是正，0 透明。
SIGNED = LinearSegmentedColormap.from_list(
    "signed", [(*to_rgb(ORANGE), 1.0), (*to_rgb(ORANGE), 0.0), (*to_rgb(BLUE), 0.0), (*to_rgb(BLUE), 1.0)]
)

CJK_FAMILIES = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
)


def use_style() -> None:
    """把样式写进 matplotlib 的全局设置；重复调用没有副作用。"""
    mpl.rcParams.update(
        {
            "font.family": "sans-serif",
            "font.sans-serif": [*chinese_fonts(), "DejaVu Sans"],
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.unicode_minus": False,  # 中文字体多半没有 U+2212
            "svg.fonttype": "none",  # 字仍是字：可选、可搜，也小得多
            "svg.hashsalt": "dlnotes",  # 元素的 id 不随运行而变
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "text.color": INK,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.grid": True,
            "grid.color": FAINT,
            "grid.alpha": 0.3,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=COLORS),
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "image.interpolation": "none",  # 像素原样嵌入，由浏览器放大
        }
    )


def chinese_fonts() -> list[str]:
    """返回可用的中文字体名，至多一个：先是 mplfonts 包带的那一个，再是系统里的；都没有时为空。"""
    spec = find_spec("mplfonts")  # 只借它的字体文件；导入它会改动全局设置
    if spec and CJK_FAMILIES[0] not in font_manager.get_font_names():
        for folder in spec.submodule_search_locations or []:
            font_manager.fontManager.addfont(Path(folder) / "fonts" / "NotoSansCJKsc-Regular.otf")
    installed = set(font_manager.get_font_names())
    return [family for family in CJK_FAMILIES if family in installed][:1]
