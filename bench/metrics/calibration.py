"""Whether a predicted uncertainty is right, and whether it is large where the error is.

The prediction of a pixel is a Gaussian with a mean and a standard deviation, `z = (x - mean) /
deviation`. Coverage asks how often `x` lies in a central interval of it; of a calibrated model that
is the interval's own share. Sparsification asks about the order alone: pixels of the largest
deviation are left out first, and the error of the rest has to fall as if those of the largest error
had been.
"""

import statistics
from typing import Any

import numpy as np

from bench.errors import BenchError

SHARES = (0.5, 0.9, 0.95)  # of the intervals whose coverage is measured
_LEVELS = np.arange(1, 20) / 20
_LEFT_OUT = np.arange(20) / 20  # shares of the pixels
_NORMAL = statistics.NormalDist()


def summary(target: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> dict[str, Any]:
    """Measures a predicted uncertainty, all pixels of all images together.

    Args:
        target, mean, deviation: Floats of one shape, the first axis the images; deviations > 0.

    Returns:
        `test_coverage_50`, `_90` and `_95`; `test_quantile_calibration_error`, the mean over 19
        levels of how far the share of pixels below the predicted quantile is from the level;
        `test_sparsification_error`, see `sparsification`; `uncertainty_curves`, for pictures: both
        curves of sparsification over the shares `left_out`, and the shares of pixels `below` the
        predicted quantiles of `levels`.

    Raises:
        BenchError: for shapes that differ, or a deviation that is not above 0.
    """
    target, mean, deviation = _checked(target, mean, deviation)
    z = np.abs(target - mean) / deviation
    fields: dict[str, Any] = {
        f"test_coverage_{round(100 * share)}": float(np.mean(z <= _NORMAL.inv_cdf((1 + share) / 2)))
        for share in SHARES
    }
    signed = np.sort((target - mean) / deviation)
    below = np.searchsorted(signed, [_NORMAL.inv_cdf(level) for level in _LEVELS], side="right")
    below = below / len(signed)
    fields["test_quantile_calibration_error"] = float(np.mean(np.abs(below - _LEVELS)))
    by_deviation, by_error = sparsification(target, mean, deviation)
    fields["test_sparsification_error"] = float(np.mean(by_deviation - by_error))
    curves = {
        "left_out": _LEFT_OUT,
        "by_deviation": by_deviation,
        "by_error": by_error,
        "levels": _LEVELS,
        "below": below,
    }
    fields["uncertainty_curves"] = {
        name: [float(f"{value:.5g}") for value in values] for name, values in curves.items()
    }
    return fields


def sparsification(
    target: np.ndarray, mean: np.ndarray, deviation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Computes the error of the pixels that are left, when 0, 5, ... 95 % are left out.

    Returns:
        Root mean squared errors over that of all pixels, `(20,)`: with the largest deviations left
        out first, and with the largest errors. The mean gap between the two is the area between
        the curves (AUSE), 0 where the deviation orders the pixels as the error does.

    Reference: Ilg et al., 2018. https://arxiv.org/abs/1802.07095
    """
    target, mean, deviation = _checked(target, mean, deviation)
    squared = np.square(target - mean)
    curves = []
    for order in (np.argsort(-deviation, kind="stable"), np.argsort(-squared, kind="stable")):
        left = np.cumsum(squared[order][::-1])[::-1]  # from each place on to the end
        starts = (_LEFT_OUT * len(squared)).astype(int)
        means = left[starts] / (len(squared) - starts)
        curves.append(np.sqrt(means / max(float(means[0]), np.finfo("float64").tiny)))
    return curves[0], curves[1]


def _checked(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    target, mean, deviation = (np.asarray(array, "float64") for array in arrays)
    if not target.shape == mean.shape == deviation.shape or target.size == 0:
        raise BenchError(
            "calibration: target, mean and deviation must have one shape. Received: "
            f"{target.shape}, {mean.shape}, {deviation.shape}."
        )
    if not (deviation > 0).all():
        raise BenchError("calibration: deviations must be above 0. Received: 0 or less.")
    return target.ravel(), mean.ravel(), deviation.ravel()
