"""Generated scenes: exact boxes and masks, disjoint splits, the same on every machine."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
import torch
from torchvision.ops import masks_to_boxes

from dlnotes.data import scenes
from dlnotes.data.fashion_mnist import FashionMNIST
from dlnotes.data.scenes import BANDS, CLASSES, MIN_VISIBLE, PHOTOS, Scenes


@pytest.fixture(scope="module")
def made() -> Scenes:
    return scenes.make("train", 60)


def test_shapes_ranges_and_padding(made: Scenes):
    assert made.images.shape == (60, 3, 128, 128)
    assert made.images.dtype == torch.float32
    assert 0 <= made.images.min() < made.images.max() <= 1
    assert made.targets.shape == (60, 4, 5)
    there = made.targets[..., 0] >= 0
    assert (made.targets[~there] == -1).all()
    assert (made.whole[~there] == -1).all()
    assert (made.visible[~there] == -1).all()
    # At least one object a picture, and the padding comes last.
    assert there[:, 0].all()
    assert (there[:, :-1] | ~there[:, 1:]).all()
    assert set(made.targets[..., 0][there].tolist()) == set(range(len(CLASSES)))
    assert len(made) == 60


def test_a_box_is_the_extent_of_its_mask(made: Scenes):
    for i, target in enumerate(made.lists()):
        masks = made.masks(i)
        # torchvision's right and bottom edges name the last pixel, ours lie behind it.
        extents = masks_to_boxes(masks) + torch.tensor([0, 0, 1, 1])
        torch.testing.assert_close(target["boxes"], extents)
        assert len(target["labels"]) == len(masks)


def test_the_visible_box_lies_in_the_whole_one_and_equals_it_where_nothing_is_hidden(made: Scenes):
    there = made.targets[..., 0] >= 0
    seen, whole, share = made.targets[there][:, 1:], made.whole[there], made.visible[there]
    assert (seen[:, :2] >= whole[:, :2]).all()
    assert (seen[:, 2:] <= whole[:, 2:]).all()
    assert (whole >= 0).all()
    assert (whole <= 128).all()
    assert share.min() >= MIN_VISIBLE - 1e-6
    assert share.max() == 1
    torch.testing.assert_close(seen[share == 1], whole[share == 1])
    assert (share < 1).any(), "no object is hidden by another: nothing was tested"


def test_the_longer_side_spans_what_was_asked_for(made: Scenes):
    whole = made.whole[made.targets[..., 0] >= 0]
    longer = (whole[:, 2:] - whole[:, :2]).amax(1)
    assert longer.min() >= 14  # a soft edge may cost a pixel on either side
    assert longer.max() <= 64
    assert (longer < 24).any()
    assert (longer > 48).any()


def test_semantic_labels_are_classes_plus_one_and_background_is_zero(made: Scenes):
    semantic = made.semantic()
    assert ((semantic == 0) == (made.instances == 0)).all()
    for i in range(10):
        for mask, label in zip(made.masks(i), made.lists()[i]["labels"], strict=True):
            assert (semantic[i][mask] == label + 1).all()


def test_a_scene_depends_on_seed_split_and_index_only(made: Scenes):
    torch.manual_seed(7)
    np.random.seed(7)
    fewer = scenes.make("train", 5)
    torch.testing.assert_close(fewer.images, made.images[:5], rtol=0, atol=0)
    torch.testing.assert_close(fewer.targets, made.targets[:5], rtol=0, atol=0)
    torch.testing.assert_close(fewer.instances, made.instances[:5], rtol=0, atol=0)
    assert not torch.equal(scenes.make("train", 5, seed=1).targets, fewer.targets)
    assert not torch.equal(scenes.make("val", 5).targets, fewer.targets)


def test_the_numbers_are_the_same_on_every_machine(made: Scenes):
    """Integers only: no rounding, no thread count, no version of NumPy's distributions may change them."""
    digest = hashlib.sha256(made.targets.numpy().tobytes() + made.instances.numpy().tobytes()).hexdigest()
    assert digest[:16] == "208cfaecbeecd409"


def test_splits_share_no_pixel_of_a_photograph_and_no_garment(fashion: FashionMNIST):
    edges = sorted(BANDS.values())
    assert edges[0][0] == 0
    assert edges[-1][1] == 1
    assert all(a[1] == b[0] for a, b in pairwise(edges))
    # Bands are cut at rounded columns: together they have every column once.
    for k in range(len(PHOTOS)):
        widths = {split: scenes._bands(split)[k].width for split in BANDS}
        assert sum(widths.values()) == scenes.photos.PHOTOS[PHOTOS[k]].size[1]
    for split in BANDS:
        counts = [len(pool) for pool in scenes._pools()[split]]
        labels = getattr(fashion, split).tensors[1]
        assert counts == [int((labels == label).sum()) for label in scenes.LABELS.values()]


def test_colour_does_not_tell_the_class(made: Scenes):
    """The mean colours of two classes differ by less than the spread within one."""
    colours: dict[int, list[torch.Tensor]] = {k: [] for k in range(len(CLASSES))}
    for i, target in enumerate(made.lists()):
        for mask, label in zip(made.masks(i), target["labels"].tolist(), strict=True):
            colours[label].append(made.images[i][:, mask].mean(1))
    means = torch.stack([torch.stack(c).mean(0) for c in colours.values()])
    within = torch.stack([torch.stack(c).std(0) for c in colours.values()]).mean()
    assert (means.amax(0) - means.amin(0)).max() < 2 * within


def test_the_smallest_pictures_still_show_every_object():
    small = scenes.make("test", 300, size=32)
    boxes = small.targets[small.targets[..., 0] >= 0][:, 1:]
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_a_garment_can_be_pasted_by_hand():
    picture = torch.full((3, 40, 50), 0.5)
    item = torch.zeros(1, 28, 28)
    item[:, 4:20, 10:15] = 0.9
    made = scenes.paste(picture, [(item, (20, 2))])
    changed = (made != picture).any(0)
    torch.testing.assert_close(masks_to_boxes(changed[None])[0], torch.tensor([30.0, 6.0, 34.0, 21.0]))
    assert (picture == 0.5).all(), "the picture given was changed"
    with pytest.raises(ValueError, match="出了"):
        scenes.paste(picture, [(item, (30, 2))])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("training", 1), {}, "train、val、test"),
        (("train", 0), {}, "n ≥ 1"),
        (("train", 1), {"size": 8}, "size"),
        (("train", 1), {"max_objects": 0}, "max_objects"),
        (("train", 1), {"smallest": 0.5, "largest": 0.2}, "smallest"),
    ],
)
def test_wrong_arguments_are_errors(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        scenes.make(*arguments, **options)
