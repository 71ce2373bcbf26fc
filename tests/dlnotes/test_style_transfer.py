"""The three losses by hand, what a Gram matrix knows, and descent on pixels alone."""

import pytest
import torch
from torch import nn

from dlnotes import cost
from dlnotes.vision import fast_style
from dlnotes.vision.feature_extractor import FeatureExtractor
from dlnotes.vision.style import (
    Objective,
    content_loss,
    gram,
    style_loss,
    synthesize,
    synthesize_lbfgs,
    tv_loss,
)


def test_gram_by_hand():
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # C = 2, H = 1, W = 2
    expected = torch.tensor([[[5.0, 11.0], [11.0, 25.0]]]) / 4
    torch.testing.assert_close(gram(x), expected)


def test_gram_is_symmetric_and_positive_semidefinite_each_picture_apart():
    x = torch.randn(3, 6, 4, 5, dtype=torch.float64)
    g = gram(x)
    assert g.shape == (3, 6, 6)
    torch.testing.assert_close(g, g.mT)
    assert torch.linalg.eigvalsh(g).min() > -1e-12
    torch.testing.assert_close(g[1:2], gram(x[1:2]))
    assert (torch.linalg.matrix_rank(gram(torch.randn(1, 6, 1, 2, dtype=torch.float64))) <= 2).all()


def test_gram_forgets_positions_and_does_not_grow_with_the_picture():
    x = torch.randn(1, 5, 8, 8, dtype=torch.float64)
    shuffled = x.flatten(2)[..., torch.randperm(64)].reshape(x.shape)
    torch.testing.assert_close(gram(shuffled), gram(x))
    torch.testing.assert_close(gram(x.roll((3, 2), (2, 3))), gram(x))
    torch.testing.assert_close(gram(x.repeat(1, 1, 2, 3)), gram(x))
    torch.testing.assert_close(gram(3 * x), 9 * gram(x))


def test_style_gradient_is_the_papers_up_to_its_constants():
    features = torch.randn(1, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    target = gram(torch.randn(1, 4, 6, 6, dtype=torch.float64))
    style_loss(features, target).backward()
    flat = features.detach().flatten(2)
    c, m = 4, 15  # channels, positions
    by_hand = 4 / (c**2 * c * m) * (gram(features.detach()) - target) @ flat
    torch.testing.assert_close(features.grad.flatten(2), by_hand)


def test_total_variation_by_hand():
    x = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]])
    assert tv_loss(x).item() == pytest.approx(0.5 * ((0.5 + 0.5) / 2 + (1.0 + 0.0) / 2))
    assert tv_loss(torch.full((1, 3, 5, 5), 0.3)).item() == 0


def test_losses_are_zero_at_their_targets_only():
    x = torch.randn(1, 4, 6, 6)
    assert content_loss(x, x).item() == 0
    assert style_loss(x, gram(x)).item() == 0
    moved = x.roll(1, 3)
    assert content_loss(moved, x).item() > 0.5
    assert style_loss(moved, gram(x)).item() < 1e-10


def test_the_objective_is_the_weighted_sum_of_relative_errors(extractor):
    content, style, image = (torch.rand(1, 3, n, n) for n in (16, 20, 16))
    objective = Objective(
        extractor, content=content, style=style, content_weight=2.0, style_weight=3.0, tv_weight=5.0
    )
    found = objective(image)
    f, p = (extractor(x, ["b"])["b"] for x in (image, content))
    assert found.content.item() == pytest.approx(((f - p).square().sum() / p.square().sum()).item())
    relative = []
    for layer in ("a", "b"):
        g, a = (gram(extractor(x, [layer])[layer]) for x in (image, style))
        relative.append(((g - a).square().sum() / a.square().sum()).item())
    assert found.style.item() == pytest.approx(sum(relative) / 2)
    assert found.tv.item() == pytest.approx(tv_loss(image).item())
    total = 2 * found.content + 3 * found.style + 5 * found.tv
    assert found.total.item() == pytest.approx(total.item())
    assert objective(content).content.item() == 0


def test_without_a_style_or_a_content_that_term_is_zero(extractor):
    x = torch.rand(1, 3, 16, 16)
    assert Objective(extractor, content=x)(torch.rand_like(x)).style.item() == 0
    assert Objective(extractor, style=x)(torch.rand_like(x)).content.item() == 0


