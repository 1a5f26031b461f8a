"""Searches that learn nothing from their trials: at random, and all points of a grid."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras_tuner
import numpy as np

from tuner.algorithms.encoding import is_active

_RUNNING, _STOPPED = "RUNNING", "STOPPED"
_MAX_DRAWS = 200


class RandomOracle(keras_tuner.Oracle):
    """Draws settings at random, none twice; the first are the defaults, to compare with.

    Args:
        queue: Settings that are tried next, in this order.
        patience: Trials in a row without a better score after which the search ends, if nothing
            more is expected of it; None: never.
    """

    def __init__(
        self, *args, queue: Sequence[dict[str, Any]] = (), patience: int | None = None, **kwargs
    ):
        super().__init__(*args, **kwargs)
        self.queue, self.patience = list(queue), patience

    def populate_space(self, trial_id):
        known = [trial.hyperparameters.values for trial in self.trials.values()]
        for values in [self.hyperparameters.values, *self.queue]:
            if values not in known:
                return {"status": _RUNNING, "values": dict(values)}
        if is_flat(self) and not self.expects_more(int(trial_id)):
            return {"status": _STOPPED, "values": None}
        values = self.propose(int(trial_id), known)
        status = _STOPPED if values is None else _RUNNING
        return {"status": status, "values": values}

    def expects_more(self, number: int) -> bool:
        """Tells whether a search without a better score for long should go on nevertheless."""
        return False

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


def is_flat(oracle: keras_tuner.Oracle) -> bool:
    """Tells whether the last `patience` trials that ended with a score brought no better one."""
    scores = [trial.score for trial in oracle.trials.values() if trial.score is not None]
    if oracle.patience is None or len(scores) <= oracle.patience:
        return False
    pick = min if oracle.objective.direction == "min" else max
    return pick(scores) in scores[: -oracle.patience]


class GridOracle(keras_tuner.Oracle):
    """Tries all points of the grid, the last parameters first; each one's default comes first.

    The point of a trial follows from its number alone, and not from the order in which trials
    end. Parameters that are not active make no points. Floats have ten values beside the default.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._reached: list[dict[str, Any]] = []
        self._following = points(self.hyperparameters.space)

    def populate_space(self, trial_id):
        missing = int(trial_id) + 1 - len(self._reached)
        self._reached += itertools.islice(self._following, max(0, missing))
        if int(trial_id) < len(self._reached):
            return {"status": _RUNNING, "values": dict(self._reached[int(trial_id)])}
        return {"status": _STOPPED, "values": None}


def points(
    parameters: Sequence[Any], values: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Gives all points of a grid, the last parameters first, each one's default first.

    Args:
        parameters: As `keras_tuner` has them; a parent stands before what depends on it.
        values: Those of the parameters before.
    """
    values = values or {}
    if not parameters:
        yield values
        return
    hp, *others = parameters
    if not is_active(hp, values):
        yield from points(others, values)
        return
    for value in dict.fromkeys([hp.default, *hp.values]):
        yield from points(others, values | {hp.name: value})
