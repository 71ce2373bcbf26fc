"""The two parts of every schematic: a box stands where it is put, an arrow ends where it points."""

import pytest
from matplotlib.colors import to_rgba

from dlnotes.diagram.shapes import arrow, box
from dlnotes.plot import canvas
from dlnotes.style import BLUE, ORANGE


@pytest.fixture
def axes():
    drawn = canvas(2).add_subplot()
    drawn.set(xlim=(0, 10), ylim=(0, 10))
    return drawn


def test_a_box_is_centred_with_its_label(axes):
    box(axes, (3, 5), (2, 1), "卷积", BLUE, opacity=0.25)
    (patch,) = axes.patches
    assert patch.get_path().get_extents().bounds == pytest.approx((2, 4.5, 2, 1))
    assert patch.get_facecolor() == pytest.approx(to_rgba(BLUE, 0.25))
    assert patch.get_edgecolor() == pytest.approx(to_rgba(BLUE))
    (label,) = axes.texts
    assert (label.get_position(), label.get_text()) == ((3, 5), "卷积")
    assert (label.get_ha(), label.get_va()) == ("center", "center")


@pytest.mark.parametrize(("both", "style"), [(False, "->"), (True, "<->")])
def test_an_arrow_runs_from_start_to_end(axes, both, style):
    arrow(axes, (1, 2), (7, 8), ORANGE, both=both)
    (drawn,) = axes.texts
    assert (drawn.xyann, drawn.xy) == ((1, 2), (7, 8))
    assert drawn.arrow_patch.get_edgecolor() == pytest.approx(to_rgba(ORANGE))
    assert drawn.arrowprops["arrowstyle"] == style
