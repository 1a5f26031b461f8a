"""Objects of masks: parted where they touch, and measured as scikit-image measures them."""

import numpy as np
import pytest
from skimage import draw, measure

from zoo.tiles.objects import instances


def discs(*places, side=48, value=1):
    mask = np.zeros((side, side), "uint8")
    for row, column, radius in places:
        mask[draw.disk((row, column), radius, shape=mask.shape)] = value
    return mask


def test_discs_that_touch_are_two_and_others_are_one():
    mask = discs((12, 12, 8), (12, 26, 8), (38, 38, 6))
    assert measure.label(mask, return_num=True)[1] == 2
    labels, objects = instances(mask)
    assert len(objects) == 3
    np.testing.assert_array_equal(labels > 0, mask > 0)
    found = sorted(tuple(np.rint(each.centroid).astype(int)) for each in objects)
    assert found == [(12, 12), (12, 26), (38, 38)]
    for each, region in zip(objects, measure.regionprops(labels), strict=True):
        assert (each.number, each.area, each.box) == (region.label, region.area, region.bbox)


def test_classes_are_apart_and_small_objects_left_out():
    mask = np.maximum(discs((12, 12, 8)), discs((12, 24, 6), (40, 40, 2), value=3))
    labels, objects = instances(mask, min_area=20)
    assert [each.class_number for each in objects] == [1, 3]
    assert set(np.unique(labels)) == {0, 1, 2} and (labels[36:, 36:] == 0).all()


def test_nothing_is_no_object():
    labels, objects = instances(np.zeros((5, 6), "uint8"))
    assert labels.shape == (5, 6) and not labels.any() and objects == []
    with pytest.raises(ValueError, match="min_distance must be at least 1"):
        instances(np.zeros((5, 6), "uint8"), min_distance=0)
