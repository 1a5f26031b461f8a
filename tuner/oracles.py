"""The search algorithms, as oracles of keras-tuner that can go on from records.

A search that goes on repeats its finished trials from their records instead of training them, so
that each algorithm comes to the state it had. Grid and Hyperband are those of `keras_tuner`. Its
random search takes a seed of 0 for none, and its Bayesian one spends minutes on a proposal where
parameters are many: both are written anew here, each draw from the seed and the trial's number.
"""

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras_tuner
import numpy as np
import threadpoolctl

from bench.errors import BenchError
from tuner import costs as known_costs
from tuner import pareto
from tuner.cube import Cube, is_active
from tuner.hypermodel import hyperparameters
from tuner.limits import Limits
from tuner.objectives import Objective
from tuner.parameters import Boolean, Choice, Int, Parameter
from tuner.process import Process
from tuner.space import Space

TUNERS = ("random", "grid", "bayesian", "hyperband")
_RUNNING, _COMPLETED, _STOPPED = "RUNNING", "COMPLETED", "STOPPED"
_GRID_POINTS_OF_FLOATS = 10
_MAX_DRAWS = 200
_LIKELY = 0.7
# Candidates of a proposal: at random, near the best trials, and near the most promising of these.
_NUM_INITIAL, _NUM_DRAWN = 200, 1_000
_NUM_BEST, _NUM_NEAR, _DISTANCES = 5, 50, (0.2, 0.05)
_NUM_CHANCES = 128
Aim = Callable[[np.ndarray], np.ndarray]


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
            probability, _ = generator.random(), generator.random()
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


