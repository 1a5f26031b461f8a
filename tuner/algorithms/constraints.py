"""How likely settings keep within the limits of a search, learnt from the sizes seen so far.

Under a tight limit most settings of a wide space are too large. They are refused before training,
but each refusal costs the start of a process. So a search learns where not to look from the
settings that were refused.

    p(fits) = prod_i Phi((log limit_i - mean_i) / deviation_i)

where mean and deviation are those of a Gaussian process fitted to the logarithms of the sizes.

Reference: Gardner et al., Bayesian Optimization with Inequality Constraints, 2014, Eq. 5.
https://proceedings.mlr.press/v32/gardner14.html
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tuner.algorithms.gaussian_process import GaussianProcess
from tuner.trials import costs

FEWEST = 5  # sizes that a process is fitted to
# Limits in a search's identity, by the field of a trial's record.
LIMITS = {
    "num_parameters": "max_parameters",
    "forward_macs": "max_macs",
    "expected_seconds": "max_trial_seconds",
}


class Constraints:
    """Limits and the sizes of settings that were tried.

    Args:
        limits: Largest value of each size, by the field of a trial's record; None: no limit.
    """

    def __init__(self, limits: Mapping[str, float | None]):
        self.limits = {name: limit for name, limit in limits.items() if limit is not None}
        self.sizes: dict[int, Mapping[str, float]] = {}

    def note(self, number: int, record: Mapping) -> None:
        """Notes the sizes of a trial, whether it was refused or not."""
        self.sizes[number] = {
            name: record[name] for name in self.limits if record.get(name) is not None
        }

    def probability(self, points: Mapping[int, np.ndarray], candidates: np.ndarray) -> np.ndarray:
        """Returns how likely candidates keep within all limits, `(len(candidates),)`, in `[0, 1]`.

        Args:
            points: Of each trial, by number.
            candidates: Points, `(num, dimensions)`.
        """
        return np.exp(self.fitted(points)(candidates))

    def fitted(self, points: Mapping[int, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        """Returns the logarithm of `probability` as a function of candidates; fits once."""
        processes = []
        for name, limit in self.limits.items():
            numbers = [number for number in self.sizes if name in self.sizes[number]]
            if len(numbers) < FEWEST:
                continue
            known = np.array([points[number] for number in numbers])
            sizes = np.log([self.sizes[number][name] for number in numbers])
            processes.append((GaussianProcess(known, sizes), np.log(limit)))

        def log_probability(candidates: np.ndarray) -> np.ndarray:
            total = np.zeros(len(candidates))
            for process, limit in processes:
                total += _log_below(process, limit, candidates)
            return total

        return log_probability


def _log_below(process: GaussianProcess, limit: float, candidates: np.ndarray) -> np.ndarray:
    from scipy.stats import norm

    mean, deviation = process.predict(candidates)
    return norm.logcdf((limit - mean) / np.maximum(deviation, 1e-9))


def of(identity: Mapping[str, Any]) -> Constraints:
    """Returns what the settings of a search must keep within."""
    return Constraints({field: identity.get(name) for field, name in LIMITS.items()})


def amount(field: str, size: float) -> str:
    """Returns a size with its unit."""
    if field == "expected_seconds":
        return costs.seconds_text(size)
    return f"{size:,.0f} {'parameters' if field == 'num_parameters' else 'MACs'}"


def nearest(records: Iterable[Mapping[str, Any]], constraints: Constraints) -> str:
    """Returns a sentence on the refused trial that broke the limits least; empty without one."""
    least, sentence = float("inf"), ""
    for record in records:
        shares = {
            field: record[field] / limit
            for field, limit in constraints.limits.items()
            if record["status"] == "over_budget" and record.get(field) is not None
        }
        field = max(shares, key=shares.__getitem__, default="")
        if shares and shares[field] < least:
            least, size = shares[field], amount(field, record[field])
            limit = f"{constraints.limits[field]:,}"
            sentence = f"The cheapest, trial {record['number']}, has {size} > limit {limit}."
    return sentence
