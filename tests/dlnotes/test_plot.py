"""The figures: text stays text, colours carry on both themes, nothing warns (warnings are errors)."""

import io
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb

from dlnotes import diagram, plot, style
from dlnotes.convnets.lenet import LeNet
from dlnotes.cost import layer_table
from dlnotes.data.fashion_mnist import CLASSES
from dlnotes.trace import feature_maps
from dlnotes.train import History

LIGHT, DARK = "#ffffff", "#1e2129"
# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.fixture(autouse=True)
def _style() -> None:
    with plt.rc_context():
        style.use_style()
        yield


def history(epochs: int = 3, loss: float = 1.0) -> History:
    series = tuple(loss / n for n in range(1, epochs + 1))
    return History(series, series, series, series, series, series)


def svg(figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def figures() -> dict[str, object]:
    model = LeNet()
    maps = feature_maps(model, torch.rand(1, 1, 28, 28))
    return {
        "curves": plot.curves({"三个种子": [history(), history(), history(loss=2)], "一个": history()}),
        "sweep": plot.sweep(
            {"甲": {0.1: [0.5, 0.6], 0.9: [0.1]}}, xlabel="学习率", ylabel="精度", chance=0.1
        ),
        "confusion": plot.confusion(torch.eye(10).long() * 900, CLASSES),
        "images": plot.images(torch.rand(7, 1, 28, 28), CLASSES[:7], wrong=[False] * 6 + [True]),
        "feature_maps": plot.feature_maps({name: maps[name] for name in ("c1", "s4")}),
        "kernels": plot.kernels(model.c3.weight),
        "steps": plot.steps({"损失": [2.0, 1.0, 0.5], "死掉的比例": [0.1, 0.5, 0.6]}),
        "lines": plot.lines(
            {"甲": ([1, 2, 3], [1.0, 4.0, 9.0]), "乙": (torch.arange(3), torch.ones(3))},
            xlabel="步",
            ylabel="大小",
            dashed=["乙"],
            levels={"地板": 0.5},
        ),
        "scatter": plot.scatter(
            {"点": (torch.rand(400) + 1, torch.rand(400) + 1)}, xlabel="真值", ylabel="预测", diagonal=True
        ),
        "histograms": plot.histograms(
            {"第 1 层": torch.randn(500), "第 2 层": torch.randn(5, 9)}, xlabel="激活"
        ),
        "bars": plot.bars({"LeNet": 61_706, "多层感知机": 203_530}, xlabel="参数", spec=",.0f"),
        "heat": plot.heat(torch.randn(2, 3), ["行一", "行二"], list("abc"), spec=".2f", signed=True),
        "lenet": diagram.lenet(),
        "responses": diagram.responses(torch.rand(28, 28), torch.randn(2, 5, 5), torch.randn(2, 28, 28)),
        "connections": diagram.connections(torch.eye(6, 16).bool(), xlabel="C3 的通道", ylabel="S2 的通道"),
    }


@pytest.fixture(scope="module")
def drawings() -> dict[str, str]:
    with plt.rc_context():
        style.use_style()
        return {name: svg(figure) for name, figure in figures().items()}


def test_chinese_stays_text(drawings):
    expected = {
        "curves": ["三个种子", "训练", "验证", "损失"],
        "sweep": ["学习率", "瞎猜"],
        "confusion": [*CLASSES, "真实", "预测"],
        "images": ["T恤", "衬衫 ×"],
        "feature_maps": ["c1：6 个 28×28"],
        "kernels": ["输出通道"],
        "lines": ["甲", "地板", "大小"],
        "histograms": ["第 2 层", "激活"],
        "bars": ["203,530", "参数"],
        "heat": ["行二"],
        "lenet": ["卷积", "全连接", "输出"],
    }
    for name, words in expected.items():
        for word in words:
            assert f">{word}</" in drawings[name], (name, word)


def test_every_figure_has_a_transparent_background(drawings):
    for name, drawing in drawings.items():
        assert "fill: #ffffff" not in drawing, name


def test_text_has_the_colour_that_the_site_replaces(drawings):
    for name in ("curves", "sweep", "confusion", "images", "feature_maps", "lenet"):
        assert f"fill: {style.INK}" in drawings[name], name
        assert "#000000" not in drawings[name], name


def test_the_same_figure_gives_the_same_file(drawings):
    assert svg(plot.confusion(torch.eye(10).long() * 900, CLASSES)) == drawings["confusion"]


def test_figures_are_small(drawings):
    for name, drawing in drawings.items():
        assert len(drawing) < 60_000, (name, len(drawing))


def test_no_figure_stays_open():
    figures()
    assert plt.get_fignums() == []


def test_divergence_is_drawn_and_named():
    nan, inf = math.nan, math.inf
    lost = History((nan,), (2.0, nan), (0.1, 0.1), (inf, nan), (0.1, 0.1), (1.0, 1.0))
    for value in (lost, [lost, lost]):
        assert ">ReLU（发散）</" in svg(plot.curves({"ReLU": value, "sigmoid": history(2)}))


def test_one_epoch_is_visible_as_a_point():
    assert "<use" in svg(plot.curves({"一轮": history(1)}))


def test_more_lines_than_colours_is_an_error():
    with pytest.raises(ValueError, match="1 到 4 条线，得到 5 条"):
        plot.curves({str(n): history() for n in range(5)})


def test_an_axis_in_log_is_x_or_y():
    with pytest.raises(ValueError, match="'z'"):
        plot.lines({"甲": ([1, 2], [1, 2])}, xlabel="", ylabel="", log="z")


def test_histograms_leave_out_what_is_beyond_the_limits():
    values = torch.tensor([0.1, 0.2, 0.9, 50.0])
    (axes,) = plot.histograms({"甲": values}, xlabel="", bins=2, limits=(0, 1)).axes
    assert axes.patches[0].get_data().values.tolist() == [2, 1]


def test_a_heat_map_is_symmetric_around_zero_where_signs_matter():
    (axes,) = plot.heat(torch.tensor([[-1.0, 3.0]]), signed=True).axes
    assert axes.images[0].get_clim() == (-3, 3)


def test_confusion_needs_a_name_for_each_row():
    with pytest.raises(ValueError, match="2 个类"):
        plot.confusion(torch.eye(3), ["甲", "乙"])


def test_the_diagram_shows_the_shapes_of_the_model():
    table = layer_table(LeNet(), torch.zeros(1, 1, 28, 28))
    computed = table.loc[table["层"] != "flatten", "输出形状"].tolist()
    assert ["×".join(map(str, shape)) for _, _, shape in diagram.LENET[1:]] == computed


@pytest.mark.parametrize("color", style.COLORS)
@pytest.mark.parametrize("background", [LIGHT, DARK])
def test_data_colours_stand_out_on_both_themes(color, background):
    assert contrast(color, background) >= 3


@pytest.mark.parametrize("vision", VISIONS)
def test_data_colours_differ_to_every_kind_of_eye(vision):
    seen = [lab_color(np.clip(VISIONS[vision] @ linear(color), 0, 1)) for color in style.COLORS]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > 20  # ΔE (CIE 1976); 2.3 is just noticeable


@pytest.mark.parametrize(("background", "ink"), [(LIGHT, style.INK), (DARK, "#c8cad2")])
def test_counts_are_readable_on_the_darkest_cell_of_a_heat_map(background, ink):
    *rgb, alpha = style.HEAT(1.0)
    cell = np.array(rgb) * alpha + np.array(to_rgb(background)) * (1 - alpha)
    assert contrast(ink, to_hex(cell)) >= 4.5


def linear(color: str) -> np.ndarray:
    c = np.array(to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG 2 contrast ratio."""
    low, high = sorted(linear(color) @ [0.2126, 0.7152, 0.0722] for color in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab_color(rgb: np.ndarray) -> np.ndarray:
    """Linear RGB to CIE L*a*b* (D65)."""
    xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ rgb
    f = [v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz / [0.9505, 1, 1.089]]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
