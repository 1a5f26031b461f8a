"""Distances of outlines and counts of objects, against scipy, scikit-image and by hand."""

import numpy as np
import pytest
from scipy import spatial
from skimage import measure
from skimage import metrics as reference

from bench.metrics import boundaries, objects

RANDOM = np.random.default_rng(0)


def square(top, left, size, side=32):
    mask = np.zeros((side, side), bool)
    mask[top : top + size, left : left + size] = True
    return mask


def blobs(side=24):
    from scipy import ndimage

    return ndimage.gaussian_filter(RANDOM.normal(size=(side, side)), 2) > 0.05


def outline(mask):
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inner)


def test_distances_are_those_of_all_pairs():
    for _ in range(3):
        a, b = blobs(), blobs()
        found = boundaries.distances(a, b)
        pairs = spatial.distance.cdist(outline(a), outline(b))
        np.testing.assert_allclose(np.sort(found.of_target), np.sort(pairs.min(axis=1)))
        np.testing.assert_allclose(np.sort(found.of_prediction), np.sort(pairs.min(axis=0)))
        expected = max(np.quantile(pairs.min(axis=axis), 0.95) for axis in (0, 1))
        assert boundaries.hausdorff_95(found) == pytest.approx(expected)
        near = (pairs.min(axis=0) <= 1).sum() + (pairs.min(axis=1) <= 1).sum()
        assert boundaries.surface_dice(found, 1) == pytest.approx(near / sum(pairs.shape))


def test_the_largest_distance_is_that_of_scikit_image():
    a, b = square(4, 4, 8), square(6, 9, 10)
    found = boundaries.distances(a, b)
    largest = max(each.max() for each in found[:2])
    rims = [np.zeros((32, 32), bool) for _ in range(2)]
    for rim, mask in zip(rims, (a, b), strict=True):
        rim[tuple(outline(mask).T)] = True
    assert largest == pytest.approx(reference.hausdorff_distance(*rims))


def test_a_shift_of_three_pixels_is_three_pixels():
    found = boundaries.distances(square(4, 4, 20), square(7, 4, 20))
    assert boundaries.hausdorff_95(found) == 3.0
    assert boundaries.surface_dice(found, 3) == boundaries.f1(found, 3) == 1.0


def test_empty_outlines():
    empty, full = np.zeros((6, 8), bool), np.ones((6, 8), bool)
    nothing, one = boundaries.distances(empty, empty), boundaries.distances(empty, full)
    assert boundaries.surface_dice(nothing, 1) == boundaries.f1(nothing, 1) == 1.0
    assert boundaries.hausdorff_95(nothing) == 0.0
    assert boundaries.surface_dice(one, 1) == boundaries.f1(one, 1) == 0.0
    assert boundaries.hausdorff_95(one) == 10.0  # the diagonal of 6 x 8


def test_void_is_not_scored():
    """The prediction is wrong on void alone: nothing is found to be wrong."""
    target, counts = square(8, 0, 16), np.ones((32, 32), bool)
    counts[:, :6] = False
    prediction = target.copy()
    prediction[:, :6] = RANDOM.random((32, 6)) < 0.5
    found = boundaries.distances(target, prediction, counts)
    assert boundaries.hausdorff_95(found) == 0.0 and boundaries.f1(found, 0) == 1.0
    assert len(found.of_target) == len(found.of_prediction) > 0
    assert objects.count(target, prediction, counts) == (1, 0, 0)


def test_objects_are_found_missed_and_invented():
    target = square(0, 0, 8) | square(20, 20, 6) | square(0, 20, 4)
    prediction = square(1, 1, 8) | square(0, 20, 2) | square(25, 2, 3)
    # 49 of 79 pixels are shared, 4 of 16, none.
    assert objects.count(target, prediction) == (1, 2, 2)
    assert objects.count(target, target) == (3, 0, 0)
    assert objects.Counts(1, 2, 2).f1 == pytest.approx(2 / 6)
    assert objects.count(target & False, target & False).f1 == 1.0


def test_components_are_those_of_scikit_image():
    for _ in range(3):
        mask = blobs(40)
        labels, number = objects.components(mask)
        theirs, their_number = measure.label(mask, connectivity=2, return_num=True)
        assert number == their_number
        np.testing.assert_array_equal(labels > 0, theirs > 0)


def test_an_object_on_void_is_no_invention():
    target, counts = square(0, 0, 4), ~square(16, 16, 8)
    prediction = target | square(18, 18, 4)
    assert objects.count(target, prediction, counts) == (1, 0, 0)
    assert objects.count(target, prediction) == (1, 0, 1)
