"""Objects of masks: connected components that were found, missed and invented."""

import typing

import numpy as np

MIN_IOU = 0.5  # above it, no object has two partners


class Counts(typing.NamedTuple):
    """Holds numbers of objects."""

    found: int
    missed: int
    invented: int

    @property
    def f1(self) -> float:
        """F1 score of the objects: `2 found / (2 found + missed + invented)`; 1.0 without any."""
        whole = 2 * self.found + self.missed + self.invented
        return 2 * self.found / whole if whole else 1.0


def components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns the number of each pixel's component, from 1, and how many there are.

    Pixels that touch by an edge or a corner are of one component; the background is 0.
    """
    from scipy import ndimage

    return ndimage.label(mask, structure=np.ones((3,) * mask.ndim))


def count(target: np.ndarray, prediction: np.ndarray, counts=None, min_iou: float = MIN_IOU):
    """Counts the objects of one class in one image.

    A true and a predicted component are one object where their IoU is above `min_iou`. Void
    pixels belong to no component; a predicted one that lies on void by half or more is no
    invention: what is there is not known.

    Args:
        target: Bools `(height, width)` or `(length,)`.
        prediction: The same.
        counts: Bools, False on void; None: there is none.
        min_iou: From 0.5 up, so that no object has two partners.

    Returns:
        `Counts`.
    """
    on_void = np.zeros(0, "int64")
    (truth, num_true), (guess, num_guess) = components(target), components(prediction)
    if counts is not None:
        truth, num_true = components(target & counts)
        sizes = np.bincount(guess.ravel(), minlength=num_guess + 1)
        inside = np.bincount(guess[~counts], minlength=num_guess + 1)
        on_void = np.flatnonzero((2 * inside >= sizes) & (sizes > 0))
        on_void = on_void[on_void > 0]
        guess = np.where(counts, guess, 0)
    table = np.zeros((num_true + 1, num_guess + 1), "int64")
    np.add.at(table, (truth.ravel(), guess.ravel()), 1)
    sizes = table.sum(axis=1)[1:, None], table.sum(axis=0)[None, 1:]
    shared = table[1:, 1:]
    is_match = shared > min_iou * (sizes[0] + sizes[1] - shared)
    unknown = ~is_match.any(axis=0) & np.isin(np.arange(1, num_guess + 1), on_void)
    found = int(is_match.sum())
    return Counts(found, num_true - found, num_guess - found - int(unknown.sum()))
