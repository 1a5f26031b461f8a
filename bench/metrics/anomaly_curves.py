"""Exact curves of anomaly scores: counts at every distinct score, and what follows from them.

`anomaly` has the metrics for users; here is their arithmetic, and the checks of what they take.
Counts are whole numbers, so that equal scores give equal metrics to the last digit.
"""

import numbers
import typing

import numpy as np

from bench.errors import BenchError
from zoo.anomalies.ranking import Curve as Curve
from zoo.anomalies.ranking import auroc as auroc
from zoo.anomalies.ranking import counted as counted
from zoo.anomalies.ranking import descending

UPAE_TOLERANCE = 5e-3


class EqualErrorRate(typing.NamedTuple):
    """Holds the rate, the threshold nearest to it, and the F1 score of `score >= threshold`."""

    rate: float
    threshold: float
    f1: float


# --- counts ---------------------------------------------------------------------------------------


def precision(counts: Curve) -> np.ndarray:
    """Computes the share of anomalies in what each threshold finds, `(k,)`."""
    return counts.true_positives / (counts.true_positives + counts.false_positives)


def average_precision(counts: Curve) -> float:
    """Computes the mean of the precision over the steps of recall."""
    hits = counts.true_positives
    return float((np.diff(hits, prepend=0) * precision(counts)).sum() / hits[-1])


def f1(counts: Curve) -> np.ndarray:
    """Computes the F1 score, which is Dice, of each threshold, `(k,)`."""
    hits = counts.true_positives
    return 2 * hits / (hits[-1] + hits + counts.false_positives)


def trivial_f1(is_anomaly: np.ndarray) -> float:
    """Computes the F1 score of calling everything an anomaly."""
    share = is_anomaly.mean()
    return float(2 * share / (1 + share))


def equal_error_rate(counts: Curve) -> EqualErrorRate:
    """Finds where the ROC curve, with all its points and (0, 0), crosses `FPR = FNR`."""
    hits, false_alarms = (np.append(0, count) for count in counts[1:])
    num_anomalies, num_normals = int(hits[-1]), int(false_alarms[-1])
    # The two rates' difference, times both numbers: whole, rising, and of both signs.
    gap = false_alarms * num_anomalies - (num_anomalies - hits) * num_normals
    after = int((gap >= 0).argmax())
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    before, step = false_alarms[after - 1], false_alarms[after] - false_alarms[after - 1]
    nearest = int(np.abs(gap[1:]).argmin())  # the point that finds nothing has no threshold
    return EqualErrorRate(
        float((before + share * step) / num_normals),
        float(counts.thresholds[nearest]),
        float(f1(counts)[nearest]),
    )


def upae_equal_error_rate(is_anomaly: np.ndarray, scores: np.ndarray) -> EqualErrorRate:
    """Finds the first corner of the ROC curve whose two rates are near each other."""
    from sklearn import metrics

    # Corners alone, as that code has it: with all points, an earlier one may be near enough.
    false_positive_rate, true_positive_rate, thresholds = metrics.roc_curve(is_anomaly, scores)
    gap = np.abs(false_positive_rate - (1 - true_positive_rate))
    near = np.flatnonzero(gap <= UPAE_TOLERANCE)
    if len(near) == 0:
        raise BenchError(
            f"equal_error_rate: mode must be 'interpolated' here, as no corner of the ROC curve "
            f"has rates within {UPAE_TOLERANCE:g} of each other (the nearest: {gap.min():.3g}). "
            "Received: mode='upae'."
        )
    is_positive = scores >= thresholds[near[0]]
    hits = (is_positive & is_anomaly).sum()
    return EqualErrorRate(
        float(false_positive_rate[near[0]]),
        float(thresholds[near[0]]),
        float(2 * hits / (is_anomaly.sum() + is_positive.sum())),
    )


def counted_pixels(is_anomaly: np.ndarray, score_maps: np.ndarray) -> Curve:
    """Counts all pixels of all images together."""
    return counted(is_anomaly.ravel(), score_maps.ravel())


