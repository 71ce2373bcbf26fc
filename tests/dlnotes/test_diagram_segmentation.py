"""Pictures of segmentation: every class in its colour, every figure drawn."""

import pytest
import torch
from matplotlib.colors import to_rgb

from dlnotes.diagram import segmentation as diagram
from dlnotes.vision.pixel_labels import IGNORE


def test_a_class_is_painted_background_is_grey_and_void_white():
    image = torch.rand(3, 2, 3)
    labels = torch.tensor([[0, 1, 5], [IGNORE, 2, 0]])
    painted = diagram.overlay(image, labels, opacity=1.0)
    for (y, x), k in (((0, 1), 1), ((0, 2), 5), ((1, 1), 2)):
        assert painted[:, y, x].tolist() == pytest.approx(to_rgb(diagram.CLASS_COLORS[k - 1]))
    assert painted[:, 1, 0].tolist() == [1, 1, 1]
    grey = painted[:, 0, 0]
    assert grey.tolist() == pytest.approx([0.6 * image[:, 0, 0].mean().item()] * 3)
    assert (painted >= 0).all()
    with pytest.raises(IndexError):
        diagram.overlay(image, labels.where(labels != 5, torch.tensor(6)))


def test_one_cell_for_each_picture_and_a_legend_of_the_classes():
    image, labels = torch.rand(3, 8, 8), torch.zeros(8, 8, dtype=torch.long)
    figure = diagram.masks([(image, [labels, labels])] * 2, ("a", "b", "c"), ("k", "l"), void=True)
    assert len(figure.axes) == 6
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["k", "l", "不算（255）"]
    with pytest.raises(ValueError, match="3 个题目"):
        diagram.masks([(image, [labels])], ("a", "b", "c"), ("k",))


def test_the_stamps_show_the_worked_example():
    x = torch.tensor([[0.0, 1], [2, 3]])
    texts = [t.get_text() for t in diagram.stamps(x, x).axes[0].texts]
    assert {"12", "9", "3 × 核"} <= set(texts)
    names = [t.get_text() for t in diagram.skips().axes[0].texts]
    assert {"FCN-32s", "FCN-16s", "FCN-8s"} <= set(names)


def test_numbers_and_photos_side_by_side():
    figure = diagram.panels_of([torch.rand(4, 5), torch.rand(3, 4, 5)], ["a", "b"], columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    assert all(len(axes.images) == 1 for axes in figure.axes)
