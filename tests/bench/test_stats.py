"""Intervals and ranks against scipy, simulation and tables made by hand."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench import stats
from bench.stats import Interval


def test_mean_interval_is_students():
    values = [0.1, 0.4, 0.2, 0.9]
    found = stats.mean_interval(values)
    low, high = scipy_stats.t.interval(0.95, 3, loc=np.mean(values), scale=scipy_stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((0.4, low, high))
    assert found.num == 4


def test_one_value_has_no_interval():
    assert stats.mean_interval([0.3]) == Interval(0.3, None, None, 1)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [[1.0]]])
def test_values_must_be_finite_numbers(values):
    with pytest.raises(ValueError, match="list of finite numbers"):
        stats.mean_interval(values)


def test_median_interval_of_thirty():
    """P(B(30, 1/2) <= 9) = 0.021 and P(B <= 10) = 0.049: the 10th and the 21st smallest."""
    found = stats.median_interval(np.arange(30.0)[::-1])
    assert (found.median, found.low, found.high) == (14.5, 9.0, 20.0)
    assert found.exact_coverage


def test_median_interval_covers():
    generator = np.random.default_rng(0)
    samples = generator.exponential(size=(2_000, 31))
    found = [stats.median_interval(sample) for sample in samples]
    covered = np.mean([interval.low <= np.log(2) <= interval.high for interval in found])
    assert covered >= 0.94  # at least 95 %, less three standard errors of the simulation


def test_too_small_a_sample_is_flagged():
    found = stats.median_interval([3.0, 1.0, 2.0])
    assert (found.low, found.high, found.exact_coverage) == (1.0, 3.0, False)


def test_bootstrap_of_a_mean_is_near_students():
    values = np.random.default_rng(1).normal(size=200)
    found, exact = stats.bootstrap_interval(values), stats.mean_interval(values)
    assert found.low == pytest.approx(exact.low, abs=0.03)
    assert found.high == pytest.approx(exact.high, abs=0.03)


def test_percentiles_need_samples():
    assert [stats.percentile_allowed(p, n) for p, n in ((90, 29), (90, 28), (99, 299))] == [
        True,
        False,
        True,
    ]


def interval(mean, half):
    return Interval(mean, mean - half, mean + half, 3)


def test_overlapping_rows_share_a_rank():
    table = [interval(5.0, 0.1), interval(1.0, 0.3), interval(1.5, 0.3), interval(3.0, 0.5)]
    assert stats.shared_ranks(table) == [4, 1, 1, 3]


def test_a_rank_is_judged_against_its_leader_not_along_a_chain():
    chain = [interval(1.0, 0.3), interval(1.5, 0.3), interval(2.0, 0.3)]
    assert stats.shared_ranks(chain) == [1, 1, 3]


def test_direction():
    table = [interval(20.0, 0.1), interval(30.0, 0.1)]
    assert stats.shared_ranks(table, lower_is_better=False) == [2, 1]


def test_single_seeds_share_only_when_equal():
    table = [Interval(m, None, None, 1) for m in (1.0, 1.0, 1.001)]
    assert stats.shared_ranks(table) == [1, 1, 3]


def test_geometric_mean():
    assert stats.geometric_mean([0.5, 8.0]) == pytest.approx(2.0)
