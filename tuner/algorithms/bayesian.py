"""Searches that learn from their trials: for the best score, or for the front of several aims."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import threadpoolctl

from tuner.algorithms.constraints import Constraints
from tuner.algorithms.earlier import Earlier, joined
from tuner.algorithms.encoding import UnitCube
from tuner.algorithms.gaussian_process import GaussianProcess, without_cliffs
from tuner.algorithms.improvement import log_expected, log_expected_volume, reference_point
from tuner.algorithms.random_and_grid import RandomOracle
from tuner.trials import pareto

_RUNNING, _COMPLETED = "RUNNING", "COMPLETED"
_LOG_LIKELY = math.log(0.7)
# Candidates of a proposal: at random, near the best trials, and near the most promising of these,
# nearer in each round.
_NUM_INITIAL, _NUM_DRAWN = 256, 500
_NUM_BEST, _NUM_NEAR = 5, 40
_DISTANCES = ((0.2, 0.05), (0.1, 0.02), (0.03, 0.01))
_NUM_CHANCES = 64
Gain = Callable[[np.ndarray, np.ndarray], np.ndarray]


class BayesianOracle(RandomOracle):
    """Tries settings where a Gaussian process expects the largest improvement.

        improvement = E[max(0, best - f)],  f ~ N(mean, deviation^2) of the process

    as a logarithm, see `improvement.log_expected`. The first trials are the points of a scrambled
    Sobol sequence, which fill the space more evenly than chance. Later candidates are settings at
    random, changes of the best ones, and smaller and smaller changes of those that promise most.
    A trial that still runs counts with the mean that the process predicts for it (Kriging
    believer), so that trials that run at once spread.

    Args:
        recorded: Trials by number that finished or began before: no process is fitted for them.
        num_initial_points: Trials before the first fit.
        constraints: What settings must keep within: an expected improvement counts as far as they
            are likely to.
        earlier: Trials of other searches that the process learns from too.
        Others: see `RandomOracle`.

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
        earlier: Sequence[Earlier] = (),
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.recorded = recorded
        self.earlier = list(earlier)
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

    def learnt_from(self, objectives: np.ndarray) -> np.ndarray:
        """Returns objectives as the processes take them: cliffs would hide the good ones."""
        return without_cliffs(objectives)

    def has_all(self, earlier: Earlier) -> bool:
        """Tells whether an earlier trial has all that `objectives_of_earlier` needs."""
        return True

    def objectives_of_earlier(self, earlier: list[Earlier]) -> np.ndarray:
        """Returns the same of earlier trials, `(len(earlier), objectives)`."""
        sign = 1 if self.objective.direction == "min" else -1
        return np.array([[sign * each.score] for each in earlier])

    def expects_more(self, number):
        """Tells whether the process expects an improvement above the noise of a training."""
        if number in self.recorded:
            return True
        cube = UnitCube(self.hyperparameters.space)
        measured = [trial for trial in self.trials.values() if self.is_measured(trial)]
        if len(measured) < self.num_initial_points:
            return True
        rows, objectives = _rows(cube, measured), self.objectives(measured)[:, :1]
        process = GaussianProcess(cube.points(rows), without_cliffs(objectives)[:, 0])
        generator = np.random.default_rng([self.seed, number])
        best = rows[np.argsort(objectives[:, 0])[:_NUM_BEST]]
        near = [cube.near(generator, row, _NUM_DRAWN, _DISTANCES[0][0]) for row in best]
        points = cube.points(np.concatenate([cube.draw(generator, _NUM_DRAWN), *near]))
        log_improvement = log_expected(*process.predict(points), objectives.min())
        return bool(np.exp(log_improvement.max()) > process.noise_deviation)

    def gain(self, objectives: np.ndarray, generator: np.random.Generator) -> Gain:
        """Returns the function of means and deviations whose value a proposal makes large.

        Args:
            objectives: Of the trials so far; those that run have the values of the process.
            generator: Of this proposal.
        """
        best = objectives.min()
        return lambda means, deviations: log_expected(means[:, 0], deviations[:, 0], best)

    def totals(self, objectives: np.ndarray) -> np.ndarray:
        """Returns the order of trials, lower is better: the best are changed a little."""
        return objectives[:, 0]

    def _promising(self, generator: np.random.Generator) -> Iterator[dict[str, Any]]:
        """Gives candidates, those first from which most is expected."""
        cube = UnitCube(self.hyperparameters.space)
        measured = [trial for trial in self.trials.values() if self.is_measured(trial)]
        known = len(measured) + sum(each.is_same for each in self.earlier)
        if known < self.num_initial_points or not measured:
            candidates = cube.sequence(self.seed, len(self.trials), _NUM_INITIAL)
            # The first that is likely to fit, else the likeliest.
            promised = np.minimum(self._log_fits(cube)(cube.points(candidates)), _LOG_LIKELY)
        else:
            candidates, promised = self._searched(cube, measured, generator)
        for place in np.argsort(-promised, kind="stable"):
            yield cube.values(candidates[place])

    def _searched(self, cube: UnitCube, measured: list, generator) -> tuple[np.ndarray, np.ndarray]:
        """Returns candidates as rows of the cube, and what each promises."""
        rows, objectives = _rows(cube, measured), self.objectives(measured)
        processes = self._processes(cube, rows, objectives)
        running = [trial for trial in self.trials.values() if trial.status == _RUNNING]
        if running:
            fantasised = _rows(cube, running)
            for process in processes:
                process.fantasise(cube.points(fantasised))
            rows = np.concatenate([rows, fantasised])
            expected = [process.observed[-len(running) :] for process in processes]
            objectives = np.concatenate([objectives, np.column_stack(expected)])
        gain, log_fits = self.gain(objectives, generator), self._log_fits(cube)

        def promise(candidates: np.ndarray) -> np.ndarray:
            points = cube.points(candidates)
            predicted = [process.predict(points) for process in processes]
            means, deviations = (np.stack(part, axis=-1) for part in zip(*predicted, strict=True))
            return gain(means, deviations) + log_fits(points)

        def around(starts: np.ndarray, distances: Sequence[float]) -> np.ndarray:
            return np.concatenate(
                [
                    cube.near(generator, row, _NUM_NEAR, distance)
                    for distance in distances
                    for row in starts
                ]
            )

        best = rows[np.argsort(self.totals(objectives))[:_NUM_BEST]]
        candidates = np.concatenate([cube.draw(generator, _NUM_DRAWN), around(best, _DISTANCES[0])])
        promised = promise(candidates)
        for distances in _DISTANCES:
            starts = candidates[np.argsort(-promised, kind="stable")[:_NUM_BEST]]
            changed = around(starts, distances)
            candidates = np.concatenate([candidates, changed])
            promised = np.append(promised, promise(changed))
        return candidates, promised

    def _processes(
        self, cube: UnitCube, rows: np.ndarray, objectives: np.ndarray
    ) -> list[GaussianProcess]:
        """Returns a process for each aim, of the search's own trials and of earlier ones."""
        earlier = [each for each in self.earlier if self.has_all(each)]
        noises = None
        if earlier:
            rows = np.concatenate([rows, cube.rows([each.values for each in earlier])])
            objectives, noises = joined(objectives, self.objectives_of_earlier(earlier), earlier)
        objectives = self.learnt_from(objectives)
        return [GaussianProcess(cube.points(rows), column, noises) for column in objectives.T]

    def _log_fits(self, cube: UnitCube) -> Callable[[np.ndarray], np.ndarray]:
        """Returns how likely points keep within the constraints, as a logarithm."""
        if not self.constraints.limits:
            return lambda points: np.zeros(len(points))
        points = cube.points(_rows(cube, list(self.trials.values())))
        return self.constraints.fitted(dict(zip(map(int, self.trials), points, strict=True)))


