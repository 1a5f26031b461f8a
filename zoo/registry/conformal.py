"""False alarms that are bounded: thresholds by rank, p-values, and a bound over a batch of files.

    p(x) = (1 + number of held-out scores >= score(x)) / (n + 1)

If the n held-out normal images are like those to come, p of a normal image is at most `a` with
a probability of at most `a`, whatever the distribution of the scores. Flagging p <= a is flagging
scores above the l-th largest held-out score, l = floor((n + 1) a); of all further normals, these
held-out ones then let a share be flagged that is distributed as Beta(l, n + 1 - l).

Reference: Vovk, Gammerman and Shafer, 2005. Bates et al., 2023. https://arxiv.org/abs/2104.08279
"""

import math

import numpy as np

from zoo import checks

COVERAGE = 0.9  # of the interval of the rate that is realised
_ROUNDING = 1e-9  # (n + 1) * rate is a whole number although floats say a little less


def held_out_scores(owner: str, scores) -> np.ndarray:
    """Returns scores of held-out normals as float64 `(n,)`.

    Raises:
        ValueError: unless they are a finite vector of at least two numbers.
    """
    scores = np.asarray(scores)
    if scores.ndim != 1 or len(scores) < 2 or scores.dtype.kind not in "uif":
        raise ValueError(
            f"{owner}: scores must be a vector of at least 2 numbers. Received: shape "
            f"{scores.shape} of {scores.dtype}. Use model.anomaly_score(held_out_normals)."
        )
    scores = scores.astype("float64")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{owner}: scores must be finite. Received: NaN or infinity in "
            f"{int((~np.isfinite(scores)).sum())} of {len(scores)}. Train the model again."
        )
    return scores


def comparable(owner: str, scores) -> np.ndarray:
    """Returns scores as float64; NaN is neither above a threshold nor below.

    Raises:
        ValueError: if one is NaN.
    """
    scores = np.asarray(scores, "float64")
    if np.isnan(scores).any():
        raise ValueError(
            f"{owner}: scores must be numbers. Received: NaN in {int(np.isnan(scores).sum())} of "
            f"{scores.size}. Train the model again."
        )
    return scores


def fewest_scores(false_alarm_rate: float) -> int:
    """Returns how many held-out scores a rate needs: `ceil(1 / rate) - 1`."""
    return math.ceil(1 / false_alarm_rate - _ROUNDING) - 1


def lowest_rate(num_scores: int) -> float:
    """Returns the lowest rate that this many held-out scores can promise: `1 / (n + 1)`."""
    return 1 / (num_scores + 1)


def rank(num_scores: int, false_alarm_rate: float, owner: str = "rank") -> int:
    """Returns `l = floor((n + 1) rate)`: the threshold is the l-th largest held-out score.

    Raises:
        ValueError: if the rate is not in (0, 1), or the scores are too few for it.
    """
    checks.number(owner, low=0.0, high=1.0, false_alarm_rate=false_alarm_rate)
    if not 0 < false_alarm_rate < 1:
        raise ValueError(
            f"{owner}: false_alarm_rate must be above 0 and below 1. Received: "
            f"false_alarm_rate={false_alarm_rate}. For example 0.05."
        )
    place = math.floor((num_scores + 1) * false_alarm_rate + _ROUNDING)
    if place < 1:
        raise ValueError(
            f"{owner}: scores must be at least {fewest_scores(false_alarm_rate)} for a "
            f"false_alarm_rate of {false_alarm_rate:g}. Received: {num_scores}. Hold out more "
            f"normal images, or ask for {_rounded_up(lowest_rate(num_scores)):g}."
        )
    return place


