"""Expected improvements: against integrals, draws and limits worked out by themselves."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from tuner.algorithms import improvement
from tuner.trials import pareto


@pytest.mark.parametrize("best", [-3.0, -0.5, 0.2, 4.0])
def test_the_expected_improvement_is_its_integral(best):
    mean, deviation = 0.3, 0.7
    expected, _ = integrate.quad(
        lambda f: (best - f) * stats.norm.pdf(f, mean, deviation), -12, best, epsabs=1e-14
    )
    found = improvement.log_expected(np.array([mean]), np.array([deviation]), best)
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-6)


def test_far_from_the_best_it_neither_underflows_nor_jumps():
    z = np.concatenate([np.linspace(-2e5, -1, 4001), np.linspace(-1.01, -0.99, 101)])
    found = improvement.log_expected(-np.sort(z)[::-1], np.ones(len(z)), 0.0)[::-1]
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
    # phi(z) / z^2 for z to -infinity.
    for each in (-30.0, -300.0, -5e4):
        limit = -(each**2) / 2 - math.log(2 * math.pi) / 2 - 2 * math.log(-each)
        value = improvement.log_expected(np.array([-each]), np.ones(1), 0.0)[0]
        assert value == pytest.approx(limit, abs=4 / each**2, rel=1e-12)


def test_the_expected_volume_is_the_mean_of_what_draws_add():
    front = np.array([[0.0, 1.0], [0.4, 0.4], [1.0, 0.1]])
    reference = np.array([1.2, 1.3])
    means = np.array([[0.2, 0.2], [0.8, 0.9], [0.5, 0.3], [1.1, 0.0]])
    deviations = np.array([[0.2, 0.3], [0.1, 0.4], [0.3, 0.05], [0.2, 0.2]])
    found = np.exp(improvement.log_expected_volume(means, deviations, front, reference))
    whole = pareto.hypervolume(front, reference)
    normal = np.random.default_rng(0).normal(size=(4_000, 2))
    for mean, deviation, value in zip(means, deviations, found, strict=True):
        added = [
            pareto.hypervolume([*front, point], reference) - whole
            for point in mean + deviation * normal
        ]
        spread = np.std(added) / math.sqrt(len(added))
        assert value == pytest.approx(np.mean(added), abs=4 * spread + 1e-9)


def test_certain_points_add_what_they_add():
    front, reference = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([2.0, 2.0])
    means = np.array([[0.5, 0.5], [-1.0, 0.5], [1.5, 1.5]])
    found = improvement.log_expected_volume(means, np.full((3, 2), 1e-9), front, reference)
    # (0.5, 0.5): the square up to (1, 1); (-1, 0.5): 1 x 1.5 beside the front, 1 x 0.5 below it.
    np.testing.assert_allclose(np.exp(found), [0.25, 2.0, 0.0], atol=1e-7)


def test_the_reference_is_beyond_the_front_and_no_better_than_the_worst_trials():
    front, reference = improvement.reference_point(np.array([[0.0, 2.0], [1.0, 0.0], [0.5, 5.0]]))
    np.testing.assert_allclose(front, [[0.0, 2.0], [1.0, 0.0]])
    # A tenth beyond 0 to 1; the worst of 0, 2 and 5, which is no cliff.
    np.testing.assert_allclose(reference, [1.1, 5.0])
    # 900 is far above the middle of 0, 1, 900: it counts as 1 + 2 (1 - 0).
    cliff = np.array([[0.0, 1.0], [1.0, 0.0], [900.0, 0.5]])
    np.testing.assert_allclose(improvement.reference_point(cliff)[1], [3.0, 1.1])
    _, reference = improvement.reference_point(np.array([[0.0, 0.0], [0.5, 0.2]]))
    np.testing.assert_allclose(reference, [0.5, 0.2])
