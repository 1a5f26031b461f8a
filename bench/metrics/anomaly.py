"""How well anomalies are found, as images and as pixels.

A higher score means a stranger image; label 1 is an anomaly, 0 is normal. Nothing is clipped: an
area below 0.5 says that anomalies look more normal than normals do. That happens with simple shapes
and should be visible. All curves are exact: every distinct score is a threshold, and images with
equal scores fall on the same side of it.
"""

import numpy as np

from bench.errors import BenchError
from bench.metrics import anomaly_curves as curves

MODES = ("interpolated", "upae")
AUPRO_LIMIT = 0.3


# --- images -------------------------------------------------------------------------------------


def curve(labels: np.ndarray, scores: np.ndarray) -> curves.Curve:
    """Counts what each threshold finds: the one sort that all metrics of images start from.

    Args:
        labels: `(n,)` of 0 (normal) and 1 (anomaly), both present.
        scores: `(n,)`, finite, higher for stranger ones.

    Raises:
        BenchError: for other values or shapes, or a missing class; as in all metrics here.
    """
    return curves.counted(*curves.checked_images(labels, scores))


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the chance that an anomaly scores above a normal; equal scores count 1/2."""
    return curves.auroc(curve(labels, scores))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the step sum of precision over recall, `sum_k (R_k - R_(k-1)) P_k`."""
    return curves.average_precision(curve(labels, scores))


def equal_error_rate(
    labels: np.ndarray, scores: np.ndarray, mode: str = "interpolated"
) -> curves.EqualErrorRate:
    """Computes the error rate where as many normals are taken for anomalies as the reverse.

    Args:
        mode: `"interpolated"`: the false positive rate where the straight line between two points
            of the ROC curve crosses the false negative rate; the threshold is that of the nearest
            point. `"upae"`: the false positive rate of the first corner of the ROC curve where
            the two rates differ by at most 5e-3, as in the official code of UPAE; there may be
            none.

    Raises:
        BenchError: for an unknown mode, or if `"upae"` finds no such point.

    Reference: Mao et al., 2020. https://github.com/dbbbbm/UAE
    """
    if mode not in MODES:
        raise BenchError(
            f"equal_error_rate: mode must be one of {', '.join(map(repr, MODES))}. "
            f"Received: mode={mode!r}."
        )
    labels, scores = curves.checked_images(labels, scores)
    if mode == "upae":
        return curves.upae_equal_error_rate(labels, scores)
    return curves.equal_error_rate(curves.counted(labels, scores))


def summary(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Returns the scores of the test split: all higher is better, but `test_eer`.

    Returns:
        `test_auroc`, `test_average_precision`, `test_f1_max`, `test_f1_floor` (a share of
        anomalies alone gives it), `test_eer` and `test_f1_at_eer`.
    """
    labels, scores = curves.checked_images(labels, scores)
    counts = curves.counted(labels, scores)
    crossing = curves.equal_error_rate(counts)
    return {
        "test_auroc": curves.auroc(counts),
        "test_average_precision": curves.average_precision(counts),
        "test_f1_max": float(curves.f1(counts).max()),
        "test_f1_floor": curves.trivial_f1(labels),
        "test_eer": crossing.rate,
        "test_f1_at_eer": crossing.f1,
    }


# --- pixels -------------------------------------------------------------------------------------


def pixel_auroc(masks: np.ndarray, score_maps: np.ndarray) -> float:
    """Computes the AUROC of all pixels of all images together.

    Args:
        masks: `(images, height, width)` or `(images, length)` of 0 and 1, where 1 is anomalous;
            a last axis of 1 may follow. Images without an anomaly belong in it.
        score_maps: Scores of the pixels, shaped as the masks.
    """
    return curves.auroc(curves.counted_pixels(*curves.checked_pixels(masks, score_maps)))


def best_dice(masks: np.ndarray, score_maps: np.ndarray) -> float:
    """Computes the Dice score of all pixels together at the best single threshold: `F1-max`.

    Exact, from the precision-recall curve, where grids of thresholds come from below.
    """
    return float(curves.f1(curves.counted_pixels(*curves.checked_pixels(masks, score_maps))).max())


def aupro(
    masks: np.ndarray,
    score_maps: np.ndarray,
    limit: float = AUPRO_LIMIT,
    connectivity: int = 8,
) -> float:
    """Computes the area under the per-region overlap, so that small defects weigh as large ones.

        PRO(t) = mean over regions of |found and region| / |region|
        FPR(t) = found normal pixels / all normal pixels
        AUPRO  = integral of PRO over FPR from 0 to limit, divided by limit

    A region is a connected component of a mask. Exact: all pixels are sorted once by their score,
    and the curve is interpolated linearly, also at the limit.

    Args:
        limit: In `(0, 1]`, the highest false positive rate.
        connectivity: `8`, or `4` when pixels that touch by a corner alone are two regions. It
            makes no difference to series.

    Reference: Bergmann et al., 2021. https://doi.org/10.1007/s11263-020-01400-4
    """
    is_anomaly, score_maps = curves.checked_pixels(masks, score_maps)
    return curves.aupro(is_anomaly, score_maps, limit, connectivity)


def pixel_summary(
    masks: np.ndarray,
    score_maps: np.ndarray,
    limit: float = AUPRO_LIMIT,
    connectivity: int = 8,
) -> dict[str, float]:
    """Returns the scores of the pixels of the test split, each in `[0, 1]`, higher is better.

    Args:
        masks: See `pixel_auroc`.
        score_maps: See `pixel_auroc`.
        limit: See `aupro`.
        connectivity: See `aupro`.

    Returns:
        `test_pixel_auroc`, `test_pixel_average_precision`, `test_aupro`, `test_best_dice`, and
        `test_dice_floor`: the Dice score of calling every pixel anomalous.
    """
    is_anomaly, score_maps = curves.checked_pixels(masks, score_maps)
    counts = curves.counted_pixels(is_anomaly, score_maps)
    return {
        "test_pixel_auroc": curves.auroc(counts),
        "test_pixel_average_precision": curves.average_precision(counts),
        "test_aupro": curves.aupro(is_anomaly, score_maps, limit, connectivity),
        "test_best_dice": float(curves.f1(counts).max()),
        "test_dice_floor": curves.trivial_f1(is_anomaly),
    }
