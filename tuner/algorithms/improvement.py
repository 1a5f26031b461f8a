"""How much a search may expect to gain at a point, as a logarithm that does not underflow.

    log EI(mean, deviation) = log deviation + log h(z),  h(z) = phi(z) + z Phi(z),
    z = (best - mean) / deviation

Where nothing is likely to improve, the improvement itself is 0 for all points in single numbers,
and the choice among them would be blind.

References: Jones et al., 1998, Eq. 15. https://doi.org/10.1023/A:1008306431147
The logarithm: Ament et al., 2023, Eq. 9. https://arxiv.org/abs/2310.20708
Of two aims, exact by strips: Emmerich et al., 2011. https://doi.org/10.1109/CEC.2011.5949880
"""

import math

import numpy as np

from bench.leaderboard.pareto import not_dominated
from tuner.algorithms.gaussian_process import without_cliffs

_HALF_LOG_2PI = math.log(2 * math.pi) / 2
_MARGIN = 0.1


def log_expected(means: np.ndarray, deviations: np.ndarray, best: np.ndarray | float) -> np.ndarray:
    """Returns `log E[max(0, best - f)]` for `f ~ N(mean, deviation^2)`, of the shape of `means`.

    Args:
        best: The value to fall below.
    """
    return np.log(deviations) + _log_h((best - means) / deviations)


def log_expected_volume(
    means: np.ndarray, deviations: np.ndarray, front: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    """Returns the logarithm of the hypervolume that two independent aims are expected to add.

        sum_i (G1(b_i) - G1(a_i)) G2(c_i),  G_j(t) = E[max(0, t - f_j)]

    over the strips `a_i <= f_1 < b_i` of the part that the front leaves free, which is below `c_i`
    in the second aim.

    Args:
        means: `(candidates, 2)`, each aim to be small.
        deviations: Of the same shape.
        front: Points that no other beats, `(count, 2)`, below the reference.
        reference: The worst point of interest, `(2,)`.

    Returns:
        `(candidates,)`.
    """
    from scipy.special import logsumexp

    front = front[np.argsort(front[:, 0])]
    edges = np.concatenate([[-np.inf], front[:, 0], reference[:1]])
    heights = np.concatenate([reference[1:], front[:, 1]])

    def gains(aim: int, ends: np.ndarray) -> np.ndarray:
        return log_expected(means[:, aim, None], deviations[:, aim, None], ends[None])

    upto = gains(0, edges[1:])
    before = np.concatenate([np.full((len(means), 1), -np.inf), upto[:, :-1]], axis=1)
    widths = upto + _log1m_exp(np.minimum(before - upto, 0.0))
    return logsumexp(widths + gains(1, heights), axis=1)


def reference_point(objectives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the front of some trials, and the worst point of interest.

    That is where the worst trials are, cliffs aside, and at least a tenth of the front's extent
    beyond its ends: a point near a short front would not reward what makes it longer.

    Args:
        objectives: `(trials, aims)`, each to be small.
    """
    front = np.unique(objectives[not_dominated(objectives)], axis=0)
    best, worst = front.min(axis=0), front.max(axis=0)
    beyond = worst + _MARGIN * np.where(worst > best, worst - best, 1.0)
    return front, np.maximum(beyond, without_cliffs(objectives).max(axis=0))


def _log_h(z: np.ndarray) -> np.ndarray:
    from scipy.special import erfcx, ndtr

    z = np.asarray(z, dtype=float)
    near = np.maximum(z, -1.0)
    direct = np.log(np.exp(-(near**2) / 2 - _HALF_LOG_2PI) + near * ndtr(near))
    # h(z) = phi(z) (1 + z Phi(z) / phi(z)), and Phi / phi is a scaled erfc without underflow.
    far = np.minimum(z, -1.0)
    ratio = math.sqrt(math.pi / 2) * erfcx(-far / math.sqrt(2)) * np.abs(far)
    # From there on the ratio is 1 - 1 / z^2 to the last digit.
    rest = np.where(far < -1e4, -2 * np.log(np.abs(far)), np.log1p(-np.minimum(ratio, 1 - 1e-16)))
    return np.where(z > -1.0, direct, -(far**2) / 2 - _HALF_LOG_2PI + rest)


def _log1m_exp(x: np.ndarray) -> np.ndarray:
    """Returns `log(1 - exp(x))` for `x <= 0`."""
    with np.errstate(divide="ignore"):
        return np.where(x > -math.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))
