"""The search algorithms by name, as oracles of keras-tuner that can go on from records.

A search that goes on repeats its finished trials from their records instead of training them, so
that each algorithm comes to the state it had. Hyperband is that of `keras_tuner`. Its random
search takes a seed of 0 for none, its grid depends on the order in which trials end, and its
Bayesian search spends minutes on a proposal where parameters are many: these are written anew
here, each proposal from the seed, the trial's number and the trials before.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras_tuner

from tuner.algorithms import names
from tuner.algorithms.bayesian import BayesianOracle, ParetoOracle
from tuner.algorithms.constraints import Constraints
from tuner.algorithms.earlier import Earlier, best
from tuner.algorithms.optuna_oracle import OptunaOracle
from tuner.algorithms.random_and_grid import GridOracle, RandomOracle
from tuner.space.hypermodel import hyperparameters
from tuner.space.space import Space
from tuner.trials import costs as known_costs
from tuner.trials.objectives import Objective

_MOST_INITIAL = 6  # trials of a Bayesian search of one aim before its first process


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
    constraints: Constraints | None = None,
    storage: Path | None = None,
    queue: Sequence[dict[str, Any]] = (),
    earlier: Sequence[Earlier] = (),
    patience: int | None = None,
) -> keras_tuner.Oracle:
    """Returns the algorithm of a name from `names.TUNERS`.

    Args:
        max_trials: At most so many trials; None: as many as the algorithm has. Hyperband takes no
            such number here: `keras_tuner_contract.checked` sets it.
        epochs: Of each trial; of `"hyperband"` the most.
        recorded: Trials by number that finished or began before, with their `hyperparameters`.
        costs: Names from `costs.COSTS` that the search keeps small beside its objective:
            `"bayesian"` looks for the front then, and each trial reports them as metrics.
            `"random"` and `"grid"` go the same way with and without.
        constraints: What settings must keep within; `"bayesian"` learns which do.
        storage: File that Optuna's study is kept in; None: in memory.
        queue: Settings that are tried after the defaults.
        earlier: Trials of earlier searches: the best are tried first, and `"bayesian"` and
            Optuna's searches learn from them.
        patience: Trials in a row without a better score that end the search, of `"bayesian"` once
            it expects no improvement above the noise; None: never.

    Raises:
        BenchError: for an unknown name, or what the algorithm cannot do.
    """
    names.check(tuner, costs, epochs)
    known_costs.get(costs)
    settings: dict[str, Any] = {
        "objective": keras_tuner.Objective(objective.name, objective.direction),
        "hyperparameters": hyperparameters(space),
        "seed": seed + 1,  # keras-tuner takes 0 for none
        "max_consecutive_failed_trials": sys.maxsize,  # counted by the search itself
    }
    warm = {"queue": [*queue, *best(earlier, objective.direction)], "patience": patience}
    names.check_warm(tuner, bool(warm["queue"]) or patience is not None)
    if tuner == "hyperband":
        return keras_tuner.oracles.HyperbandOracle(max_epochs=epochs, **settings)
    settings["max_trials"] = max_trials
    if tuner == "grid":
        return GridOracle(**settings)
    settings |= warm
    if tuner == "random":
        return RandomOracle(**settings)
    settings |= {"recorded": recorded, "constraints": constraints, "earlier": earlier}
    if tuner == "bayesian":
        # A front has many good settings: more of the space is looked at first.
        num_initial = 2 * len(space.free) if costs else min(1 + len(space.free), _MOST_INITIAL)
        settings["num_initial_points"] = max(3, min(num_initial, (max_trials or 30) // 3))
        return ParetoOracle(costs=costs, **settings) if costs else BayesianOracle(**settings)
    sampler = tuner.removeprefix(names.OPTUNA)
    return OptunaOracle(sampler=sampler, costs=costs, storage=storage, **settings)


def grid_size(space: Space) -> int:
    """Returns the number of points in the grid of a space, at most: as if all were active."""
    return math.prod(len({hp.default, *hp.values}) for hp in hyperparameters(space).space)
