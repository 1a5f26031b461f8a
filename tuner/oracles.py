"""The search algorithms, as oracles of keras-tuner that can go on from records.

A search that goes on repeats its finished trials from their records instead of training them, so
that each algorithm comes to the state it had. Grid and Hyperband are those of `keras_tuner`. Its
random search takes a seed of 0 for none, and its Bayesian one spends minutes on a proposal where
parameters are many: both are written anew here, each draw from the seed and the trial's number.
"""

import sys
import warnings
from typing import Any

import keras_tuner
import numpy as np

from bench.errors import BenchError
from tuner.hypermodel import hyperparameters
from tuner.objectives import Objective
from tuner.parameters import Boolean, Choice, Int, Parameter
from tuner.space import Space

TUNERS = ("random", "grid", "bayesian", "hyperband")
_RUNNING, _STOPPED = "RUNNING", "STOPPED"
_GRID_POINTS_OF_FLOATS = 10
_MAX_DRAWS = 200
_NUM_CANDIDATES = 2_000
_NUM_AROUND_BEST = 200


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

    def draw(self, generator: np.random.Generator, near: dict[str, Any] | None = None):
        """Draws settings; with `near`, all but a few parameters have the values given there."""
        drawn = keras_tuner.HyperParameters()
        share = min(1.0, 2 / max(1, len(self.hyperparameters.space)))
        for hp in self.hyperparameters.space:
            drawn.merge([hp])
            probability, is_changed = generator.random(), generator.random() < share
            if drawn.is_active(hp):
                is_kept = near is not None and hp.name in near and not is_changed
                drawn.values[hp.name] = near[hp.name] if is_kept else hp.prob_to_value(probability)
        return drawn.values


class BayesianOracle(RandomOracle):
    """Draws settings where a Gaussian process expects the largest improvement.

        improvement = E[max(0, f - best)],  f ~ N(mean, deviation^2) of the process

    The candidates are settings at random, and changes of the best ones.

    Args:
        recorded: Finished trials by number: no process is fitted for them again.
        num_initial_points: Trials at random before the first fit.

    Reference: Jones et al., 1998, Eq. 15. https://doi.org/10.1023/A:1008306431147
    """

    def __init__(
        self, *args, recorded: dict[int, dict[str, Any]], num_initial_points: int, **kwargs
    ):
        super().__init__(*args, **kwargs)
        self.recorded = recorded
        self.num_initial_points = num_initial_points

    def propose(self, number, known):
        record = self.recorded.get(number)
        if record is not None:
            return dict(record["hyperparameters"])
        scored = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        if len(scored) < self.num_initial_points:
            return super().propose(number, known)
        sign = 1 if self.objective.direction == "max" else -1
        scores = np.array([sign * trial.score for trial in scored])
        settings = [trial.hyperparameters.values for trial in scored]
        generator = np.random.default_rng([self.seed, number])
        best = [settings[row] for row in np.argsort(-scores)[:3]]
        candidates = [self.draw(generator) for _ in range(_NUM_CANDIDATES)]
        candidates += [self.draw(generator, near) for near in best for _ in range(_NUM_AROUND_BEST)]
        candidates = [values for values in candidates if values not in known]
        if not candidates:
            return None
        process = _fitted(self._points(settings), scores)
        mean, deviation = process.predict(self._points(candidates), return_std=True)
        return candidates[int(np.argmax(_expected_improvement(mean, deviation, scores.max())))]

    def _points(self, settings: list[dict[str, Any]]) -> np.ndarray:
        """Returns settings as points in the unit cube, `(len(settings), dimensions)`.

        Names have an axis per value; what is not active is at its default.
        """
        columns = []
        for hp in self.hyperparameters.space:
            values = [each.get(hp.name, hp.default) for each in settings]
            if getattr(hp, "ordered", True):
                columns.append([hp.value_to_prob(value) for value in values])
            else:
                columns += [[float(value == name) for value in values] for name in hp.values]
        return np.array(columns).T


def _fitted(points: np.ndarray, scores: np.ndarray):
    """Returns a process of one length scale; the noise is that of the trainings."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern, WhiteKernel

    kernel = Matern(1.0, (0.1, 10.0), nu=2.5) + WhiteKernel(0.1, (1e-3, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound that is reached is meant
        return process.fit(points, scores)


def _expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    from scipy.stats import norm

    deviation = np.maximum(deviation, 1e-12)
    z = (mean - best) / deviation
    return deviation * (z * norm.cdf(z) + norm.pdf(z))


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
        "seed": seed + 1,  # keras-tuner takes 0 for none
        "max_consecutive_failed_trials": sys.maxsize,  # counted by the search itself
    }
    if tuner == "random":
        return RandomOracle(max_trials=max_trials, **settings)
    if tuner == "grid":
        return keras_tuner.oracles.GridSearchOracle(max_trials=max_trials, **settings)
    if tuner == "bayesian":
        num_initial_points = max(3, min(2 * len(space.free), (max_trials or 30) // 3))
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


def grid_size(parameter: Parameter) -> int:
    """Returns the number of values of a parameter in a grid."""
    if isinstance(parameter, Choice):
        return len(parameter.values)
    if isinstance(parameter, Int):
        return len(parameter.values())
    return 2 if isinstance(parameter, Boolean) else _GRID_POINTS_OF_FLOATS
