"""The picture of several networks: where each stands, how large, and that its name stays inside."""

import pytest

from dlnotes.diagram.networks import Place, landscape
from dlnotes.metrics import Spread

PLACES = {
    "小": Place(1e5, Spread(0.7, 0.01), 1_000),
    "中": Place(1e7, Spread(0.8, 0.02), 50_000),
    "大": Place(1e9, Spread(0.9, 0.01), 100_000),
}


def test_every_network_stands_where_its_cost_and_score_say():
    (axes,) = landscape(PLACES, xlabel="乘加", ylabel="精度").axes
    circles = axes.collections[1::2]
    assert [tuple(c.get_offsets()[0]) for c in circles] == [(p.cost, p.score.mean) for p in PLACES.values()]
    areas = [c.get_sizes()[0] for c in circles]
    assert areas[2] / areas[1] == pytest.approx(2)
    assert axes.get_xscale() == "log"


def test_names_are_written_towards_the_middle():
    (axes,) = landscape(PLACES, xlabel="乘加", ylabel="精度").axes
    assert [(text.get_text(), text.get_ha()) for text in axes.texts] == [
        ("小", "left"),
        ("中", "left"),
        ("大", "right"),
    ]
