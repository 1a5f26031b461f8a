"""Calibration against Gaussians whose truth is known, and sparsification by hand."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.metrics import calibration


def gaussian(scale):
    """Pixels whose true deviation is known, and predicted `scale` times too large."""
    generator = np.random.default_rng(0)
    deviation = generator.uniform(0.5, 2, size=(50, 40, 40))
    return generator.normal(scale=deviation), np.zeros_like(deviation), scale * deviation


def test_the_true_deviation_is_calibrated():
    found = calibration.summary(*gaussian(1.0))
    for share in calibration.SHARES:
        assert found[f"test_coverage_{round(100 * share)}"] == pytest.approx(share, abs=0.005)
    assert found["test_quantile_calibration_error"] < 0.003


@pytest.mark.parametrize(("scale", "coverage"), [(2.0, 0.823), (0.5, 0.264)])
def test_intervals_too_wide_and_too_narrow(scale, coverage):
    """P(|z| <= 0.6745 scale) of a standard normal z."""
    found = calibration.summary(*gaussian(scale))
    assert found["test_coverage_50"] == pytest.approx(coverage, abs=0.005)
    assert found["test_quantile_calibration_error"] > 0.05


def test_sparsification_by_hand():
    """Twenty pixels of errors 1 to 20, left out in the right order and in the reverse."""
    errors = np.arange(1.0, 21)
    squares = errors**2
    expected = [np.sqrt(squares[: 20 - k].mean() / squares.mean()) for k in range(20)]
    right, oracle = calibration.sparsification(errors, np.zeros(20), errors)
    np.testing.assert_allclose(right, expected)
    np.testing.assert_allclose(oracle, expected)
    wrong, _ = calibration.sparsification(errors, np.zeros(20), 1 / errors)
    reverse = [np.sqrt(squares[k:].mean() / squares.mean()) for k in range(20)]
    np.testing.assert_allclose(wrong, reverse)
    best, worst = (
        calibration.summary(errors, np.zeros(20), deviation)["test_sparsification_error"]
        for deviation in (errors, 1 / errors)
    )
    assert best == 0 < worst


def test_wrong_arrays():
    with pytest.raises(BenchError, match="must have one shape"):
        calibration.summary(np.zeros(3), np.zeros(3), np.ones(4))
    with pytest.raises(BenchError, match="deviations must be above 0"):
        calibration.summary(np.zeros(3), np.zeros(3), np.zeros(3))