class BayesianOracle(RandomOracle):
    """Draws settings where a Gaussian process expects the largest improvement.

        improvement = E[max(0, best - f)],  f ~ N(mean, deviation^2) of the process

    The candidates are settings at random, changes of the best ones, and changes of those that
    promise most. Trials that still run are taken to get the mean that the process has for them,
    so that several at once spread.

    Args:
        recorded: Trials by number that finished or began before: no process is fitted for them.
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
        with threadpoolctl.threadpool_limits(1):  # small matrices: more threads only wait
            return next(
                (values for values in self._promising(generator) if values not in known), None
            )

    def is_measured(self, trial) -> bool:
        """Tells whether a trial has all that `objectives` needs."""
        return trial.status == _COMPLETED

    def objectives(self, trials: list) -> np.ndarray:
        """Returns what the search keeps small, `(len(trials), objectives)`."""
        sign = 1 if self.objective.direction == "min" else -1
        return np.array([[sign * trial.score] for trial in trials])

    def aim(self, objectives: np.ndarray, generator: np.random.Generator) -> Aim:
        """Returns the function that makes one number of objectives, lower is better.

        Args:
            objectives: Of the trials so far.
        """
        return lambda found: found[..., 0]

    def improvement(
        self, means: np.ndarray, deviations: np.ndarray, best: float, aim: Aim
    ) -> np.ndarray:
        """Returns by how much each candidate is expected to be below the best.

        Args:
            means, deviations: `(candidates, objectives)`.
        """
        from scipy.stats import norm

        mean, deviation = means[:, 0], deviations[:, 0]
        z = (best - mean) / deviation
        return deviation * (z * norm.cdf(z) + norm.pdf(z))

    def _promising(self, generator: np.random.Generator) -> Iterator[dict[str, Any]]:
        """Gives candidates, those first from which most is expected."""
        cube = Cube(self.hyperparameters.space)
        measured = [trial for trial in self.trials.values() if self.is_measured(trial)]
        if len(measured) < self.num_initial_points:
            candidates = cube.draw(generator, _NUM_INITIAL)
            # The first that is likely to fit, else the likeliest.
            promised = np.minimum(self._fits(cube, candidates), _LIKELY)
        else:
            candidates, promised = self._searched(cube, measured, generator)
        for place in np.argsort(-promised, kind="stable"):
            yield cube.values(candidates[place])

    def _searched(self, cube: Cube, measured: list, generator) -> tuple[np.ndarray, np.ndarray]:
        """Returns candidates as rows of the cube, and what each promises."""
        rows, objectives = _rows(cube, measured), self.objectives(measured)
        aim = self.aim(objectives, generator)
        processes = [Process(cube.points(rows), column) for column in objectives.T]
        running = [trial for trial in self.trials.values() if trial.status == _RUNNING]
        if running:
            believed = _rows(cube, running)
            for process in processes:
                process.believe(cube.points(believed))
            rows = np.concatenate([rows, believed])
            objectives = np.column_stack([process.observed for process in processes])
        totals = aim(objectives)

        def promise(candidates: np.ndarray) -> np.ndarray:
            points = cube.points(candidates)
            found = [process.predict(points) for process in processes]
            means, deviations = (np.stack(part, axis=-1) for part in zip(*found, strict=True))
            improvement = self.improvement(means, deviations, totals.min(), aim)
            return improvement * self._fits(cube, candidates)

        def around(starts: np.ndarray) -> list[np.ndarray]:
            return [
                cube.near(generator, row, _NUM_NEAR, distance)
                for distance in _DISTANCES
                for row in starts
            ]

        best = rows[np.argsort(totals)[:_NUM_BEST]]
        first = np.concatenate([cube.draw(generator, _NUM_DRAWN), *around(best)])
        promised = promise(first)
        second = np.concatenate(around(first[np.argsort(-promised)[:_NUM_BEST]]))
        return np.concatenate([first, second]), np.append(promised, promise(second))

    def _fits(self, cube: Cube, candidates: np.ndarray) -> np.ndarray:
        """Returns how likely each candidate keeps within the limits."""
        points = cube.points(_rows(cube, list(self.trials.values())))
        by_number = dict(zip(map(int, self.trials), points, strict=True))
        return self.limits.probability(by_number, cube.points(candidates))


class ParetoOracle(BayesianOracle):
    """Searches the front of score and costs: each trial has weights of its own for them.

    A process is fitted to the score and one to the logarithm of each cost. The improvement is
    that of `tuner.pareto.scalarised` with the trial's weights, over draws from the processes: an
    own process for each aim follows it better than one for their scalarisation, which has edges.

    Args:
        costs: Names of metrics that each trial reports beside its score, lower is better.
        Others: see `BayesianOracle`.

    References: weights: Knowles, 2006 (ParEGO). https://doi.org/10.1109/TEVC.2005.851274
    A process for each aim: Daulton et al., 2020, Sec. 5. https://arxiv.org/abs/2006.05078
    """

    def __init__(self, *args, costs: tuple[str, ...], **kwargs):
        super().__init__(*args, **kwargs)
        self.costs = costs
        self._chances = np.random.default_rng(0).normal(size=(_NUM_CHANCES, 1, 1 + len(costs)))

    def is_measured(self, trial):
        return super().is_measured(trial) and all(map(trial.metrics.exists, self.costs))

    def objectives(self, trials):
        scores = [trial.score for trial in trials]
        found = [[trial.metrics.get_last_value(name) for name in self.costs] for trial in trials]
        return pareto.objectives(scores, found, self.objective.direction)

    def aim(self, objectives, generator):
        weights = pareto.weights(generator, objectives.shape[1])
        best, worst = objectives.min(axis=0), objectives.max(axis=0)
        return lambda found: pareto.scalarised(found, weights, best, worst)

    def improvement(self, means, deviations, best, aim):
        drawn = aim(means + deviations * self._chances)
        # Where no draw improves, the mean decides.
        return np.maximum(0.0, best - drawn).mean(axis=0) + 1e-6 * np.exp(-aim(means))


def _rows(cube: Cube, trials: list) -> np.ndarray:
    return cube.rows([trial.hyperparameters.values for trial in trials])


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