def threshold_by_rank(scores, false_alarm_rate: float, owner: str = "threshold_by_rank"):
    """Returns the threshold of a rate, and its rule in words with the interval of the rate.

    Args:
        scores: `(n,)`, of normal images that the model was not trained on.
        false_alarm_rate: Share of normal images that may be flagged, in (0, 1).
        owner: Who asks, for errors.
    """
    scores = held_out_scores(owner, scores)
    place = rank(len(scores), false_alarm_rate, owner)
    low, high = realised_rate(len(scores), false_alarm_rate)
    rule = (
        f"false alarms at most {100 * false_alarm_rate:.3g} % on average, and in nine of ten cases "
        f"{100 * low:.2g} to {100 * high:.2g} %"
    )
    return float(np.sort(scores)[-place]), rule


def realised_rate(num_scores: int, false_alarm_rate: float) -> tuple[float, float]:
    """Returns the interval that the share of flagged normals is in, in nine of ten cases.

    The 0.05 and the 0.95 quantile of Beta(l, n + 1 - l).
    """
    place = rank(num_scores, false_alarm_rate, "realised_rate")
    tail = (1 - COVERAGE) / 2
    return tuple(_beta_quantile(place, num_scores, share) for share in (tail, 1 - tail))


def p_values(scores, held_out) -> np.ndarray:
    """Returns `(1 + #{held-out >= score}) / (n + 1)` of each score, in (0, 1].

    Raises:
        ValueError: if a score is NaN.
    """
    held_out = np.sort(np.asarray(held_out, "float64"))
    scores = comparable("p_values", scores)
    at_least = len(held_out) - np.searchsorted(held_out, scores, side="left")
    return (1 + at_least) / (len(held_out) + 1)


def benjamini_hochberg(p_values, false_discovery_rate: float) -> np.ndarray:
    """Flags those of a batch among which the expected share of false alarms is at most the rate.

    Flags the k smallest p-values, k the largest number with `p_(k) <= k rate / m` of m in all.

    Args:
        p_values: `(m,)`, in [0, 1].
        false_discovery_rate: In (0, 1).

    Returns:
        Booleans, `(m,)`.

    Raises:
        ValueError: for other p-values, or another rate.

    Reference: Benjamini and Hochberg, 1995. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    owner, p_values = "benjamini_hochberg", np.asarray(p_values, "float64")
    if p_values.ndim != 1 or not ((p_values >= 0) & (p_values <= 1)).all():
        lies = f", {np.min(p_values):g} to {np.max(p_values):g}" if p_values.size else ""
        raise ValueError(
            f"{owner}: p_values must be a vector of numbers in [0, 1]. Received: shape "
            f"{p_values.shape}{lies}. Use model.p_values(images)."
        )
    checks.number(owner, low=0.0, high=1.0, false_discovery_rate=false_discovery_rate)
    ordered = np.sort(p_values)
    limits = false_discovery_rate * np.arange(1, len(ordered) + 1) / max(1, len(ordered))
    passed = np.flatnonzero(ordered <= limits + 1e-12)
    return p_values <= ordered[passed[-1]] if len(passed) else np.zeros(len(p_values), bool)


def fewest_flagged(num_files: int, num_scores: int, false_discovery_rate: float) -> int:
    """Returns how many of a batch `benjamini_hochberg` flags at least, if it flags any.

    No p-value is below `1 / (n + 1)`, so k of m need `1 / (n + 1) <= k rate / m`.
    """
    return max(1, math.ceil(num_files * lowest_rate(num_scores) / false_discovery_rate - _ROUNDING))


def _beta_quantile(place: int, num_scores: int, share: float) -> float:
    """Returns x with P(Beta(l, n + 1 - l) <= x) = share, to 1e-9.

    That probability is P(Binomial(n, x) >= l), a sum of at most n terms.
    """
    counts = np.arange(place, num_scores + 1)
    log_choose = np.array(
        [
            math.lgamma(num_scores + 1) - math.lgamma(k + 1) - math.lgamma(num_scores - k + 1)
            for k in counts.tolist()
        ]
    )
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        x = (low + high) / 2
        terms = log_choose + counts * math.log(x) + (num_scores - counts) * math.log1p(-x)
        low, high = (x, high) if np.exp(terms).sum() < share else (low, x)
    return (low + high) / 2


def _rounded_up(rate: float) -> float:
    return math.ceil(rate * 1000) / 1000