class ParetoOracle(BayesianOracle):
    """Searches the front of score and costs, with a process for the score and one for each cost.

    Of one cost, a proposal is where the hypervolume is expected to grow most, exactly; see
    `improvement.log_expected_volume`. Of more, each trial has weights of its own for a sum of all
    aims, of which the best is sought.

    Args:
        costs: Names of metrics that each trial reports beside its score, lower is better. Their
            logarithms count.
        Others: see `BayesianOracle`.

    Reference of several costs: Knowles, 2006 (ParEGO). https://doi.org/10.1109/TEVC.2005.851274
    With a process for each aim: Daulton et al., 2020, Sec. 4. https://arxiv.org/abs/2006.05078
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

    def learnt_from(self, objectives):
        """Returns them as they are: the ends of a front can be far from its middle."""
        return objectives

    def has_all(self, earlier):
        return all(name in earlier.costs for name in self.costs)

    def objectives_of_earlier(self, earlier):
        costs = [[each.costs[name] for name in self.costs] for each in earlier]
        scores = [each.score for each in earlier]
        return pareto.objectives(scores, costs, self.objective.direction)

    def gain(self, objectives, generator):
        front, reference = reference_point(objectives)
        if len(self.costs) == 1:
            return lambda means, deviations: log_expected_volume(
                means, deviations, front, reference
            )
        weights = pareto.weights(generator, objectives.shape[1])
        best, worst = front.min(axis=0), reference
        lowest = pareto.scalarised(objectives, weights, best, worst).min()

        def gained(means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
            drawn = pareto.scalarised(means + deviations * self._chances, weights, best, worst)
            # Where no draw improves, the mean decides.
            mean = pareto.scalarised(means, weights, best, worst)
            return np.log(np.maximum(0.0, lowest - drawn).mean(axis=0) + 1e-6 * np.exp(-mean))

        return gained

    def totals(self, objectives):
        """Returns how many others beat each trial: those of the front come first."""
        below = (objectives[:, None] <= objectives[None]).all(axis=-1)
        return (below & ~below.T).sum(axis=0).astype(float)


@functools.cache
def _threads() -> threadpoolctl.ThreadpoolController:
    import scipy.linalg  # noqa: F401 - so that its threads are seen

    return threadpoolctl.ThreadpoolController()


def _rows(cube: UnitCube, trials: list) -> np.ndarray:
    return cube.rows([trial.hyperparameters.values for trial in trials])
