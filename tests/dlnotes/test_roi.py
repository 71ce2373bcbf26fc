"""Both region operations equal torchvision's, values and gradients."""

import pytest
import torch
from torchvision import ops

from dlnotes.vision.roi import roi_align, roi_pool


def regions(seed: int, n: int = 40) -> torch.Tensor:
    """Boxes on a picture of 96 × 128, some beyond its edges, some tiny."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=generator) * torch.tensor([140.0, 110.0]) - 10
    size = torch.rand(n, 2, generator=generator) ** 2 * 90
    image = torch.randint(0, 2, (n, 1), generator=generator)
    return torch.cat([image, corner, corner + size], dim=1)


@pytest.fixture
def features() -> torch.Tensor:
    return torch.rand(2, 3, 12, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("output", [(2, 2), (7, 7), (3, 5)])
@pytest.mark.parametrize("seed", range(3))
def test_pool_is_torchvisions(features, seed, output):
    rois = regions(seed)
    expected = ops.roi_pool(features, rois, output, spatial_scale=1 / 8)
    torch.testing.assert_close(roi_pool(features, rois, output, 1 / 8), expected)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sampling_ratio", [-1, 1, 2, 3])
@pytest.mark.parametrize("output", [(2, 2), (7, 7), (3, 5)])
def test_align_is_torchvisions(features, output, sampling_ratio, aligned):
    rois = regions(0)
    expected = ops.roi_align(features, rois, output, 1 / 8, sampling_ratio, aligned)
    ours = roi_align(features, rois, output, 1 / 8, sampling_ratio, aligned)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)


def test_gradients_are_torchvisions(features):
    rois = regions(2, 8)
    for ours, theirs in (
        (lambda f: roi_pool(f, rois, (3, 3), 1 / 8), lambda f: ops.roi_pool(f, rois, (3, 3), 1 / 8)),
        (
            lambda f: roi_align(f, rois, (3, 3), 1 / 8, 2, True),
            lambda f: ops.roi_align(f, rois, (3, 3), 1 / 8, 2, True),
        ),
    ):
        grads = []
        for function in (ours, theirs):
            leaf = features.clone().requires_grad_()
            function(leaf).square().sum().backward()
            grads.append(leaf.grad)
        torch.testing.assert_close(*grads, atol=1e-5, rtol=1e-4)


def test_the_books_example():
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    rois = torch.tensor([[0.0, 0, 0, 20, 20], [0, 0, 10, 30, 30]])
    assert roi_pool(picture, rois, (2, 2), 0.1).flatten().tolist() == [5, 6, 9, 10, 9, 11, 13, 15]


def test_align_reads_a_ramp_exactly():
    ramp = (torch.arange(16.0) + 0.5).expand(1, 1, 12, 16)  # pixel i has its centre at i + 0.5
    read = roi_align(ramp, torch.tensor([[0, 3.3, 2.1, 9.3, 8.1]]), (2, 3), sampling_ratio=2, aligned=True)
    torch.testing.assert_close(read[0, 0], torch.tensor([4.3, 6.3, 8.3]).expand(2, 3))


def test_no_regions():
    for function in (roi_pool, roi_align):
        assert function(torch.zeros(1, 3, 8, 8), torch.zeros(0, 5), (2, 2)).shape == (0, 3, 2, 2)
