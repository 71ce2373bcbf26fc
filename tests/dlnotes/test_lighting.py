"""PCA colour augmentation: a shift along the axes of colour, one a picture, as large as the paper says."""

import torch

from dlnotes.lighting import color_axes, relight


def coloured(n=40):
    torch.manual_seed(0)
    mixing = torch.tensor([[0.30, 0.05, 0.00], [0.28, 0.00, 0.02], [0.25, -0.05, 0.01]])
    return torch.einsum("cj,njhw->nchw", mixing, torch.randn(n, 3, 6, 5)).double()


def test_axes_are_the_eigenvectors_of_the_covariance_largest_first():
    images = coloured()
    values, vectors = color_axes(images)
    pixels = images.permute(0, 2, 3, 1).reshape(-1, 3)
    covariance = torch.cov(pixels.T)
    torch.testing.assert_close(covariance @ vectors, vectors * values)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(3).double())
    assert values[0] > values[1] > values[2] > 0
    torch.testing.assert_close(values.sum(), pixels.var(0).sum())


def test_all_pixels_of_a_picture_move_alike_and_pictures_apart():
    images = coloured()
    moved = relight(images, color_axes(images)) - images
    torch.testing.assert_close(moved, moved[:, :, :1, :1].expand_as(moved))
    assert moved[:, 0, 0, 0].unique().numel() == len(images)


def test_shifts_have_the_promised_size_along_each_axis():
    images = torch.zeros(20_000, 3, 1, 1).double()
    values, vectors = color_axes(coloured())
    shifts = relight(images, (values, vectors), generator=torch.Generator().manual_seed(0)).flatten(1)
    along = (shifts @ vectors).std(0)
    torch.testing.assert_close(along, 0.1 * values, rtol=0.03, atol=0)


def test_no_spread_is_the_identity_and_a_generator_repeats():
    images = coloured()
    axes = color_axes(images)
    assert torch.equal(relight(images, axes, std=0), images)
    one, two = (relight(images, axes, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, two)


def test_one_grey_direction_gives_grey_shifts():
    grey = torch.rand(30, 1, 4, 4).double().expand(-1, 3, -1, -1)
    moved = relight(grey, color_axes(grey)) - grey
    torch.testing.assert_close(moved[:, 0], moved[:, 1])
    torch.testing.assert_close(moved[:, 1], moved[:, 2])
