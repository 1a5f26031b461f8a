"""Several models on several data sets: mean ranks, tests of their differences, profiles of cost.

Reference: Demsar, 2006. https://jmlr.org/papers/v7/demsar06a.html
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from bench.stats import intervals
from bench.stats.intervals import Interval

LEVEL = 0.05
_MOST_ARRANGEMENTS = 20_000  # of ranks, that are all looked at; of more, as many are drawn
_MOST_SIGNS = 13  # data sets whose 2^N signs are all looked at
_SEED = 0


@dataclasses.dataclass(frozen=True)
class Pair:
    """A test of two models over the data sets.

    Attributes:
        first, second: Numbers of the models.
        p: Of the signed-rank test of Wilcoxon, two-sided; `adjusted` by Holm over all pairs.
    """

    first: int
    second: int
    p: float
    adjusted: float


@dataclasses.dataclass(frozen=True)
class Friedman:
    """The test whether any model differs from any other.

    Attributes:
        statistic: Chi-square of Friedman, corrected for ties.
        p: Chance of such a statistic if ranks were given by lot within each data set.
        is_exact: Whether all arrangements were counted, or a number of them was drawn.
        least_p: The smallest that these numbers of data sets and models can give.
    """

    statistic: float
    p: float
    is_exact: bool
    least_p: float


def ranks(costs: np.ndarray) -> np.ndarray:
    """Ranks the models of each data set, 1 the best; equal ones get the mean of their ranks.

    Args:
        costs: `(data sets, models)`, lower is better.
    """
    from scipy.stats import rankdata

    return rankdata(costs, axis=1)


def mean_ranks(costs: np.ndarray) -> list[Interval]:
    """Computes each model's mean rank with the 95 % interval of Student over the data sets.

    The interval is cut to `[1, models]`. It is None where all ranks of a model are equal: a few
    data sets that agree do not tell how it varies.
    """
    given = ranks(costs)
    found = []
    for of_model in given.T:
        interval = intervals.mean_interval(of_model)
        if len(of_model) < 2 or np.ptp(of_model) == 0:
            interval = dataclasses.replace(interval, low=None, high=None)
        else:
            low, high = max(1.0, interval.low), min(float(given.shape[1]), interval.high)
            interval = dataclasses.replace(interval, low=low, high=high)
        found.append(interval)
    return found


def friedman(costs: np.ndarray) -> Friedman | None:
    """Tests whether the models differ; None for fewer than three models.

    The chance is that of the ranks themselves, each data set's put in all orders, not that of the
    chi-square distribution, which is far off for few data sets. Of more than 20,000 arrangements
    as many are drawn, and `p = (1 + as large) / (1 + drawn)`.

    Args:
        costs: `(data sets, models)`, lower is better.
    """
    from scipy.stats import friedmanchisquare

    num_sets, num_models = costs.shape
    if num_models < 3:
        return None
    given = ranks(costs)
    if (np.ptp(given, axis=1) == 0).all():
        return Friedman(0.0, 1.0, True, 1.0)
    statistic = float(friedmanchisquare(*given.T).statistic)
    # The statistic grows with the sum of squares of the models' sums, and with nothing else.
    observed = np.square(given.sum(axis=0)).sum()
    num = math.factorial(num_models) ** (num_sets - 1)
    is_exact = num <= _MOST_ARRANGEMENTS
    if is_exact:
        orders = [list(itertools.permutations(row)) for row in given[1:]]
        sums = (given[0] + np.sum(chosen, axis=0) for chosen in itertools.product(*orders))
        values = np.array([np.square(each).sum() for each in sums])
        p = float((values >= observed - 1e-9).mean())
        least_p = float((values >= values.max() - 1e-9).mean())
    else:
        generator = np.random.default_rng(_SEED)
        sums = np.zeros((_MOST_ARRANGEMENTS, num_models))
        for row in given:
            sums += generator.permuted(np.tile(row, (_MOST_ARRANGEMENTS, 1)), axis=1)
        as_large = int((np.square(sums).sum(axis=1) >= observed - 1e-9).sum())
        p = (1 + as_large) / (1 + _MOST_ARRANGEMENTS)
        least_p = 1 / (1 + _MOST_ARRANGEMENTS)
    return Friedman(statistic, p, is_exact, least_p)


def pairs(scores: np.ndarray) -> list[Pair]:
    """Tests each pair of models by Wilcoxon's signed ranks over the data sets, adjusted by Holm.

    The signs of up to 13 data sets are put in all ways; of more, scipy chooses. The rank of a
    difference of 0 is halved between the signs.

    Args:
        scores: `(data sets, models)`, on a scale on which differences of data sets compare.

    Reference: Holm, 1979.
    """
    both = list(itertools.combinations(range(scores.shape[1]), 2))
    raw = [_wilcoxon(scores[:, a] - scores[:, b]) for a, b in both]
    return [
        Pair(a, b, p, adjusted) for (a, b), p, adjusted in zip(both, raw, holm(raw), strict=True)
    ]


def _wilcoxon(differences: np.ndarray) -> float:
    from scipy.stats import PermutationMethod, wilcoxon

    if not differences.any():
        return 1.0
    method = "auto"
    if len(differences) <= _MOST_SIGNS:
        method = PermutationMethod(n_resamples=2**_MOST_SIGNS)
    return min(1.0, float(wilcoxon(differences, zero_method="zsplit", method=method).pvalue))


def holm(values: Sequence[float]) -> list[float]:
    """Adjusts p-values so that the chance of any false difference stays below the level.

    adjusted of the i-th smallest = max over j <= i of min(1, (m - j + 1) p_j)
    """
    adjusted, highest = [0.0] * len(values), 0.0
    for place, index in enumerate(np.argsort(values, kind="stable")):
        highest = max(highest, min(1.0, (len(values) - place) * values[index]))
        adjusted[index] = highest
    return adjusted


def least_wilcoxon(num_sets: int) -> float:
    """Returns the smallest p of a two-sided signed-rank test of so many data sets, `2 / 2^N`."""
    return 2.0 ** (1 - num_sets)


def sets_needed(num_models: int, level: float = LEVEL) -> int:
    """Returns how many data sets a pair needs at least to differ after Holm's adjustment."""
    num_pairs = num_models * (num_models - 1) // 2
    return next(n for n in itertools.count(2) if num_pairs * least_wilcoxon(n) <= level)


