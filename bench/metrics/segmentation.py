"""Quality of masks: overlap of hard masks, in pure numpy, and the trivial masks to beat.

A mask is `(images, height, width, classes)` or `(images, length, classes)` of 0 and 1: one channel
for a binary mask, where its pixels of value 1 are the only class that is scored, or one-hot
channels, where every class is scored, the background included.

A class that neither the mask nor the prediction has counts as 1.0: for an image, and for the data
set as a whole. The mean over images and the overlap of all pixels together answer different
questions and differ much for small objects, so `summary` gives both.
"""

import numbers
import typing

import numpy as np

from bench.errors import BenchError

REDUCTIONS = ("image", "dataset")


class Confusion(typing.NamedTuple):
    """Holds counts of pixels, each int64 `(images, classes)`."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray
    true_negatives: np.ndarray


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
    return _dice(_reduced(confusion(target, prediction), reduction))


def iou(target: np.ndarray, prediction: np.ndarray, reduction: str = "image") -> np.ndarray:
    """Computes `TP / (TP + FP + FN)` of each class, `(classes,)`; 1.0 where both are empty.

    Args:
        reduction: `"image"` for the mean over images, `"dataset"` for the counts of all images
            together.
    """
    return _iou(_reduced(confusion(target, prediction), reduction))


def pixel_accuracy(target: np.ndarray, prediction: np.ndarray) -> float:
    """Computes the share of pixels of all images whose class is right."""
    target, prediction = _checked(target, prediction)
    return float((target == prediction).all(axis=-1).mean())


def boundary_f1(
    target: np.ndarray, prediction: np.ndarray, tolerance_pixels: float = 2.0
) -> np.ndarray:
    """Computes the F1 score of the outlines, the mean over images, of each class, `(classes,)`.

    An outline is the pixels of a mask that touch, by an edge, a pixel outside it or the frame of
    the image. Precision is the share of the predicted outline that lies within the tolerance of
    the true one, recall the reverse. Both outlines empty gives 1.0, one of them 0.0.

    Args:
        tolerance_pixels: Float >= 0, the largest Euclidean distance that counts as a hit.

    Reference: Csurka et al., 2013. https://doi.org/10.5244/C.27.32
    """
    if not 0 <= tolerance_pixels < np.inf:
        raise BenchError(
            "boundary_f1: tolerance_pixels must be a number >= 0. "
            f"Received: tolerance_pixels={tolerance_pixels!r}."
        )
    target, prediction = _checked(target, prediction)
    scores = [
        [
            _outline_f1(truth[..., channel], predicted[..., channel], tolerance_pixels)
            for channel in range(target.shape[-1])
        ]
        for truth, predicted in zip(target, prediction, strict=True)
    ]
    return np.mean(scores, axis=0)


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
) -> dict[str, float | list[float]]:
    """Returns the scores of the test split, each in `[0, 1]`, higher is better.

    Args:
        targets: Masks of 0 and 1 in the shape of `probabilities`; or labels from 0, of that shape
            without the last axis, or with a last axis of 1.
        probabilities: `(images, height, width, classes)` or `(images, length, classes)`; the
            likeliest class is taken, or with one channel what exceeds `threshold`.
        tolerance_pixels: See `boundary_f1`.

    Returns:
        `test_dice_image`, `test_iou_image`, `test_boundary_f1`: means over images, then classes.
        `test_dice_dataset`, `test_iou_dataset`: of all pixels together, then the mean over
        classes; `test_iou_per_class`: the latter before the mean. `test_pixel_accuracy`.
    """
    prediction = hard_masks(probabilities, threshold)
    targets, num_classes = np.asarray(targets), prediction.shape[-1]
    if targets.shape == prediction.shape[:-1]:
        targets = targets[..., None]
    if num_classes > 1 and targets.shape == (*prediction.shape[:-1], 1):
        targets = one_hot(targets[..., 0], num_classes)
    counts = confusion(targets, prediction)
    by_image, by_dataset = (_reduced(counts, reduction) for reduction in REDUCTIONS)
    iou_per_class = _iou(by_dataset)
    return {
        "test_dice_image": float(_dice(by_image).mean()),
        "test_dice_dataset": float(_dice(by_dataset).mean()),
        "test_iou_image": float(_iou(by_image).mean()),
        "test_iou_dataset": float(iou_per_class.mean()),
        "test_iou_per_class": [float(value) for value in iou_per_class],
        "test_boundary_f1": float(boundary_f1(targets, prediction, tolerance_pixels).mean()),
        "test_pixel_accuracy": pixel_accuracy(targets, prediction),
    }


# --- trivial masks ------------------------------------------------------------------------------


class TrivialMask:
    """Answers every image with the same mask, which a model must beat to earn its training."""

    forward_macs = 0
    num_parameters = 0

    def fit(self, train_masks: np.ndarray) -> "TrivialMask":
        """Learns the one mask from `(images, height, width, classes)` of 0 and 1."""
        masks = _as_mask("train_masks", train_masks)
        self.probability_map = masks.mean(axis=0, dtype="float64")
        self.mask = self.choose(self.probability_map)
        return self

    def choose(self, probability_map: np.ndarray) -> np.ndarray:
        """Returns the mask, given the share of training masks that have each pixel and class."""
        raise NotImplementedError

    def predict(self, num_or_images) -> np.ndarray:
        """Returns the mask once per image, float32; takes a number of images, or images."""
        if not hasattr(self, "mask"):
            raise BenchError(f"{type(self).__name__}: fit must be called before predict.")
        is_number = isinstance(num_or_images, numbers.Integral)
        number = int(num_or_images) if is_number else len(num_or_images)
        return np.broadcast_to(self.mask, (number, *self.mask.shape)).astype("float32")


class AllBackground(TrivialMask):
    """Finds nothing: zeros, or class 0 everywhere."""

    def choose(self, probability_map):
        return _everywhere(probability_map, 0, binary_value=0)


class AllForeground(TrivialMask):
    """Finds the object everywhere: ones, or the most frequent class other than 0."""

    def choose(self, probability_map):
        shares = probability_map.reshape(-1, probability_map.shape[-1]).mean(axis=0)
        channel = 0 if len(shares) == 1 else 1 + int(shares[1:].argmax())
        return _everywhere(probability_map, channel, binary_value=1)


class MeanMask(TrivialMask):
    """Finds the object where most training masks have it: their mean, cut at the threshold.

    Args:
        threshold: Float; with several classes the most frequent class of each pixel is taken.
    """

    def __init__(self, threshold: float = 0.5):
        self.threshold = threshold

    def choose(self, probability_map):
        self.num_parameters = probability_map.size
        return hard_masks(probability_map[None], self.threshold)[0]


BASELINES = {
    "all_foreground": AllForeground,
    "all_background": AllBackground,
    "mean_mask": MeanMask,
}


def _everywhere(probability_map: np.ndarray, channel: int, binary_value: int) -> np.ndarray:
    mask = np.zeros(probability_map.shape, "uint8")
    mask[..., channel] = binary_value if mask.shape[-1] == 1 else 1
    return mask


# --- shared -------------------------------------------------------------------------------------


def _some(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values[:5]) + (", ..." if len(values) > 5 else "")


def _as_mask(name: str, values: np.ndarray) -> np.ndarray:
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
    return _as_mask("target", target), _as_mask("prediction", prediction)


def _reduced(counts: Confusion, reduction: str) -> Confusion:
    """Returns the counts as they are, or summed to one row for the data set."""
    if reduction not in REDUCTIONS:
        raise BenchError(
            f"segmentation: reduction must be one of 'image', 'dataset'. Received: {reduction!r}."
        )
    if reduction == "image":
        return counts
    return Confusion(*(count.sum(axis=0, keepdims=True) for count in counts))


def _dice(counts: Confusion) -> np.ndarray:
    twice = 2 * counts.true_positives
    return _share(twice, twice + counts.false_positives + counts.false_negatives)


def _iou(counts: Confusion) -> np.ndarray:
    hits = counts.true_positives
    return _share(hits, hits + counts.false_positives + counts.false_negatives)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Computes the mean over rows of `part / whole`, 1.0 where both are 0."""
    return np.where(whole == 0, 1.0, part / np.maximum(whole, 1)).mean(axis=0)


def _outline_f1(target: np.ndarray, prediction: np.ndarray, tolerance_pixels: float) -> float:
    from scipy import ndimage

    outlines = [mask & ~ndimage.binary_erosion(mask) for mask in (target, prediction)]
    if not all(outline.any() for outline in outlines):
        return float(not any(outline.any() for outline in outlines))
    distances = [ndimage.distance_transform_edt(~outline) for outline in outlines]
    recall = (distances[1][outlines[0]] <= tolerance_pixels).mean()
    precision = (distances[0][outlines[1]] <= tolerance_pixels).mean()
    return float(2 * precision * recall / max(precision + recall, 1e-12))
