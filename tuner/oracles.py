"""The search algorithms of keras-tuner, made to go on from records.

A search that goes on repeats its finished trials from their records instead of training them, so
that each algorithm comes to the state it had. All draw from the seed; `keras_tuner` itself takes a
seed of 0 for none, and a grid that is reloaded by it stops at once.
"""

import sys
from typing import Any

import keras_tuner

from bench.errors import BenchError
from tuner.hypermodel import hyperparameters
from tuner.objectives import Objective
from tuner.space import Space

TUNERS = ("random", "grid", "bayesian", "hyperband")
_RUNNING = "RUNNING"


class RandomOracle(keras_tuner.oracles.RandomSearchOracle):
    """Draws settings at random; the first are the defaults, to compare with."""

    def populate_space(self, trial_id):
        if not self.trials:
            return {"status": _RUNNING, "values": dict(self.hyperparameters.values)}
        return super().populate_space(trial_id)


class BayesianOracle(keras_tuner.oracles.BayesianOptimizationOracle):
    """Draws settings where a Gaussian process expects good ones; the first are the defaults.

    Args:
        recorded: Finished trials by number: the process is not fitted again for them.
    """

    def __init__(self, *args, recorded: dict[int, dict[str, Any]], **kwargs):
        super().__init__(*args, **kwargs)
        self.recorded = recorded

    def populate_space(self, trial_id):
        if not self.trials:
            return {"status": _RUNNING, "values": dict(self.hyperparameters.values)}
        record = self.recorded.get(int(trial_id))
        if record is not None:
            self._draw(trial_id)  # so that later draws are new ones
            return {"status": _RUNNING, "values": dict(record["hyperparameters"])}
        found = super().populate_space(trial_id)
        known = [trial.hyperparameters.values for trial in self.trials.values()]
        if found["values"] in known:  # it would be trained again, to the same end
            found = self._draw(trial_id)
        return found

    def _draw(self, trial_id) -> dict[str, Any]:
        return keras_tuner.oracles.RandomSearchOracle.populate_space(self, trial_id)


def create(
    tuner: str,
    space: Space,
    objective: Objective,
    *,
    max_trials: int | None,
    epochs: int,
    seed: int,
    recorded: dict[int, dict[str, Any]],
) -> keras_tuner.Oracle:
    """Returns the algorithm of a name from `TUNERS`.

    Args:
        max_trials: At most so many trials; None: as many as the algorithm has.
        epochs: Of each trial; of `"hyperband"` the most.
        recorded: Finished trials by number.
    """
    settings: dict[str, Any] = {
        "objective": keras_tuner.Objective(objective.name, objective.direction),
        "hyperparameters": hyperparameters(space),
        "seed": seed + 1,
        "max_consecutive_failed_trials": sys.maxsize,  # counted by the search itself
    }
    if tuner == "random":
        return RandomOracle(max_trials=max_trials, **settings)
    if tuner == "grid":
        return keras_tuner.oracles.GridSearchOracle(max_trials=max_trials, **settings)
    if tuner == "bayesian":
        num_initial_points = max(3, min(3 * len(space.free), (max_trials or 30) // 3))
        return BayesianOracle(
            max_trials=max_trials,
            num_initial_points=num_initial_points,
            recorded=recorded,
            **settings,
        )
    if tuner == "hyperband":
        if epochs < 2:
            raise BenchError("--tuner hyperband needs --epochs of at least 2. Received: 1.")
        oracle = keras_tuner.oracles.HyperbandOracle(max_epochs=epochs, **settings)
        oracle.max_trials = max_trials
        return oracle
    raise BenchError(f"--tuner must be one of {', '.join(TUNERS)}. Received: {tuner!r}.")
