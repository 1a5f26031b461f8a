"""Intervals and ranks: what may be said of a mean over seeds, and of a median of timings."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

# Fewest samples for a finite 95 % upper bound of each percentile (order statistics).
_FEWEST_SAMPLES = {90: 29, 95: 59, 99: 299}


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval; `low` and `high` are None for a single value."""

    mean: float
    low: float | None
    high: float | None
    num: int


@dataclasses.dataclass(frozen=True)
class MedianInterval:
    """A median with the interval between two order statistics.

    Attributes:
        exact_coverage: False when the sample is too small for the confidence asked for; the
            interval is then the whole range.
    """

    median: float
    low: float
    high: float
    num: int
    exact_coverage: bool


def decimals(half: float, most: int = 6) -> int:
    """Returns how many decimals show the first two digits of half an interval, at most `most`.

    Args:
        half: Half of the interval, or another spread, above 0.
    """
    return max(0, min(1 - math.floor(math.log10(half)), most))


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Computes the Student-t interval of a mean.

        mean +- t(1 - (1 - confidence) / 2, n - 1) s / sqrt(n),  s with n - 1

    Args:
        values: One value per seed, at least one.
        confidence: In `(0, 1)`.

    Raises:
        ValueError: for no values, a value that is not finite, or a confidence outside `(0, 1)`.
    """
    _check_confidence(confidence)
    values = _finite(values)
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, None, None, 1)
    from scipy.special import stdtrit  # `scipy.stats` takes over a second to import

    quantile = stdtrit(len(values) - 1, 0.5 + confidence / 2)
    half = float(quantile * values.std(ddof=1) / len(values) ** 0.5)
    return Interval(mean, mean - half, mean + half, len(values))


def median_interval(values: Sequence[float], confidence: float = 0.95) -> MedianInterval:
    """Computes the distribution-free interval of a median from order statistics.

    The number of samples below the median is binomial(n, 1/2): the interval from the `k`-th
    smallest to the `k`-th largest sample covers with probability `1 - 2 P(B < k)`. The largest
    `k` that reaches the confidence is taken.

    Args:
        values: At least one value.
        confidence: In `(0, 1)`.

    Reference: David and Nagaraja, Order Statistics, 2003, section 7.1.
    """
    from scipy.special import bdtr

    _check_confidence(confidence)
    ordered = np.sort(_finite(values))
    num = len(ordered)
    below = bdtr(np.arange(num + 1.0), num, 0.5)  # P(B <= k)
    rank = int(np.searchsorted(below, (1 - confidence) / 2))  # P(B < rank) <= alpha / 2
    exact = rank >= 1
    rank = max(rank, 1)
    return MedianInterval(
        float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank]), num, exact
    )


def bootstrap_interval(
    values: Sequence[float],
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    confidence: float = 0.95,
    num_resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Computes the percentile bootstrap interval of a statistic.

    Args:
        values: At least two values.
        statistic: Maps a 1-D array to a number; with an argument `axis` it takes all resamples at
            once.
        num_resamples: Resamples with replacement, at least one.
        seed: Of the resampling.

    Returns:
        The interval; its `mean` is the statistic of `values` themselves.
    """
    _check_confidence(confidence)
    values = _finite(values)
    if len(values) < 2 or num_resamples < 1:
        raise ValueError(
            "bootstrap_interval: values must be at least two, num_resamples at least one. "
            f"Received: {len(values)} values, num_resamples={num_resamples!r}."
        )
    from scipy.stats import bootstrap

    low, high = bootstrap(
        (values,),
        statistic,
        n_resamples=num_resamples,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(statistic(values)), float(low), float(high), len(values))


def percentile_allowed(percentile: int, num_samples: int) -> bool:
    """Tells whether a sample is large enough to state a percentile (90, 95 or 99).

    Fewer than 29, 59 or 299 samples have no finite 95 % upper bound of it.
    """
    if percentile not in _FEWEST_SAMPLES:
        raise ValueError(
            "percentile_allowed: percentile must be 90, 95 or 99. "
            f"Received: percentile={percentile!r}."
        )
    return num_samples >= _FEWEST_SAMPLES[percentile]


def shared_ranks(intervals: Sequence[Interval], lower_is_better: bool = True) -> list[int]:
    """Ranks rows so that those that cannot be told apart share a rank.

    Rows are sorted by mean. The best row without a rank becomes a leader. The rows after it share
    its rank as long as their intervals overlap the leader's; the first that does not becomes the
    next leader. A rank is the leader's position, counted from 1: 1, 1, 3, ... A row without an
    interval (one seed) shares a rank with equal means only. Tables have to mark such rows.

    Args:
        intervals: One per row, in any order.
        lower_is_better: Direction of the metric.

    Returns:
        The ranks, in the order of `intervals`.
    """
    sign = 1 if lower_is_better else -1
    order = sorted(range(len(intervals)), key=lambda index: sign * intervals[index].mean)
    ranks = [0] * len(intervals)
    leader = None
    for position, index in enumerate(order, start=1):
        if leader is None or not _overlap(intervals[leader], intervals[index]):
            leader, rank = index, position
        ranks[index] = rank
    return ranks


def _overlap(first: Interval, second: Interval) -> bool:
    if first.low is None or second.low is None:
        return first.mean == second.mean
    return first.low <= second.high and second.low <= first.high


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(
            f"stats: confidence must be in (0, 1). Received: confidence={confidence!r}. "
            "Give 0.95 for 95 %."
        )


def _finite(values: Sequence[float]) -> np.ndarray:
    values = np.asarray(values, dtype="float64")
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(
            "stats: values must be a list of finite numbers, at least one. "
            f"Received: {values.size} values, {int((~np.isfinite(values)).sum())} not finite."
        )
    return values
