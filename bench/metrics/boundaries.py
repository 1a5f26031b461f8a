"""How near two outlines are, of one class in one image: F1, surface Dice, Hausdorff distance.

An outline is the pixels of a mask that touch, by an edge, a pixel outside it or the frame of the
image. Distances are Euclidean, in pixels, from each pixel of one outline to the nearest of the
other. Pixels of an outline that lie on void or touch it are not scored: where the mask would go on
there is not known. They still are places to be near to.
"""

import typing

import numpy as np


class Distances(typing.NamedTuple):
    """Holds distances in pixels between two outlines, of the pixels that are scored.

    Attributes:
        of_target: `(n,)`, of each pixel of the true outline.
        of_prediction: `(m,)`, of each pixel of the predicted outline.
        diagonal: Of the image: stands for the distance to an outline that is not there.
    """

    of_target: np.ndarray
    of_prediction: np.ndarray
    diagonal: float


def distances(target: np.ndarray, prediction: np.ndarray, counts=None) -> Distances:
    """Measures two masks of bools, `(height, width)` or `(length,)`.

    Args:
        counts: Bools of the same shape, False on void; None: there is none.
    """
    from scipy import ndimage

    if counts is not None:
        target, prediction = target & counts, prediction & counts
    outlines = [mask & ~ndimage.binary_erosion(mask) for mask in (target, prediction)]
    diagonal = float(np.linalg.norm(target.shape))
    to_outline = [
        ndimage.distance_transform_edt(~outline)
        if outline.any()
        else np.full(outline.shape, diagonal)
        for outline in outlines
    ]
    if counts is not None:
        scored = ~ndimage.binary_dilation(~counts)
        outlines = [outline & scored for outline in outlines]
    return Distances(to_outline[1][outlines[0]], to_outline[0][outlines[1]], diagonal)


def f1(found: Distances, tolerance: float) -> float:
    """Computes the F1 score of the shares of both outlines that lie within the tolerance.

    Precision is the share of the predicted outline, recall that of the true one. Both outlines
    empty gives 1.0, one of them 0.0.

    Reference: Csurka et al., 2013. https://doi.org/10.5244/C.27.32
    """
    if not (len(found.of_target) and len(found.of_prediction)):
        return float(len(found.of_target) == len(found.of_prediction))
    recall, precision = ((each <= tolerance).mean() for each in found[:2])
    return float(2 * precision * recall / max(precision + recall, 1e-12))


def surface_dice(found: Distances, tolerance: float) -> float:
    """Computes the share of all pixels of both outlines that lie within the tolerance.

    Both outlines empty gives 1.0.

    Reference: Nikolov et al., 2018, on pixels in place of surface elements.
    https://arxiv.org/abs/1809.04430
    """
    both = np.concatenate(found[:2])
    return float((both <= tolerance).mean()) if len(both) else 1.0


def hausdorff_95(found: Distances) -> float:
    """Computes the larger of the 0.95 quantiles of both outlines' distances, in pixels.

    Both outlines empty gives 0; one of them the diagonal of the image.
    """
    if not (len(found.of_target) and len(found.of_prediction)):
        return 0.0 if len(found.of_target) == len(found.of_prediction) else found.diagonal
    return float(max(np.quantile(each, 0.95) for each in found[:2]))