def test_only_the_picture_changes_and_the_loss_falls(extractor):
    before = [p.clone() for p in extractor.parameters()]
    style, start = torch.rand(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.5)
    kept = start.clone()
    result = synthesize(Objective(extractor, style=style), start, steps=60, keep=(0, 30, 60))
    assert result.losses[-1]["total"] < 0.1 * result.losses[0]["total"]
    assert torch.equal(start, kept)
    assert all(torch.equal(a, b) for a, b in zip(before, extractor.parameters(), strict=True))
    assert list(result.frames) == [0, 30, 60]
    assert torch.equal(result.frames[0], start)
    assert torch.equal(result.frames[60], result.image)
    assert len(result.losses) == 60


def test_pixels_stay_in_range_only_when_clamped(extractor):
    bright = Objective(extractor, style=torch.rand(1, 3, 16, 16).round() * 3 - 1)
    start = torch.full((1, 3, 16, 16), 0.5)
    free = synthesize(bright, start, steps=40, lr=0.2, clamp=False).image
    held = synthesize(bright, start, steps=40, lr=0.2).image
    assert free.max() > 1.1
    assert held.min() >= 0
    assert held.max() <= 1


def test_lbfgs_lowers_the_same_loss_within_its_evaluations(extractor):
    objective = Objective(extractor, style=torch.rand(1, 3, 16, 16))
    result = synthesize_lbfgs(objective, torch.full((1, 3, 16, 16), 0.5), evaluations=30)
    losses = [r["total"] for r in result.losses]
    assert min(losses) < 0.1 * losses[0]
    assert len(losses) <= 60
    assert result.image.min() >= 0
    assert result.image.max() <= 1


def test_a_picture_of_300_by_450_has_405_000_numbers_to_optimise(extractor):
    assert torch.zeros(1, 3, 300, 450).numel() == 405_000
    assert sum(p.numel() for p in extractor.parameters() if p.requires_grad) == 0


def test_the_transform_network_starts_as_the_identity_and_has_its_exact_size():
    net = fast_style.TransformNet()
    assert cost.count_parameters(net) == 47_395
    x = torch.rand(2, 3, 20, 30) * 0.9 + 0.05
    torch.testing.assert_close(net(x), x)


def test_the_transform_network_learns_under_a_loss_and_stays_in_range():
    torch.manual_seed(0)
    net = fast_style.TransformNet(width=4, num_blocks=1)
    x = torch.rand(2, 3, 16, 16)
    extractor = pixels()
    inverted = Objective(extractor, content=1 - x, content_layers=["a"])
    history = fast_style.train(net, lambda: x, lambda out, _: inverted(out), steps=60, lr=0.02)
    assert history[-1] < 0.6 * history[0]
    with torch.no_grad():
        y = net(torch.rand(1, 3, 24, 32))
    assert y.shape == (1, 3, 24, 32)
    assert y.min() >= 0
    assert y.max() <= 1


def test_adain_takes_over_mean_and_deviation_and_keeps_the_pattern():
    content = torch.randn(2, 3, 10, 12, dtype=torch.float64)
    style = 2 + 5 * torch.randn(2, 3, 7, 7, dtype=torch.float64)
    y = fast_style.adain(content, style)
    torch.testing.assert_close(y.mean((2, 3)), style.mean((2, 3)))
    torch.testing.assert_close(
        y.std((2, 3), correction=0), style.std((2, 3), correction=0), rtol=1e-4, atol=0
    )
    for a, b in zip(y.flatten(0, 1), content.flatten(0, 1), strict=True):
        assert torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] > 0.9999
    torch.testing.assert_close(fast_style.adain(content, content), content, rtol=1e-4, atol=1e-4)


def pixels() -> FeatureExtractor:
    return FeatureExtractor(
        "pixels",
        {"a": nn.Identity()},
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
        style_layers=("a",),
        content_layers=("a",),
    )


@pytest.fixture
def extractor() -> FeatureExtractor:
    torch.manual_seed(1)
    return FeatureExtractor(
        "small",
        {
            "a": nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()),
            "b": nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()),
        },
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        style_layers=("a", "b"),
        content_layers=("b",),
    )
