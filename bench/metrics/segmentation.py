"""Quality of masks: overlap of hard masks, in pure numpy.

A mask is `(images, height, width, classes)` or `(images, length, classes)` of 0 and 1: one channel
for a binary mask, where its pixels of value 1 are the only class that is scored, or one-hot
channels, where every class is scored, the background included.

A class that neither the mask nor the prediction has counts as 1.0: for an image, and for the data
set as a whole. The mean over images and the overlap of all pixels together answer different
questions and differ much for small objects, so `summary` gives both.
"""

import numpy as np

from bench.errors import BenchError
from bench.metrics import boundaries, objects
from bench.metrics.mask_scores import REDUCTIONS as REDUCTIONS
from bench.metrics.mask_scores import Confusion as Confusion
from bench.metrics.mask_scores import MaskScores, dice_of, iou_of, reduced


def confusion(target: np.ndarray, prediction: np.ndarray) -> Confusion:
    """Counts the pixels of each image and class.

    Raises:
        BenchError: for shapes that differ, no images, or values other than 0 and 1; as in all
            metrics here.
    """
    target, prediction = _checked(target, prediction)
    axes = tuple(range(1, target.ndim - 1))
    return Confusion(
        (target & prediction).sum(axis=axes),
        (~target & prediction).sum(axis=axes),
        (target & ~prediction).sum(axis=axes),
        (~target & ~prediction).sum(axis=axes),
    )


def dice(target: np.ndarray, prediction: np.ndarray, reduction: str = "image") -> np.ndarray:
    """Computes `2 TP / (2 TP + FP + FN)` of each class, `(classes,)`; 1.0 where both are empty.

    Args:
        reduction: `"image"` for the mean over images, `"dataset"` for the counts of all images
            together.
    """
    return dice_of(reduced(confusion(target, prediction), reduction)).mean(axis=0)


def iou(target: np.ndarray, prediction: np.ndarray, reduction: str = "image") -> np.ndarray:
    """Computes `TP / (TP + FP + FN)` of each class, `(classes,)`; 1.0 where both are empty.

    Args:
        reduction: `"image"` for the mean over images, `"dataset"` for the counts of all images
            together.
    """
    return iou_of(reduced(confusion(target, prediction), reduction)).mean(axis=0)


def pixel_accuracy(target: np.ndarray, prediction: np.ndarray) -> float:
    """Computes the share of pixels of all images whose class is right."""
    target, prediction = _checked(target, prediction)
    return float((target == prediction).all(axis=-1).mean())


def boundary_f1(
    target: np.ndarray,
    prediction: np.ndarray,
    tolerance_pixels: float = 2.0,
    counts: np.ndarray | None = None,
) -> np.ndarray:
    """Computes the F1 score of the outlines, the mean over images, of each class, `(classes,)`.

    See `boundaries`. Both outlines empty gives 1.0, one of them 0.0.

    Args:
        tolerance_pixels: Float >= 0, the largest Euclidean distance that counts as a hit.
        counts: Bools `(images, height, width)`, False on void; None: there is none.
    """
    _check_tolerance(tolerance_pixels)
    target, prediction = _checked(target, prediction)
    return np.array(
        [
            np.mean([boundaries.f1(found, tolerance_pixels) for found in of_class])
            for of_class in _outlines(target, prediction, counts)
        ]
    )


def _check_tolerance(tolerance_pixels: float) -> None:
    if not 0 <= tolerance_pixels < np.inf:
        raise BenchError(
            "boundary_f1: tolerance_pixels must be a number >= 0. "
            f"Received: tolerance_pixels={tolerance_pixels!r}."
        )


def _outlines(target, prediction, counts) -> list[list[boundaries.Distances]]:
    """Returns the distances between outlines, by class and image."""
    counts = [None] * len(target) if counts is None else counts
    return [
        [
            boundaries.distances(truth[..., channel], guess[..., channel], known)
            for truth, guess, known in zip(target, prediction, counts, strict=True)
        ]
        for channel in range(target.shape[-1])
    ]


def _objects(target, prediction, counts) -> np.ndarray:
    """Returns the objects of each image and class, `(images, classes, 3)`; of a background, 0."""
    counts = [None] * len(target) if counts is None else counts
    num_classes = target.shape[-1]
    found = np.zeros((len(target), num_classes, 3), "int64")
    for row, (truth, guess, known) in enumerate(zip(target, prediction, counts, strict=True)):
        for channel in range(1 if num_classes > 1 else 0, num_classes):
            found[row, channel] = objects.count(truth[..., channel], guess[..., channel], known)
    return found


