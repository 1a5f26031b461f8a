"""Searches that learn nothing from their trials: at random, and all points of a grid."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras_tuner
import numpy as np

from tuner.algorithms.encoding import is_active

_RUNNING, _STOPPED = "RUNNING", "STOPPED"
_MAX_DRAWS = 200


class RandomOracle(keras_tuner.Oracle):
    """Draws settings at random, none twice; the first are the defaults, to compare with."""

    def populate_space(self, trial_id):
        known = [trial.hyperparameters.values for trial in self.trials.values()]
        if not known:
            return {"status": _RUNNING, "values": dict(self.hyperparameters.values)}
        values = self.propose(int(trial_id), known)
        status = _STOPPED if values is None else _RUNNING
        return {"status": status, "values": values}

    def propose(self, number: int, known: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Returns settings that are not known, or None where there seem to be no others."""
        generator = np.random.default_rng([self.seed, number])
        for _ in range(_MAX_DRAWS):
            values = self.draw(generator)
            if values not in known:
                return values
        return None

    def draw(self, generator: np.random.Generator) -> dict[str, Any]:
        """Draws settings."""
        values: dict[str, Any] = {}
        for hp in self.hyperparameters.space:
            probability, _ = generator.random(2)  # two, so that older searches can go on
            if is_active(hp, values):
                values[hp.name] = hp.prob_to_value(probability)
        return values


class GridOracle(keras_tuner.Oracle):
    """Tries all points of the grid, the last parameters first; each one's default comes first.

    The point of a trial follows from its number alone, and not from the order in which trials
    end. Parameters that are not active make no points. Floats have ten values beside the default.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._reached: list[dict[str, Any]] = []
        self._following = self._points({}, 0)

    def populate_space(self, trial_id):
        missing = int(trial_id) + 1 - len(self._reached)
        self._reached += itertools.islice(self._following, max(0, missing))
        if int(trial_id) < len(self._reached):
            return {"status": _RUNNING, "values": dict(self._reached[int(trial_id)])}
        return {"status": _STOPPED, "values": None}

    def _points(self, values: dict[str, Any], place: int) -> Iterator[dict[str, Any]]:
        """Gives the points whose first parameters have these values."""
        if place == len(self.hyperparameters.space):
            yield values
            return
        hp = self.hyperparameters.space[place]
        if not is_active(hp, values):
            yield from self._points(values, place + 1)
            return
        for value in dict.fromkeys([hp.default, *hp.values]):
            yield from self._points(values | {hp.name: value}, place + 1)
