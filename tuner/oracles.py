"""The search algorithms, as oracles of keras-tuner that can go on from records.

A search that goes on repeats its finished trials from their records instead of training them, so
that each algorithm comes to the state it had. Grid and Hyperband are those of `keras_tuner`. Its
random search takes a seed of 0 for none, and its Bayesian one spends minutes on a proposal where
parameters are many: both are written anew here, each draw from the seed and the trial's number.
"""

import itertools
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import keras_tuner
import numpy as np

from bench.errors import BenchError
from tuner import costs as known_costs
from tuner import pareto
from tuner.hypermodel import hyperparameters
from tuner.limits import Limits
from tuner.objectives import Objective
from tuner.parameters import Boolean, Choice, Int, Parameter
from tuner.space import Space

TUNERS = ("random", "grid", "bayesian", "hyperband")
_RUNNING, _COMPLETED, _STOPPED = "RUNNING", "COMPLETED", "STOPPED"
_GRID_POINTS_OF_FLOATS = 10
_MAX_DRAWS = 200
_NUM_CANDIDATES = 2_000
_NUM_BEST = 3
_LIKELY = 0.7
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
        values: dict[str, Any] = {}
        share = min(1.0, 2 / max(1, len(self.hyperparameters.space)))
        for hp in self.hyperparameters.space:
            probability, is_changed = generator.random(), generator.random() < share
            if _is_active(hp, values):
                is_kept = near is not None and hp.name in near and not is_changed
                values[hp.name] = near[hp.name] if is_kept else hp.prob_to_value(probability)
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
        if not _is_active(hp, values):
            yield from self._points(values, place + 1)
            return
        for value in dict.fromkeys([hp.default, *hp.values]):
            yield from self._points(values | {hp.name: value}, place + 1)


