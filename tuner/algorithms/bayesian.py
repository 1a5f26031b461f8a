"""Searches that learn from their trials: for the best score, or for the front of several aims."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import threadpoolctl

from bench.leaderboard.pareto import not_dominated
from tuner.algorithms.constraints import Constraints
from tuner.algorithms.encoding import UnitCube
from tuner.algorithms.gaussian_process import GaussianProcess
from tuner.algorithms.random_and_grid import RandomOracle
from tuner.trials import pareto

_RUNNING, _COMPLETED = "RUNNING", "COMPLETED"
_LIKELY = 0.7
# Candidates of a proposal: at random, near the best trials, and near the most promising of these.
_NUM_INITIAL, _NUM_DRAWN = 200, 500
_NUM_BEST, _NUM_NEAR, _DISTANCES = 5, 50, (0.2, 0.05)
_NUM_CHANCES = 64
Aim = Callable[[np.ndarray], np.ndarray]


class BayesianOracle(RandomOracle):
    """Draws settings where a Gaussian process expects the largest improvement.

        improvement = E[max(0, best - f)],  f ~ N(mean, deviation^2) of the process

    The candidates are settings at random, changes of the best ones, and changes of those that
    promise most. Trials that still run are taken to get the mean that the process has for them,
    so that several at once spread.

    Args:
        recorded: Trials by number that finished or began before: no process is fitted for them.
        num_initial_points: Trials at random before the first fit.
        constraints: What settings must keep within: an expected improvement counts as far as they
            are likely to.

    References: Jones et al., 1998, Eq. 15. https://doi.org/10.1023/A:1008306431147
    Trials at once: Ginsbourger et al., 2010, Sec. 4.2 (Kriging Believer).
    https://doi.org/10.1007/978-3-642-10701-6_6
    """

    def __init__(
        self,
        *args,
        recorded: dict[int, dict[str, Any]],
        num_initial_points: int,
        constraints: Constraints | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.recorded = recorded
        self.num_initial_points = num_initial_points
        self.constraints = constraints or Constraints({})

    def propose(self, number, known):
        record = self.recorded.get(number)
        if record is not None:
            return dict(record["hyperparameters"])
        generator = np.random.default_rng([self.seed, number])
        with _threads().limit(limits=1):  # small matrices: more threads only wait
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
        return lambda values: values[..., 0]

    def improvement(
        self, means: np.ndarray, deviations: np.ndarray, best: float, aim: Aim
    ) -> np.ndarray:
        """Returns by how much each candidate is expected to be below the best.

        Args:
            means: Of the processes, `(candidates, objectives)`.
            deviations: Of the processes, of the same shape.
            best: The lowest `aim` so far.
        """
        from scipy.stats import norm

        mean, deviation = means[:, 0], deviations[:, 0]
        z = (best - mean) / deviation
        return deviation * (z * norm.cdf(z) + norm.pdf(z))

    def _promising(self, generator: np.random.Generator) -> Iterator[dict[str, Any]]:
        """Gives candidates, those first from which most is expected."""
        cube = UnitCube(self.hyperparameters.space)
        measured = [trial for trial in self.trials.values() if self.is_measured(trial)]
        if len(measured) < self.num_initial_points:
            candidates = cube.draw(generator, _NUM_INITIAL)
            # The first that is likely to fit, else the likeliest.
            promised = np.minimum(self._fits(cube)(cube.points(candidates)), _LIKELY)
        else:
            candidates, promised = self._searched(cube, measured, generator)
        for place in np.argsort(-promised, kind="stable"):
            yield cube.values(candidates[place])

    def _searched(self, cube: UnitCube, measured: list, generator) -> tuple[np.ndarray, np.ndarray]:
        """Returns candidates as rows of the cube, and what each promises."""
        rows, objectives = _rows(cube, measured), self.objectives(measured)
        aim = self.aim(objectives, generator)
        processes = [GaussianProcess(cube.points(rows), column) for column in objectives.T]
        running = [trial for trial in self.trials.values() if trial.status == _RUNNING]
        if running:
            fantasised = _rows(cube, running)
            for process in processes:
                process.fantasise(cube.points(fantasised))
            rows = np.concatenate([rows, fantasised])
            objectives = np.column_stack([process.observed for process in processes])
        totals, fits = aim(objectives), self._fits(cube)

        def promise(candidates: np.ndarray) -> np.ndarray:
            points = cube.points(candidates)
            predicted = [process.predict(points) for process in processes]
            means, deviations = (np.stack(part, axis=-1) for part in zip(*predicted, strict=True))
            improvement = self.improvement(means, deviations, totals.min(), aim)
            return improvement * fits(points)

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

    def _fits(self, cube: UnitCube) -> Aim:
        """Returns how likely points keep within the constraints, as a function of them."""
        if not self.constraints.limits:
            return lambda points: np.ones(len(points))
        points = cube.points(_rows(cube, list(self.trials.values())))
        return self.constraints.fitted(dict(zip(map(int, self.trials), points, strict=True)))


class ParetoOracle(BayesianOracle):
    """Searches the front of score and costs: each trial has weights of its own for them.

    A process is fitted to the score and one to the logarithm of each cost. The improvement
    is that of `pareto.scalarised` with the trial's weights, over draws from the processes.
    Objectives count from the best to the worst of the front so far, where the paper takes all
    trials: a few settings that fail would else make all others equal.

    Args:
        costs: Names of metrics that each trial reports beside its score, lower is better.
        Others: see `BayesianOracle`.

    References: Knowles, 2006 (ParEGO), with one process for the scalarised value.
    https://doi.org/10.1109/TEVC.2005.851274
    With one for each objective: Daulton et al., 2020 (qParEGO). https://arxiv.org/abs/2006.05078
    """

    def __init__(self, *args, costs: tuple[str, ...], **kwargs):
        super().__init__(*args, **kwargs)
        self.costs = costs
        # The same for all trials and candidates, so that they differ by nothing else.
        self._chances = np.random.default_rng(0).normal(size=(_NUM_CHANCES, 1, 1 + len(costs)))

    def is_measured(self, trial):
        return super().is_measured(trial) and all(map(trial.metrics.exists, self.costs))

    def objectives(self, trials):
        scores = [trial.score for trial in trials]
        cost_values = [
            [trial.metrics.get_last_value(name) for name in self.costs] for trial in trials
        ]
        return pareto.objectives(scores, cost_values, self.objective.direction)

    def aim(self, objectives, generator):
        weights = pareto.weights(generator, objectives.shape[1])
        front = objectives[not_dominated(objectives)]
        best, worst = front.min(axis=0), front.max(axis=0)
        worst = np.where(worst > best, worst, objectives.max(axis=0))
        return lambda values: pareto.scalarised(values, weights, best, worst)

    def improvement(self, means, deviations, best, aim):
        drawn = aim(means + deviations * self._chances)
        # Where no draw improves, the mean decides.
        return np.maximum(0.0, best - drawn).mean(axis=0) + 1e-6 * np.exp(-aim(means))


@functools.cache
def _threads() -> threadpoolctl.ThreadpoolController:
    import scipy.linalg  # noqa: F401 - so that its threads are seen

    return threadpoolctl.ThreadpoolController()


def _rows(cube: UnitCube, trials: list) -> np.ndarray:
    return cube.rows([trial.hyperparameters.values for trial in trials])
