"""Scores by image and class: equal to a mean over images scored alone, whatever their sizes."""

import numpy as np
import pytest
from scipy import spatial
from skimage import measure
from skimage import segmentation as reference

from bench.metrics import segmentation
from bench.metrics.mask_scores import MaskScores

NAMES = ("background", "cell", "rim")


def labels(generator, height, width):
    from scipy import ndimage

    noise = ndimage.gaussian_filter(generator.normal(size=(height, width)), 2)
    return np.digitize(noise, [0.05, 0.12]).astype("uint8")


@pytest.fixture(scope="module")
def pairs():
    """Targets and probabilities of three images, each of its own size; class 2 is in no mask."""
    generator = np.random.default_rng(0)
    sizes = [(20, 24), (31, 17), (9, 40)]
    targets = [np.minimum(labels(generator, *size), 1) for size in sizes]
    guesses = [labels(generator, *size) for size in sizes]
    for target in targets:
        target[:3] = 255  # void
    return targets, [np.eye(3, dtype="float32")[guess] for guess in guesses]


def test_images_of_many_sizes_are_scored_each_in_its_own(pairs):
    targets, probabilities = pairs
    whole = segmentation.scores(targets, probabilities, ignore_label=255)
    alone = [
        segmentation.summary(t[None], p[None], ignore_label=255)
        for t, p in zip(targets, probabilities, strict=True)
    ]
    summary = whole.summary()
    for name in ("dice_image", "iou_image", "boundary_f1", "surface_dice", "hausdorff_95"):
        expected = np.mean([each[f"test_{name}"] for each in alone])
        assert summary[f"test_{name}"] == pytest.approx(expected), name
    for name in ("objects_found", "objects_missed", "objects_invented"):
        assert summary[f"test_{name}"] == sum(each[f"test_{name}"] for each in alone), name
    ragged = np.empty(3, object)
    ragged[:] = targets
    again = segmentation.scores(ragged, probabilities, ignore_label=255)
    np.testing.assert_array_equal(again.iou, whole.iou)


def test_void_pixels_are_in_no_score(pairs):
    targets, probabilities = pairs
    changed = [p.copy() for p in probabilities]
    for each in changed:
        each[:2] = np.roll(each[:2], 1, axis=-1)  # what is predicted on void, off its rim
    before, after = (
        segmentation.scores(targets, found, ignore_label=255) for found in (probabilities, changed)
    )
    for name, values in before.per_image().items():
        if name != "objects":  # an object may reach onto void
            np.testing.assert_array_equal(values, after.per_image()[name], err_msg=name)
    assert before.num_pixels.tolist() == [(t != 255).sum() for t in targets]


def test_per_class_and_per_image_against_scikit_image(pairs):
    """Without void: outlines by `find_boundaries`, objects by `label`, distances of all pairs."""
    targets = [np.where(target == 255, 0, target) for target in pairs[0]]
    scores = segmentation.scores(targets, pairs[1])
    per_class, per_image = scores.per_class(NAMES), scores.per_image()
    assert list(per_class) == list(NAMES)
    distances, near = [], []
    for target, found in zip(targets, pairs[1], strict=True):
        masks = [np.pad(each, 1) for each in (target == 1, found.argmax(-1) == 1)]
        rims = [
            np.argwhere(reference.find_boundaries(m, connectivity=1, mode="inner")) for m in masks
        ]
        apart = spatial.distance.cdist(*rims)
        sides = apart.min(axis=1), apart.min(axis=0)
        distances.append(max(np.quantile(side, 0.95) for side in sides))
        near.append((np.concatenate(sides) <= 2).mean())
    assert per_class["cell"]["hausdorff_95"] == pytest.approx(np.mean(distances), rel=1e-4)
    np.testing.assert_allclose(per_image["hausdorff_95"][:, 1], distances, rtol=1e-6)
    np.testing.assert_allclose(per_image["surface_dice"][:, 1], near, rtol=1e-6)
    true = sum(measure.label(t == 1, connectivity=2).max() for t in targets)
    made = sum(measure.label(p.argmax(-1) == 1, connectivity=2).max() for p in pairs[1])
    found, missed, invented = per_class["cell"]["objects"]
    assert (found + missed, found + invented) == (true, made)
    assert per_class["background"]["objects"] == [0, 0, 0]
    assert per_class["rim"]["images"] == 0 and per_class["rim"]["objects"][1] == 0
    hits = sum(
        ((t == 1) & (p.argmax(-1) == 1)).sum() for t, p in zip(targets, pairs[1], strict=True)
    )
    whole = sum(
        ((t == 1) | (p.argmax(-1) == 1)).sum() for t, p in zip(targets, pairs[1], strict=True)
    )
    assert per_class["cell"]["iou"] == pytest.approx(hits / whole, rel=1e-4)


def test_parts_join_in_their_order(pairs):
    targets, probabilities = pairs
    parts = [
        segmentation.scores(targets[rows], probabilities[rows], ignore_label=255)
        for rows in (slice(0, 2), slice(2, 3))
    ]
    joined = MaskScores.joined(parts)
    whole = segmentation.scores(targets, probabilities, ignore_label=255)
    assert joined.summary() == whole.summary()
