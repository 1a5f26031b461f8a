"""How well scores tell anomalies from normals, from counts at every distinct score.

Counts are whole numbers, so that equal scores give equal areas to the last digit. No Keras.
"""

import typing

import numpy as np


class Curve(typing.NamedTuple):
    """Holds the counts of what is found at each distinct score, the highest first.

    Attributes:
        thresholds: `(k,)`; found is what has `score >= threshold`.
        true_positives: int64 `(k,)`, anomalies that are found; the last entry is all of them.
        false_positives: int64 `(k,)`, normals that are found; the last entry is all of them.
    """

    thresholds: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray


def descending(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the order from the highest score, and the last place of each distinct score."""
    order = np.argsort(scores)[::-1]
    ordered = scores[order]
    return order, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def counted(is_anomaly: np.ndarray, scores: np.ndarray) -> Curve:
    """Sorts once, and counts at the last place of equal scores."""
    order, last = descending(scores)
    hits = np.cumsum(is_anomaly[order], dtype="int64")[last]
    return Curve(scores[order[last]], hits, last + 1 - hits)


def auroc(counts: Curve) -> float:
    """Computes the area by trapezoids, which are what counts equal scores by half."""
    hits, false_alarms = (np.append(0, count) for count in counts[1:])
    twice_the_area = (np.diff(false_alarms) * (hits[1:] + hits[:-1])).sum()
    return float(twice_the_area / (2 * int(hits[-1]) * int(false_alarms[-1])))


def chance(normal: np.ndarray, anomalous: np.ndarray) -> float:
    """Computes the AUROC of two samples of scores: the chance that the second is higher.

    Equal scores count by half.

    Args:
        normal, anomalous: `(n,)` and `(m,)`, at least one value each.

    Raises:
        ValueError: if one is empty, or holds NaN or infinity.
    """
    samples = [np.asarray(each, "float64").ravel() for each in (normal, anomalous)]
    if not all(len(each) and np.isfinite(each).all() for each in samples):
        raise ValueError(
            "chance: scores must be finite, at least one of each kind. Received: "
            f"{len(samples[0])} and {len(samples[1])}, finite: "
            f"{[bool(np.isfinite(each).all()) for each in samples]}."
        )
    scores = np.concatenate(samples)
    return auroc(counted(np.arange(len(scores)) >= len(samples[0]), scores))


def auroc_of_aucp(aucp: float, share: float) -> float:
    """Estimates the AUROC from the chance that an unlabelled image scores above a normal one.

        AUCp = share * AUROC + (1 - share) / 2

    holds in expectation, as the normals among the unlabelled are above known ones by half. So a
    choice by AUCp is one by AUROC, and needs no labels; the smaller the share, the more noise.

    Args:
        aucp: In `[0, 1]`.
        share: Of anomalies among the unlabelled, above 0.

    Reference: Siddiquee et al., 2026. https://arxiv.org/abs/2606.08742
    """
    if not 0 < share <= 1:
        raise ValueError(
            "auroc_of_aucp: share must be above 0 and at most 1. "
            f"Received: share={share}. Without anomalies AUCp says nothing."
        )
    return (aucp - (1 - share) / 2) / share