def cliques(order: Sequence[int], different: set[frozenset[int]]) -> list[tuple[int, int]]:
    """Returns the longest stretches of neighbours in rank of which no two models differ.

    Args:
        order: Numbers of the models, best first.
        different: The pairs that differ.

    Returns:
        First and last place of each stretch of two models or more, from 0.
    """
    stretches: list[tuple[int, int]] = []
    for start in range(len(order)):
        stop = start
        while stop + 1 < len(order) and not any(
            frozenset((order[each], order[stop + 1])) in different
            for each in range(start, stop + 1)
        ):
            stop += 1
        if stop > start and not any(stop <= last for _, last in stretches):
            stretches.append((start, stop))
    return stretches


def ratios(costs: np.ndarray) -> np.ndarray:
    """Divides each cost by the lowest of its data set: 1 is the best.

    Where the lowest is 0, the models that reach it have 1 and the others infinity.

    Args:
        costs: `(data sets, models)`, at least 0.
    """
    best = costs.min(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = costs / best
    return np.where(costs == best, 1.0, found)


def profile(of_model: np.ndarray, factors: Sequence[float]) -> list[float]:
    """Computes the performance profile of a model.

        share(t) = data sets on which its cost is at most t times the lowest / data sets

    Args:
        of_model: Its ratios, one a data set.
        factors: Where it is asked for, at least 1.

    Reference: Dolan and More, 2002. https://arxiv.org/abs/cs/0102001
    """
    return [float((of_model <= factor * (1 + 1e-12)).mean()) for factor in factors]
