"""The pictures of AlexNet: the towers tell the module's shapes, the filters keep their numbers."""

import torch

from dlnotes.convnets.alexnet import AlexNet
from dlnotes.diagram import alexnet as picture
from dlnotes.trace import trace


def test_towers_show_half_of_every_shape_of_the_module():
    with torch.device("meta"):
        calls = trace(AlexNet(), torch.empty(1, 3, 224, 224))
    shown = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7")
    shapes = [c.output.shape[1:] for c in calls if c.name.rpartition(".")[2] in shown]
    halves = ["×".join(map(str, (s[0] // 2, *s[1:]))) for s in shapes]
    assert [shape for _, shape, _ in picture.TOWERS] == halves
    words = [t.get_text() for t in picture.towers().axes[0].texts]
    assert all(words.count(shape) >= 2 for shape in halves)


def test_filters_are_drawn_side_by_side_each_with_its_own_scale():
    kernels = torch.stack([torch.full((3, 4), 2.0), torch.full((3, 4), -0.5)])
    figure = picture.filters({"一": kernels, "二": 7 * kernels})
    for axes in figure.axes:
        drawn = torch.tensor(axes.images[0].get_array().tolist())
        assert torch.equal(drawn, torch.cat([torch.ones(3, 4), -torch.ones(3, 4)], dim=1))
    assert [axes.get_title() for axes in figure.axes] == ["一", "二"]
