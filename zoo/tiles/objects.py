"""Objects of a mask: components that touch are parted where they are thin, and measured."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Object:
    """One object.

    Attributes:
        number: Of its pixels in the label image, from 1.
        class_number: Of the mask.
        area: Pixels.
        centroid: `(row, column)`, the mean place of its pixels, from 0 at the first pixel's centre.
        box: `(top, left, bottom, right)`; bottom and right are the first outside.
    """

    number: int
    class_number: int
    area: int
    centroid: tuple[float, float]
    box: tuple[int, int, int, int]


def instances(
    mask: np.ndarray, min_distance: int = 5, min_area: int = 1
) -> tuple[np.ndarray, list[Object]]:
    """Parts the objects of each class other than 0, and measures them.

    The distance of a pixel to the outside of its class has a peak in the middle of each object. A
    watershed from the peaks parts objects of one class that touch.

    Args:
        mask: Class numbers `(height, width)`.
        min_distance: Pixels that two peaks are apart at least: about the smallest object's radius.
        min_area: Pixels of the smallest object that is kept.

    Returns:
        The label image, int32, 0 where there is no object, and the objects in its order.

    Raises:
        ValueError: for arguments below 1.

    Reference: `skimage.segmentation.watershed`, `skimage.feature.peak_local_max`.
    """
    from scipy import ndimage
    from skimage import feature, measure, segmentation

    for name, value in (("min_distance", min_distance), ("min_area", min_area)):
        if value < 1:
            raise ValueError(f"instances: {name} must be at least 1. Received: {name}={value}.")
    labels, objects = np.zeros(mask.shape, "int32"), []
    for class_number in np.unique(mask[mask > 0]).tolist():
        is_class = mask == class_number
        distance = ndimage.distance_transform_edt(np.pad(is_class, 1))[1:-1, 1:-1]
        components = measure.label(is_class, connectivity=2)
        peaks = feature.peak_local_max(
            distance, min_distance=min_distance, labels=components, exclude_border=False
        )
        markers = np.zeros(mask.shape, "int32")
        markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
        parted = segmentation.watershed(-distance, markers, mask=is_class, connectivity=2)
        for region in measure.regionprops(parted):
            if region.area < min_area:
                continue
            number = len(objects) + 1
            labels[region.slice][region.image] = number
            centroid = tuple(float(place) for place in region.centroid)
            objects.append(Object(number, class_number, int(region.area), centroid, region.bbox))
    return labels, objects
