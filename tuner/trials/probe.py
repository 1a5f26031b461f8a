"""Looks before the first trial whether any setting keeps within the limits of a search.

Where none does, each trial would be refused, after the start of a process or the seconds of a
measurement.
"""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from bench.data.dataset import Dataset
from tuner.space.cheapest import cheapest, smallest
from tuner.space.hypermodel import RefusedError, forward_macs, labelled, num_parameters
from tuner.space.parameters import Choice
from tuner.trials.trial import Job, Report, Training, hypermodel_of, load

_NOISE = 2.0  # how many times as long the same training can take on a busy machine


@dataclasses.dataclass(frozen=True)
class Probe(Job):
    """Runs in the place of a trial, and trains nothing beyond the steps that are timed.

    Its result has `cheapest`: for each limit that even the cheapest setting breaks, by the field of
    a trial's record, `size` and `values`. Limits are looked at one by one: a search that they end
    only together goes on.
    """

    @property
    def id(self) -> str:
        return "the look at the limits"

    def work(self, output: Path, report: Report, result: dict[str, Any]) -> None:
        """See `Job.work`."""
        report("looking whether a setting keeps within the limits")
        found = {} if self._default_fits() else self._too_large()
        if self.max_seconds is not None:
            values, seconds = self._quickest(load(self.data, output), report)
            if _NOISE * self.max_seconds < seconds < math.inf:
                found["expected_seconds"] = {"size": seconds, "values": values}
        result["cheapest"] = found

    @property
    def _without_limits(self) -> "Probe":
        return dataclasses.replace(self, max_parameters=None, max_macs=None)

    def _default_fits(self) -> bool:
        """Tells whether the defaults keep within the limits of size."""
        try:
            hypermodel_of(self, self.seeds[0]).build_of(self.space.complete({}))
        except RefusedError:
            return False
        return True

    def _too_large(self) -> dict[str, dict[str, Any]]:
        limits = {
            "num_parameters": (self.max_parameters, num_parameters),
            "forward_macs": (self.max_macs, forward_macs),
        }
        found = {}
        for name, (limit, measure) in limits.items():
            if limit is not None:
                values, size = cheapest(self.space, self._size_by(measure), limit)
                if limit < size < math.inf:
                    found[name] = {"size": size, "values": values}
        return found

    def _size_by(self, measure: Callable[[Any], float]) -> Callable[[dict[str, Any]], float]:
        hypermodel = hypermodel_of(self._without_limits, self.seeds[0])

        def size_of(values: dict[str, Any]) -> float:
            keras.backend.clear_session()
            try:
                return measure(hypermodel.build_of(self.space.complete(values)))
            except RefusedError:
                return math.inf

        return size_of

    def _quickest(self, dataset: Dataset, report: Report) -> tuple[dict[str, Any], float]:
        """Returns a setting that trains in little time, and how long all its executions would take.

        It has the smallest numbers and the largest batches; where that takes too long, the quicker
        of it and the one of the fewest multiply-adds.
        """
        batches = self.space.parameters["batch_size"]
        largest = {"batch_size": max(batches.values)} if isinstance(batches, Choice) else {}

        def seconds_of(values: dict[str, Any]) -> float:
            timed = dataclasses.replace(self._without_limits, values=labelled(self.space, values))
            hypermodel = hypermodel_of(timed, self.seeds[0])
            try:
                return Training(timed, hypermodel, dataset, report).expected_seconds()
            except RefusedError:
                return math.inf

        values = smallest(self.space) | largest
        seconds = seconds_of(values)
        if seconds <= _NOISE * self.max_seconds:
            return values, seconds
        others = cheapest(self.space, self._size_by(forward_macs))[0] | largest
        if others == values:
            return values, seconds
        return min((values, seconds), (others, seconds_of(others)), key=lambda pair: pair[1])
