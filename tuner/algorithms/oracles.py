"""The search algorithms by name, as oracles of keras-tuner that can go on from records.

A search that goes on repeats its finished trials from their records instead of training them, so
that each algorithm comes to the state it had. Hyperband is that of `keras_tuner`. Its random
search takes a seed of 0 for none, its grid depends on the order in which trials end, and its
Bayesian search spends minutes on a proposal where parameters are many: these are written anew
here, each proposal from the seed, the trial's number and the trials before.
"""

import sys
from typing import Any

import keras_tuner

from bench.errors import BenchError
from tuner.algorithms.bayesian import BayesianOracle, ParetoOracle
from tuner.algorithms.constraints import Constraints
from tuner.algorithms.random_and_grid import GridOracle, RandomOracle
from tuner.space.hypermodel import hyperparameters
from tuner.space.parameters import Boolean, Choice, Int, Parameter
from tuner.space.space import Space
from tuner.trials import costs as known_costs
from tuner.trials.objectives import Objective

TUNERS = ("random", "grid", "bayesian", "hyperband")
_GRID_POINTS_OF_FLOATS = 11  # ten and the default


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
    limits: Constraints | None = None,
) -> keras_tuner.Oracle:
    """Returns the algorithm of a name from `TUNERS`.

    Args:
        max_trials: At most so many trials; None: as many as the algorithm has.
        epochs: Of each trial; of `"hyperband"` the most.
        recorded: Trials by number that finished or began before, with their `hyperparameters`.
        costs: Names from `costs.COSTS` that the search keeps small beside its objective:
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
