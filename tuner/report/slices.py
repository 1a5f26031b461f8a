"""The objective against one setting, as a model of the trials has it: a mean with its band.

A Gaussian process is fitted to the scores of all trials; scores far off the others are drawn nearer
first. Along a parameter, with the winner's other settings, the process says what to expect of
settings that were not tried.
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tuner.algorithms.gaussian_process import GaussianProcess
from tuner.report import importance
from tuner.space.parameters import Parameter

FEWEST_TRIALS = 8
_NUM_PLACES = 40


@dataclasses.dataclass(frozen=True)
class Slice:
    """What is expected along a parameter.

    Attributes:
        values: Settings, rising, or names.
        mean: Expected score.
        deviation: Standard deviation of the process, without the noise of a training.
    """

    values: list[Any]
    mean: np.ndarray
    deviation: np.ndarray


def compute(
    records: Iterable[dict[str, Any]], parameters: dict[str, Parameter], best: dict[str, Any]
) -> dict[str, Slice]:
    """Returns a slice through the best trial for each parameter that varies.

    Args:
        records: Trials; those without a score are left out.
        parameters: The space's, by name. One that is not active counts at its default.
        best: The trial whose other settings are held.

    Returns:
        Empty with fewer than 8 trials with a score, or with equal scores.
    """
    records = [record for record in records if record["status"] == "ok"]
    kinds = importance.varied(records, parameters)
    if len(records) < FEWEST_TRIALS or not kinds:
        return {}
    scores = importance.fenced([record["score"] for record in records])
    if np.ptp(scores) == 0:
        return {}
    axes = {name: _Axis(records, name, kind) for name, kind in kinds.items()}
    points = np.hstack([axis.points(axis.seen) for axis in axes.values()])
    process = GaussianProcess(points, scores)
    place = records.index(best)
    found = {}
    for name, axis in axes.items():
        values = axis.places()
        parts = [
            axis.points(values)
            if other == name
            else np.repeat(held.points(held.seen[place : place + 1]), len(values), axis=0)
            for other, held in axes.items()
        ]
        found[name] = Slice(values, *process.predict(np.hstack(parts)))
    return found


class _Axis:
    """A parameter as columns between 0 and 1: one for numbers, one for each name.

    Attributes:
        seen: Its values in the trials, at the default where it is not active.
    """

    def __init__(self, records: list[dict[str, Any]], name: str, parameter: Parameter):
        default = parameter.default
        default = list(default) if isinstance(default, tuple) else default
        self.seen = [
            importance.value(record, name) if importance.is_in(record, name) else default
            for record in records
        ]
        self.is_number = all(
            isinstance(each, int | float) and not isinstance(each, bool) for each in self.seen
        )
        self.names = list({repr(each): each for each in self.seen}.values())
        self.is_whole = all(isinstance(each, int) for each in self.seen)
        self.is_log = self.is_number and bool(
            getattr(parameter, "log", min(self.seen) > 0) and min(self.seen) > 0
        )

    def points(self, values: list[Any]) -> np.ndarray:
        """Returns values as columns, `(len(values), columns)`."""
        if not self.is_number:
            return np.array([[float(value == name) for name in self.names] for value in values])
        low, high = self._scaled(min(self.seen)), self._scaled(max(self.seen))
        span = high - low or 1.0
        return np.array([[(self._scaled(value) - low) / span] for value in values])

    def places(self) -> list[Any]:
        """Returns where the process is asked: between the ends of what was tried, or each name."""
        if not self.is_number:
            return self.names
        if self.is_whole and len(self.names) < _NUM_PLACES:
            return sorted(self.names)
        scaled = np.linspace(
            self._scaled(min(self.seen)), self._scaled(max(self.seen)), _NUM_PLACES
        )
        return [float(math.exp(each) if self.is_log else each) for each in scaled]

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.is_log else float(value)