def aupro(is_anomaly: np.ndarray, score_maps: np.ndarray, limit: float, connectivity: int) -> float:
    """Computes the area of the mean overlap of regions, up to a false positive rate of `limit`."""
    if not is_number(limit) or not 0 < limit <= 1:
        raise BenchError(
            f"aupro: limit must be a number in (0, 1]. Received: limit={limit!r}. For example 0.3."
        )
    region_of = _regions(is_anomaly, connectivity).ravel()
    sizes = np.bincount(region_of)
    weights = np.append(0.0, 1 / (sizes[1:] * (len(sizes) - 1.0)))
    order, last = descending(score_maps.ravel())
    ordered = region_of[order]
    overlap = np.append(0.0, np.cumsum(weights[ordered])[last])
    false_positive_rate = np.append(0.0, np.cumsum(ordered == 0)[last] / sizes[0])
    num = int(np.searchsorted(false_positive_rate, limit, side="right"))
    x, y = false_positive_rate[:num], overlap[:num]
    if num < len(overlap):
        share = (limit - x[-1]) / (false_positive_rate[num] - x[-1])
        x, y = np.append(x, limit), np.append(y, y[-1] + share * (overlap[num] - y[-1]))
    return float(np.trapezoid(y, x) / limit)


def _regions(is_anomaly: np.ndarray, connectivity: int) -> np.ndarray:
    """Returns 0 on normal pixels, and elsewhere the number of the region, over all images."""
    from scipy import ndimage

    if connectivity not in (4, 8):
        raise BenchError(
            f"aupro: connectivity must be 4 or 8. Received: connectivity={connectivity!r}."
        )
    num_axes = is_anomaly.ndim - 1
    neighbours = np.zeros((3,) * is_anomaly.ndim, bool)
    # The middle alone: regions do not reach from one image to the next.
    neighbours[1] = ndimage.generate_binary_structure(num_axes, 1 if connectivity == 4 else 2)
    return ndimage.label(is_anomaly, neighbours)[0]


# --- checks ---------------------------------------------------------------------------------------


def is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def checked_scores(name: str, values: np.ndarray) -> np.ndarray:
    """Returns finite numbers: floats as they are, others as float64."""
    values = np.asarray(values)
    if values.dtype.kind not in "buif" or values.size == 0:
        raise BenchError(
            f"anomaly: {name} must be numbers, at least one. "
            f"Received: shape {values.shape} of {values.dtype}."
        )
    values = values if values.dtype.kind == "f" else values.astype("float64")
    is_bad = ~np.isfinite(values)
    if is_bad.any():
        raise BenchError(
            f"anomaly: {name} must be finite. Received: NaN or infinity in {int(is_bad.sum())} of "
            f"{values.size}. Train the model again, or clip its variance."
        )
    return values


def checked_labels(name: str, values: np.ndarray) -> np.ndarray:
    """Returns a bool array that holds both."""
    values = np.asarray(values)
    is_anomaly = values == 1
    if values.size == 0 or not (is_anomaly | (values == 0)).all():
        received = ", ".join(f"{value}" for value in np.unique(values)[:5]) or "nothing"
        fix = "Give labels != normal_class." if name == "labels" else "Give masks > 0."
        raise BenchError(
            f"anomaly: {name} must hold 0 (normal) and 1 (anomaly). Received: {received}. {fix}"
        )
    if is_anomaly.all() or not is_anomaly.any():
        raise BenchError(
            f"anomaly: {name} must hold both 0 (normal) and 1 (anomaly). "
            f"Received: {int(is_anomaly.any())} alone. Add what is missing to the test data."
        )
    return is_anomaly


def checked_images(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if np.ndim(scores) != 1 or np.shape(labels) != np.shape(scores):
        raise BenchError(
            "anomaly: labels and scores must have the same shape, (n,). "
            f"Received: {np.shape(labels)} and {np.shape(scores)}. Give one score per image."
        )
    return checked_labels("labels", labels), checked_scores("scores", scores).astype("float64")


def checked_pixels(masks: np.ndarray, score_maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    masks, score_maps = np.asarray(masks), np.asarray(score_maps)
    received = f"{masks.shape} and {score_maps.shape}"
    num_axes = min(masks.ndim, score_maps.ndim, 3)
    masks, score_maps = (
        values[..., 0] if values.ndim == num_axes + 1 and values.shape[-1] == 1 else values
        for values in (masks, score_maps)
    )
    if masks.ndim not in (2, 3) or masks.shape != score_maps.shape:
        raise BenchError(
            "anomaly: masks and score_maps must have the same shape, (images, height, width) or "
            f"(images, length). Received: {received}."
        )
    return checked_labels("masks", masks), checked_scores("score_maps", score_maps)
