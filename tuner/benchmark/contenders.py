"""The searches that are compared: oracles of keras-tuner, as `python -m tuner search` has them."""

import sys

import keras_tuner

from bench.errors import BenchError
from tuner.algorithms import names as algorithms
from tuner.algorithms import oracles
from tuner.algorithms.constraints import Constraints
from tuner.benchmark.problems import Problem
from tuner.search import keras_tuner_contract as contract
from tuner.space.hypermodel import hyperparameters
from tuner.trials.objectives import Objective
from zoo import checks

SCORE = Objective("score", "min", measure=None)
_OF_KERAS_TUNER = "keras_tuner:"
NAMES = (
    "random",
    "bayesian",
    f"{_OF_KERAS_TUNER}bayesian",
    f"{_OF_KERAS_TUNER}hyperband",
    *(f"{algorithms.OPTUNA}{name}" for name in algorithms.SAMPLERS),
)
_FEWEST_EPOCHS = 2


def check(name: str) -> None:
    """Checks a name.

    Raises:
        BenchError: for an unknown one, or one that is not installed.
    """
    if name not in NAMES:
        raise BenchError(
            f"tuner benchmark: --searches must be of {', '.join(NAMES)}. "
            f"Received: {name!r}.{checks.suggestion(name, NAMES)}"
        )
    algorithms.check_installed(name)


def installed() -> tuple[str, ...]:
    """Returns the names of searches that can run here."""
    return tuple(name for name in NAMES if algorithms.is_installed(name))


def fits(name: str, problem: Problem) -> bool:
    """Tells whether a search can do a problem, and is meant to."""
    if name == f"{_OF_KERAS_TUNER}hyperband":
        return problem.epochs >= _FEWEST_EPOCHS and not problem.costs
    if name == "optuna:nsgaii":
        return bool(problem.costs)
    one_aim_alone = (f"{_OF_KERAS_TUNER}bayesian", "optuna:cmaes")
    return not (problem.costs and name in one_aim_alone)


def create(
    name: str, problem: Problem, constraints: Constraints, num_trials: int, seed: int
) -> keras_tuner.Oracle:
    """Returns a new search of a problem."""
    if not name.startswith(_OF_KERAS_TUNER):
        oracle = oracles.create(
            name,
            problem.space,
            SCORE,
            max_trials=num_trials,
            epochs=problem.epochs,
            seed=seed,
            recorded={},
            costs=problem.costs,
            constraints=constraints,
        )
        return contract.checked(oracle, num_trials)
    settings = {
        "objective": keras_tuner.Objective(SCORE.name, SCORE.direction),
        "hyperparameters": hyperparameters(problem.space),
        "seed": seed + 1,
        "max_consecutive_failed_trials": sys.maxsize,
    }
    if name.endswith("hyperband"):
        oracle = keras_tuner.oracles.HyperbandOracle(
            max_epochs=problem.epochs, hyperband_iterations=num_trials, **settings
        )
        return contract.checked(oracle, None)
    oracle = keras_tuner.oracles.BayesianOptimizationOracle(max_trials=num_trials, **settings)
    return contract.checked(oracle, num_trials)