def hard_masks(probabilities: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Returns masks of 0 and 1, uint8: `p > threshold` for one channel, else the likeliest class.

    Raises:
        BenchError: for probabilities that are not finite or outside `[0, 1]`, or logits.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim not in (3, 4) or probabilities.size == 0:
        raise BenchError(
            "segmentation: probabilities must have shape (images, height, width, classes) or "
            f"(images, length, classes). Received: shape {probabilities.shape}."
        )
    low, high = float(probabilities.min()), float(probabilities.max())
    if not (low >= 0 and high <= 1):  # NaN too
        raise BenchError(
            "segmentation: probabilities must be finite and in [0, 1]. Received: minimum "
            f"{low:g}, maximum {high:g}. Give the model's prediction, not its logits."
        )
    num_classes = probabilities.shape[-1]
    if num_classes == 1:
        return (probabilities > threshold).astype("uint8")
    return one_hot(probabilities.argmax(axis=-1), num_classes)


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns `(images, ..., num_classes)`, uint8, of labels `(images, ...)` from 0.

    Raises:
        BenchError: for labels that are not whole numbers in `[0, num_classes)`.
    """
    labels = np.asarray(labels)
    present = np.unique(labels)
    if not np.isin(present, np.arange(num_classes)).all():
        raise BenchError(
            f"segmentation: mask must hold the classes 0 to {num_classes - 1}. "
            f"Received: values {_some(present)}. Renumber the classes from 0."
        )
    return (labels[..., None] == np.arange(num_classes)).astype("uint8")


def summary(
    targets: np.ndarray,
    probabilities: np.ndarray,
    threshold: float = 0.5,
    tolerance_pixels: float = 2.0,
    ignore_label: int | None = None,
) -> dict[str, float | list[float]]:
    """Returns the scores of the test split, in `[0, 1]` and higher is better where not said.

    Args:
        targets: Masks of 0 and 1 in the shape of `probabilities`; or labels from 0, of that shape
            without the last axis, or with a last axis of 1.
        probabilities: `(images, height, width, classes)` or `(images, length, classes)`; the
            likeliest class is taken, or with one channel what exceeds `threshold`.
        tolerance_pixels: See `boundary_f1`.
        ignore_label: Number among the labels that is no class; no score counts such pixels.

    Returns:
        `test_dice_image`, `test_iou_image`, `test_boundary_f1`, `test_surface_dice`: means over
        images, then classes; so is `test_hausdorff_95`, in pixels, lower is better.
        `test_dice_dataset`, `test_iou_dataset`: of all pixels together, then the mean over
        classes; `test_iou_per_class`: the latter before the mean. `test_pixel_accuracy`.
        `test_objects_found`, `test_objects_missed`, `test_objects_invented`: numbers of connected
        components, of all classes but the background; `test_objects_f1`.
    """
    return scores(targets, probabilities, threshold, tolerance_pixels, ignore_label).summary()


def scores(
    targets,
    probabilities,
    threshold: float = 0.5,
    tolerance_pixels: float = 2.0,
    ignore_label: int | None = None,
) -> MaskScores:
    """Returns the scores of each image and class.

    Args:
        targets, probabilities: As of `summary`; or one each for images of many sizes, as lists or
            arrays of objects.
        threshold, tolerance_pixels, ignore_label: As of `summary`.
    """
    _check_tolerance(tolerance_pixels)
    options = (threshold, tolerance_pixels, ignore_label)
    if isinstance(probabilities, np.ndarray) and probabilities.dtype != object:
        return _scores(np.asarray(targets), probabilities, *options)
    pairs = zip(targets, probabilities, strict=True)
    return MaskScores.joined([_scores(one[None], found[None], *options) for one, found in pairs])


def _scores(targets, probabilities, threshold, tolerance, ignore_label) -> MaskScores:
    prediction = hard_masks(probabilities, threshold)
    num_classes = prediction.shape[-1]
    if targets.shape == prediction.shape[:-1]:
        targets = targets[..., None]
    counts = None
    if ignore_label is not None:
        counts = targets[..., 0] != ignore_label
        targets = np.where(counts[..., None], targets, 0)
    if num_classes > 1 and targets.shape == (*prediction.shape[:-1], 1):
        targets = one_hot(targets[..., 0], num_classes)
    targets, prediction = _checked(targets, prediction)
    is_right = (targets == prediction).all(axis=-1)
    known = np.ones(is_right.shape, bool) if counts is None else counts
    axes = tuple(range(1, is_right.ndim))
    outlines = _outlines(targets, prediction, counts)
    found = _objects(targets, prediction, counts)
    if counts is not None:
        targets, prediction = (each & counts[..., None] for each in (targets, prediction))

    def of_outlines(score, *arguments) -> np.ndarray:
        return np.array([[score(one, *arguments) for one in images] for images in outlines]).T

    return MaskScores(
        confusion(targets, prediction),
        of_outlines(boundaries.f1, tolerance),
        of_outlines(boundaries.surface_dice, tolerance),
        of_outlines(boundaries.hausdorff_95),
        found,
        (is_right & known).sum(axis=axes),
        known.sum(axis=axes),
    )


# --- shared -------------------------------------------------------------------------------------


def _some(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values[:5]) + (", ..." if len(values) > 5 else "")


def as_mask(name: str, values: np.ndarray) -> np.ndarray:
    """Returns a bool array of the checked mask."""
    values = np.asarray(values)
    if values.ndim not in (3, 4) or values.size == 0:
        raise BenchError(
            f"segmentation: {name} must have shape (images, height, width, classes) or "
            f"(images, length, classes), not empty. Received: shape {values.shape}."
        )
    if values.dtype == bool:
        return values
    present = np.unique(values)
    if not np.isin(present, (0, 1)).all():
        fix = "Give hard_masks(probabilities)."
        if present[-1] == 255:
            fix = "Divide by 255."
        elif present[-1] > 1:
            fix = "Give one_hot(labels, num_classes)."
        raise BenchError(
            f"segmentation: {name} must hold 0 and 1. Received: values {_some(present)}. {fix}"
        )
    return values == 1


def _checked(target: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if np.shape(target) != np.shape(prediction):
        raise BenchError(
            "segmentation: target and prediction must have the same shape, (images, height, "
            "width, classes) or (images, length, classes). "
            f"Received: {np.shape(target)} and {np.shape(prediction)}."
        )
    return as_mask("target", target), as_mask("prediction", prediction)
