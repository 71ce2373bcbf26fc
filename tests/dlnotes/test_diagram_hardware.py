"""The pictures of hardware: every level and every operation is there, and the roof stands where it should."""

import pytest

from dlnotes import lab
from dlnotes.diagram import hardware as pictures
from dlnotes.hardware.roofline import Roofline


@pytest.fixture(autouse=True)
def _style():
    lab.start()


def test_the_board_names_every_level():
    (axes,) = pictures.machine().axes
    said = " ".join(text.get_text() for text in axes.texts)
    for name, latency in (*pictures.CPU, *pictures.GPU):
        assert name in said
        assert latency in said


def test_boxes_of_the_board_do_not_overlap():
    (axes,) = pictures.machine().axes
    boxes = [
        (p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in axes.patches
    ]
    for i, (left, low, right, high) in enumerate(boxes):
        for other in boxes[i + 1 :]:
            apart = right <= other[0] or other[2] <= left or high <= other[1] or other[3] <= low
            assert apart, (i, other)


def test_points_lie_where_they_were_measured_and_the_roof_above():
    roof, cache = Roofline(1e11, 1e10), Roofline(1e11, 5e10)
    points = {"axpy": (1 / 6, 1e9), "matmul": (100.0, 9e10)}
    figure = pictures.roofline(roof, points, cache=cache)
    (axes,) = figure.axes
    drawn = {line.get_label(): line for line in axes.lines}
    for name, (intensity, speed) in points.items():
        assert drawn[name].get_xdata() == [intensity]
        assert drawn[name].get_ydata() == [speed / 1e9]
    assert drawn["内存的屋顶"].get_ydata().max() == pytest.approx(100)
    assert (drawn["缓存的屋顶"].get_ydata() >= drawn["内存的屋顶"].get_ydata()).all()
    assert drawn["axpy"].get_color() != drawn["matmul"].get_color()


def test_more_points_than_letters_is_an_error():
    with pytest.raises(ValueError, match="26"):
        pictures.roofline(Roofline(1, 1), {str(i): (1.0, 1.0) for i in range(27)})