class BayesianOracle(RandomOracle):
    """Draws settings where a Gaussian process expects the largest improvement.

        improvement = E[max(0, f - best)],  f ~ N(mean, deviation^2) of the process

    The candidates are settings at random, and changes of the best ones. Trials that still run
    are taken to get the mean that the process has for them, so that several at once spread.

    Args:
        recorded: Trials by number that finished or began before: no process is fitted for them
            again.
        num_initial_points: Trials at random before the first fit.
        limits: What settings must keep within: an expected improvement counts as far as they are
            likely to.

    References: Jones et al., 1998, Eq. 15. https://doi.org/10.1023/A:1008306431147
    Trials at once: Ginsbourger et al., 2010, Sec. 4.2 (Kriging Believer).
    https://doi.org/10.1007/978-3-642-10701-6_6
    """

    def __init__(
        self,
        *args,
        recorded: dict[int, dict[str, Any]],
        num_initial_points: int,
        limits: Limits | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.recorded = recorded
        self.num_initial_points = num_initial_points
        self.limits = limits or Limits({})

    def propose(self, number, known):
        record = self.recorded.get(number)
        if record is not None:
            return dict(record["hyperparameters"])
        generator = np.random.default_rng([self.seed, number])
        measured = [trial for trial in self.trials.values() if self.is_measured(trial)]
        if len(measured) < self.num_initial_points:
            candidates = [self.draw(generator) for _ in range(_MAX_DRAWS)]
            candidates = [values for values in candidates if values not in known]
            # The first that is likely to fit, else the likeliest.
            likely = np.minimum(self._fits(candidates), _LIKELY) if candidates else None
            return candidates[int(np.argmax(likely))] if candidates else None
        worth = self.worth(measured, generator)
        settings = [trial.hyperparameters.values for trial in measured]
        best = [settings[row] for row in np.argsort(-worth)[:_NUM_BEST]]
        candidates = [self.draw(generator) for _ in range(_NUM_CANDIDATES)]
        candidates += [self.draw(generator, near) for near in best for _ in range(_NUM_AROUND_BEST)]
        candidates = [values for values in candidates if values not in known]
        if not candidates:
            return None
        running = [trial for trial in self.trials.values() if trial.status == _RUNNING]
        process = _Process(self._points(settings), worth)
        if running:
            process.believe(self._points([trial.hyperparameters.values for trial in running]))
        improvement = process.expected_improvement(self._points(candidates))
        return candidates[int(np.argmax(improvement * self._fits(candidates)))]

    def _fits(self, candidates: list[dict[str, Any]]) -> np.ndarray:
        """Returns how likely each candidate keeps within the limits."""
        every = {int(name): trial.hyperparameters.values for name, trial in self.trials.items()}
        points = dict(zip(every, self._points(list(every.values())), strict=True))
        return self.limits.probability(points, self._points(candidates))

    def is_measured(self, trial) -> bool:
        """Tells whether a trial has what `worth` needs."""
        return trial.status == _COMPLETED

    def worth(self, trials: list, generator: np.random.Generator) -> np.ndarray:
        """Returns what the search maximises, `(len(trials),)`."""
        sign = 1 if self.objective.direction == "max" else -1
        return np.array([sign * trial.score for trial in trials])

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


class ParetoOracle(BayesianOracle):
    """Searches the front of score and costs: each trial has weights of its own for them.

    A process is fitted to `tuner.pareto.scalarised` of all trials, with the weights of the trial
    that is to be proposed.

    Args:
        costs: Names of metrics that each trial reports beside its score, lower is better.
        Others: see `BayesianOracle`.

    Reference: Knowles, 2006 (ParEGO). https://doi.org/10.1109/TEVC.2005.851274
    """

    def __init__(self, *args, costs: tuple[str, ...], **kwargs):
        super().__init__(*args, **kwargs)
        self.costs = costs

    def is_measured(self, trial):
        return super().is_measured(trial) and all(map(trial.metrics.exists, self.costs))

    def worth(self, trials, generator):
        scores = [trial.score for trial in trials]
        found = [[trial.metrics.get_last_value(name) for name in self.costs] for trial in trials]
        weights = pareto.weights(generator, 1 + len(self.costs))
        return -pareto.scalarised(scores, found, self.objective.direction, weights)


def _is_active(hp, values: dict[str, Any]) -> bool:
    return all(condition.is_active(values) for condition in hp.conditions)


class _Process:
    """A Gaussian process of one length scale; its noise is that of the trainings."""

    def __init__(self, points: np.ndarray, values: np.ndarray):
        from sklearn.gaussian_process.kernels import Matern, WhiteKernel

        self.points = points
        self.values = (values - values.mean()) / (values.std() or 1.0)
        kernel = Matern(1.0, (0.1, 10.0), nu=2.5) + WhiteKernel(0.1, (1e-3, 1.0))
        self.regressor = self._fitted(kernel, "fmin_l_bfgs_b")

    def believe(self, points: np.ndarray) -> None:
        """Takes the mean at these points for what was measured there."""
        self.values = np.concatenate([self.values, self.regressor.predict(points)])
        self.points = np.concatenate([self.points, points])
        self.regressor = self._fitted(self.regressor.kernel_, None)

    def expected_improvement(self, points: np.ndarray) -> np.ndarray:
        from scipy.stats import norm

        mean, deviation = self.regressor.predict(points, return_std=True)
        deviation = np.maximum(deviation, 1e-12)
        best = self.values.max()
        z = (mean - best) / deviation
        return deviation * (z * norm.cdf(z) + norm.pdf(z))

    def _fitted(self, kernel, optimizer: str | None):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor

        regressor = GaussianProcessRegressor(kernel, optimizer=optimizer, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a bound that is reached is meant
            return regressor.fit(self.points, self.values)


def create(
    tuner: str,
    space: Space,
    objective: Objective,
    *,
    max_trials: int | None,
    epochs: int,
    seed: int,
    recorded: dict[int, dict[str, Any]],
    costs: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> keras_tuner.Oracle:
    """Returns the algorithm of a name from `TUNERS`.

    Args:
        max_trials: At most so many trials; None: as many as the algorithm has.
        epochs: Of each trial; of `"hyperband"` the most.
        recorded: Trials by number that finished or began before, with their `hyperparameters`.
        costs: Names from `tuner.costs.COSTS` that the search keeps small beside its objective:
            `"bayesian"` looks for the front then, and each trial reports them as metrics.
            `"random"` and `"grid"` go the same way with and without.
        limits: What settings must keep within; `"bayesian"` learns which do.

    Raises:
        BenchError: for an unknown name, or what the algorithm cannot do.
    """
    known_costs.get(costs)
    settings: dict[str, Any] = {
        "objective": keras_tuner.Objective(objective.name, objective.direction),
        "hyperparameters": hyperparameters(space),
        "seed": seed + 1,  # keras-tuner takes 0 for none
        "max_consecutive_failed_trials": sys.maxsize,  # counted by the search itself
    }
    if tuner == "random":
        return RandomOracle(max_trials=max_trials, **settings)
    if tuner == "grid":
        return GridOracle(max_trials=max_trials, **settings)
    if tuner == "bayesian":
        settings |= {
            "max_trials": max_trials,
            "recorded": recorded,
            "limits": limits,
            "num_initial_points": max(3, min(2 * len(space.free), (max_trials or 30) // 3)),
        }
        return ParetoOracle(costs=costs, **settings) if costs else BayesianOracle(**settings)
    if tuner == "hyperband":
        if costs:
            raise BenchError(
                "--tuner hyperband keeps trials by their score alone and takes no --costs. "
                "Use --tuner bayesian, random or grid, or leave the costs out."
            )
        if epochs < 2:
            raise BenchError("--tuner hyperband needs --epochs of at least 2. Received: 1.")
        oracle = keras_tuner.oracles.HyperbandOracle(max_epochs=epochs, **settings)
        oracle.max_trials = max_trials
        return oracle
    raise BenchError(f"--tuner must be one of {', '.join(TUNERS)}. Received: {tuner!r}.")


def grid_size(parameter: Parameter) -> int:
    """Returns the number of values of a parameter in a grid, at most."""
    if isinstance(parameter, Choice):
        return len(parameter.values)
    if isinstance(parameter, Int):
        return len(parameter.values())
    return 2 if isinstance(parameter, Boolean) else _GRID_POINTS_OF_FLOATS
