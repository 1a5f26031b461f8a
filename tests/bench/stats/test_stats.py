"""Intervals and ranks against scipy, simulation and tables made by hand."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.stats import intervals
from bench.stats.intervals import Interval


def test_mean_interval_is_students():
    values = [0.1, 0.4, 0.2, 0.9]
    found = intervals.mean_interval(values)
    low, high = scipy_stats.t.interval(0.95, 3, loc=np.mean(values), scale=scipy_stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((0.4, low, high))
    assert found.num == 4


def test_confidence_widens_the_interval_and_must_be_a_fraction():
    low, high = scipy_stats.t.interval(0.8, 2, loc=2.0, scale=1 / np.sqrt(3))
    found = intervals.mean_interval([1.0, 2.0, 3.0], 0.8)
    assert (found.low, found.high) == pytest.approx((low, high))
    for function in (intervals.mean_interval, intervals.median_interval):
        with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\)"):
            function([1.0, 2.0, 3.0], 95)
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\)"):
        intervals.bootstrap_interval([1.0, 2.0, 3.0], confidence=1.0)


def test_one_value_has_no_interval():
    assert intervals.mean_interval([0.3]) == Interval(0.3, None, None, 1)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [[1.0]]])
def test_values_must_be_finite_numbers(values):
    with pytest.raises(ValueError, match="list of finite numbers"):
        intervals.mean_interval(values)


def test_median_interval_of_thirty():
    """P(B(30, 1/2) <= 9) = 0.021 and P(B <= 10) = 0.049: the 10th and the 21st smallest."""
    found = intervals.median_interval(np.arange(30.0)[::-1])
    assert (found.median, found.low, found.high) == (14.5, 9.0, 20.0)
    assert found.exact_coverage


def test_median_interval_covers():
    generator = np.random.default_rng(0)
    samples = generator.exponential(size=(2_000, 31))
    found = [intervals.median_interval(sample) for sample in samples]
    covered = np.mean([interval.low <= np.log(2) <= interval.high for interval in found])
    assert covered >= 0.94  # at least 95 %, less three standard errors of the simulation


def test_too_small_a_sample_is_flagged():
    found = intervals.median_interval([3.0, 1.0, 2.0])
    assert (found.low, found.high, found.exact_coverage) == (1.0, 3.0, False)


def test_six_samples_are_the_fewest_that_cover():
    """The range of n misses with probability 2 / 2^n: 0.0625 for 5, 0.03125 for 6."""
    assert not intervals.median_interval(np.arange(5.0)).exact_coverage
    found = intervals.median_interval(np.arange(6.0))
    assert (found.low, found.high, found.exact_coverage) == (0.0, 5.0, True)


def test_bootstrap_repeats_with_its_seed_and_takes_any_statistic():
    values = np.random.default_rng(2).exponential(size=40)
    first = intervals.bootstrap_interval(values, np.median, num_resamples=200, seed=3)
    assert first == intervals.bootstrap_interval(values, np.median, num_resamples=200, seed=3)
    assert first != intervals.bootstrap_interval(values, np.median, num_resamples=200, seed=4)
    assert first.mean == np.median(values)
    assert first.low <= first.mean <= first.high


def test_bootstrap_needs_something_to_resample():
    with pytest.raises(ValueError, match="values must be at least two"):
        intervals.bootstrap_interval([1.0])
    with pytest.raises(ValueError, match="num_resamples at least one"):
        intervals.bootstrap_interval([1.0, 2.0], num_resamples=0)


def test_bootstrap_of_a_mean_is_near_students():
    values = np.random.default_rng(1).normal(size=200)
    found, exact = intervals.bootstrap_interval(values), intervals.mean_interval(values)
    assert found.low == pytest.approx(exact.low, abs=0.03)
    assert found.high == pytest.approx(exact.high, abs=0.03)


def test_percentiles_need_samples():
    """0.9^29 < 0.05 < 0.9^28: the largest of 29 samples is above p90 with 95 %."""
    for percentile in (90, 95, 99):
        fewest = int(np.ceil(np.log(0.05) / np.log(percentile / 100)))
        assert intervals.percentile_allowed(percentile, fewest)
        assert not intervals.percentile_allowed(percentile, fewest - 1)
    with pytest.raises(ValueError, match="percentile must be 90, 95 or 99"):
        intervals.percentile_allowed(50, 1_000)


def interval(mean, half):
    return Interval(mean, mean - half, mean + half, 3)


def test_overlapping_rows_share_a_rank():
    table = [interval(5.0, 0.1), interval(1.0, 0.3), interval(1.5, 0.3), interval(3.0, 0.5)]
    assert intervals.shared_ranks(table) == [4, 1, 1, 3]


def test_a_rank_is_judged_against_its_leader_not_along_a_chain():
    chain = [interval(1.0, 0.3), interval(1.5, 0.3), interval(2.0, 0.3)]
    assert intervals.shared_ranks(chain) == [1, 1, 3]


def test_a_wide_row_behind_a_new_leader_shares_with_that_leader():
    table = [interval(1.0, 0.2), interval(2.0, 0.2), interval(2.5, 2.0), interval(9.0, 0.1)]
    assert intervals.shared_ranks(table) == [1, 2, 2, 4]


def test_a_row_without_interval_does_not_share_by_overlap():
    table = [interval(1.0, 0.5), Interval(1.1, None, None, 1), interval(1.2, 0.5)]
    assert intervals.shared_ranks(table) == [1, 2, 3]


def test_direction():
    table = [interval(20.0, 0.1), interval(30.0, 0.1)]
    assert intervals.shared_ranks(table, lower_is_better=False) == [2, 1]


def test_single_seeds_share_only_when_equal():
    table = [Interval(m, None, None, 1) for m in (1.0, 1.0, 1.001)]
    assert intervals.shared_ranks(table) == [1, 1, 3]


@pytest.mark.parametrize("num", [2, 3, 5, 6, 9, 20, 41, 200])
def test_intervals_are_those_of_scipys_distributions(num):
    values = np.random.default_rng(num).normal(size=num)
    for confidence in (0.5, 0.9, 0.95, 0.99):
        mean = intervals.mean_interval(values, confidence)
        half = scipy_stats.t.ppf(0.5 + confidence / 2, num - 1) * values.std(ddof=1) / num**0.5
        assert mean.high - mean.mean == pytest.approx(half)
        rank = max(1, int(scipy_stats.binom.ppf((1 - confidence) / 2, num, 0.5)))
        median = intervals.median_interval(values, confidence)
        ordered = np.sort(values)
        assert (median.low, median.high) == (ordered[rank - 1], ordered[-rank])
