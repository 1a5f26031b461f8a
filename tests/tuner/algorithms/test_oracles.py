"""Searches of formulas whose optimum or front is known, and the properties that each one keeps."""

import itertools
import math

import keras_tuner
import numpy as np
import pytest

from bench.errors import BenchError
from tuner.algorithms import bayesian, oracles
from tuner.algorithms.encoding import UnitCube
from tuner.search import keras_tuner_contract as contract
from tuner.space.hypermodel import hyperparameters
from tuner.space.parameters import Boolean, Choice, Float, Int, When
from tuner.space.space import Space
from tuner.trials import pareto
from tuner.trials.objectives import Objective

SCORE = Objective("score", "max", measure=None)
ERROR = Objective("error", "min", measure=None)
_NOISY = When("noise", (True,))
MIXED = Space(
    "vae",
    {
        "learning_rate": Float(1e-5, 1e-1, 1e-4, log=True),
        "base_width": Int(8, 512, 16, step=2, log=True),
        "depth": Int(1, 5, 4),
        "activation": Choice(("relu", "gelu", "tanh", "elu"), "relu"),
        "noise": Boolean(False),
        "noise_level": Float(0.0, 1.0, 0.9, when=_NOISY),
    },
)
TWO_AIMS = Space(
    "vae",
    {
        "learning_rate": Float(1e-5, 1e-1, 1e-4, log=True),
        "size": Float(1e3, 1e6, 1e6, log=True),
        "depth": Int(1, 5, 4),
        "activation": Choice(("relu", "gelu", "tanh", "elu"), "relu"),
        "noise": Boolean(False),
        "noise_level": Float(0.0, 1.0, 0.9, when=_NOISY),
    },
)
SMALL = Space(
    "vae",
    {
        "activation": Choice(("relu", "gelu"), "gelu"),
        "hidden_layers": Int(0, 2, 1),
        "hidden_width": Int(32, 128, 64, step=2, log=True, when=When("hidden_layers", (1, 2))),
        "noise": Boolean(False),
        "noise_level": Choice((0.1, 0.2), 0.1, when=_NOISY),
    },
)


def score(values):
    """Returns 0 at its optimum, and less elsewhere."""
    found = -2 * (math.log10(values["learning_rate"]) + 2.5) ** 2
    found -= (math.log2(values["base_width"]) - 7) ** 2 / 8
    found -= 0.3 * (values["depth"] - 2) ** 2
    found -= {"relu": 0.5, "gelu": 0.0, "tanh": 1.5, "elu": 0.8}[values["activation"]]
    return found - (2 * (values["noise_level"] - 0.3) ** 2 if values["noise"] else 0.7)


def error(values):
    """Returns `(1 - u)^2` where all fits the size, and more elsewhere; the size is `10^(3 + 3u)`.

    The best learning rate depends on the size.
    """
    u = math.log10(values["size"] / 1e3) / 3
    found = (1 - u) ** 2 + (math.log10(values["learning_rate"]) + 2 + u) ** 2
    found += 0.1 * (values["depth"] - 2) ** 2
    found += {"relu": 0.1, "gelu": 0.0, "tanh": 0.5, "elu": 0.2}[values["activation"]]
    return found + ((values["noise_level"] - 0.3) ** 2 if values["noise"] else 0.2)


def metrics_of_two_aims(values):
    return {"error": error(values), "parameters": values["size"]}


def create(tuner, space, objective, max_trials=30, seed=0, **changes):
    settings = {"max_trials": max_trials, "epochs": 1, "seed": seed, "recorded": {}}
    oracle = oracles.create(tuner, space, objective, **(settings | changes))
    return contract.checked(oracle, max_trials)


def run(oracle, measure):
    """Runs a whole search, and returns the settings of its trials."""
    settings = []
    while (trial := contract.create_trial(oracle)) is not None:
        settings.append(contract.values_of(trial))
        contract.complete(oracle, trial, measure(settings[-1]))
    return settings


# --- how good -----------------------------------------------------------------------------------


def test_a_bayesian_search_beats_chance_where_the_optimum_is_known():
    optimum = {"learning_rate": 10**-2.5, "base_width": 128, "depth": 2}
    optimum |= {"activation": "gelu", "noise": True, "noise_level": 0.3}
    assert score(optimum) == 0
    best = {"random": [], "bayesian": []}
    for tuner, scores in best.items():
        for seed in range(3):
            settings = run(
                create(tuner, MIXED, SCORE, 30, seed), lambda values: {"score": score(values)}
            )
            scores.append(max(map(score, settings)))
    # The distance to the optimum is less than half of what chance leaves.
    assert np.mean(best["bayesian"]) > np.mean(best["random"]) / 2, best


def volume(settings):
    """Returns the hypervolume in the error and `u`, see `error`."""
    points = [(math.log10(values["size"] / 1e3) / 3, error(values)) for values in settings]
    return pareto.hypervolume(points, (1.0, 2.0))


def test_a_search_of_a_front_beats_chance_where_the_front_is_known():
    whole = 2 - 1 / 3  # below the error 2, above (1 - u)^2, from u = 0 to 1
    found = {"random": [], "bayesian": []}
    for tuner, volumes in found.items():
        for seed in range(3):
            oracle = create(tuner, TWO_AIMS, ERROR, 25, seed, costs=("parameters",))
            volumes.append(volume(run(oracle, metrics_of_two_aims)))
    assert max(found["bayesian"]) < whole
    lost = {tuner: whole - np.mean(volumes) for tuner, volumes in found.items()}
    assert lost["bayesian"] < 0.8 * lost["random"], found


# --- several aims -------------------------------------------------------------------------------


def test_costs_reach_the_oracle_as_metrics():
    oracle = create("bayesian", TWO_AIMS, ERROR, 6, costs=("parameters", "macs", "latency"))
    assert isinstance(oracle, oracles.ParetoOracle)

    def measure(values):
        return metrics_of_two_aims(values) | {"macs": values["size"] * 3, "latency": 0.25}

    run(oracle, measure)
    for trial in oracle.trials.values():
        assert trial.score == pytest.approx(error(trial.hyperparameters.values))
        found = {name: trial.metrics.get_last_value(name) for name in oracle.costs}
        assert found == {name: measure(trial.hyperparameters.values)[name] for name in found}
    assert oracle.get_best_trials()[0].score == min(t.score for t in oracle.trials.values())
    expected = [-oracle.trials["0"].score, math.log(1e6), math.log(3e6), math.log(0.25)]
    oracle.objective.direction = "max"
    np.testing.assert_allclose(oracle.objectives([oracle.trials["0"]]), [expected])


def test_a_trial_without_its_costs_is_not_learnt_from():
    oracle = create("bayesian", TWO_AIMS, ERROR, 9, costs=("parameters",))
    oracle.num_initial_points = 3
    assert len(run(oracle, lambda values: {"error": error(values)})) == 9


def test_trials_of_a_search_of_three_aims_have_weights_of_their_own():
    oracle = create("bayesian", TWO_AIMS, ERROR, costs=("parameters", "macs"))
    objectives = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.4, 0.4, 0.4]])
    points = objectives - 0.1
    found = [
        tuple(oracle.gain(objectives, np.random.default_rng([1, number]))(points, points * 0 + 0.1))
        for number in (5, 6, 5)
    ]
    assert found[0] == found[2] != found[1]


def test_points_of_the_front_come_first_where_trials_are_changed():
    oracle = create("bayesian", TWO_AIMS, ERROR, costs=("parameters",))
    objectives = np.array([[2.0, 2.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
    np.testing.assert_array_equal(oracle.totals(objectives), [4, 0, 0, 0, 3])


def test_costs_without_effect_and_costs_that_do_not_fit():
    assert type(create("random", MIXED, SCORE, costs=("macs",))) is oracles.RandomOracle
    assert type(create("grid", MIXED, SCORE, costs=("macs",))) is oracles.GridOracle
    assert type(create("bayesian", MIXED, SCORE)) is oracles.BayesianOracle
    with pytest.raises(BenchError, match=r"takes no --costs\. Use --tuner bayesian"):
        create("hyperband", MIXED, SCORE, costs=("macs",))
    with pytest.raises(BenchError, match="Did you mean 'latency'"):
        create("bayesian", MIXED, SCORE, costs=("latncy",))


# --- going on, and several at once --------------------------------------------------------------


@pytest.mark.parametrize("costs", [(), ("parameters",)])
def test_a_search_goes_on_from_its_records(costs):
    settings = {"objective": ERROR, "max_trials": 12, "costs": costs}
    whole = run(create("bayesian", TWO_AIMS, **settings), metrics_of_two_aims)
    # The last of them was started only.
    recorded = {number: {"hyperparameters": values} for number, values in enumerate(whole[:8])}
    oracle = create("bayesian", TWO_AIMS, recorded=recorded, **settings)
    assert run(oracle, metrics_of_two_aims) == whole


@pytest.mark.parametrize("costs", [(), ("parameters",)])
def test_trials_that_run_at_once_spread(costs, monkeypatch):
    def least_distance():
        oracle = create("bayesian", TWO_AIMS, ERROR, 40, costs=costs)
        for _ in range(20):
            trial = contract.create_trial(oracle)
            contract.complete(oracle, trial, metrics_of_two_aims(trial.hyperparameters.values))
        running = [contract.create_trial(oracle) for _ in range(6)]
        cube = UnitCube(oracle.hyperparameters.space)
        points = cube.points(cube.rows([trial.hyperparameters.values for trial in running]))
        pairs = itertools.combinations(points, 2)
        return min(float(np.linalg.norm(first - second)) for first, second in pairs)

    spread = least_distance()
    monkeypatch.setattr(bayesian, "_RUNNING", "none is told of")
    assert spread > 2 * least_distance()


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_seed_zero_is_a_seed(tuner):
    """keras-tuner takes 0 for none and draws one."""
    same, again, other = (
        run(create(tuner, MIXED, SCORE, 4, seed), lambda values: {"score": score(values)})
        for seed in (0, 0, 1)
    )
    assert same == again != other


# --- the grid -----------------------------------------------------------------------------------


def points_of_small():
    """Enumerates the grid by hand."""
    found = []
    for activation, layers, width, noise, level in itertools.product(
        ("gelu", "relu"), (1, 0, 2), (64, 32, 128), (False, True), (0.1, 0.2)
    ):
        point = {"activation": activation, "hidden_layers": layers}
        point |= {"hidden_width": width} if layers else {}
        point |= {"noise": noise} | ({"noise_level": level} if noise else {})
        if point not in found:
            found.append(point)
    return found


def test_a_grid_has_all_points_once_the_last_parameters_first():
    found = run(create("grid", SMALL, SCORE, None), lambda values: {"score": 0.0})
    assert found == points_of_small()
    assert len(found) == 2 * (1 + 2 * 3) * (1 + 2)
    assert found[0] == SMALL.complete({})
    assert found[1] == found[0] | {"noise": True, "noise_level": 0.1}


def test_a_grid_is_that_of_keras_tuner_where_one_trial_runs_at_a_time():
    names = ("activation", "noise", "noise_level")
    parameters = {name: SMALL.parameters[name] for name in names}
    space = Space("vae", parameters | {"beta": Float(0.1, 10.0, 1.0, log=True)})
    theirs = keras_tuner.oracles.GridSearchOracle(
        objective=keras_tuner.Objective("score", "max"), hyperparameters=hyperparameters(space)
    )
    own = create("grid", space, SCORE, None)
    every = (own, contract.checked(theirs, None))
    found, expected = (run(oracle, lambda values: {"score": 0.0}) for oracle in every)
    assert found == expected
    assert len(found) == 2 * 3 * 11 == oracles.grid_size(space) - 2 * 11


def test_a_grid_does_not_depend_on_the_order_in_which_trials_end():
    oracle = create("grid", SMALL, SCORE, None)
    generator = np.random.default_rng(0)
    running, found = {}, {}
    while True:
        for worker in {0, 1, 2, 3} - set(running):
            trial = contract.create_trial(oracle)
            if trial is not None:
                running[worker] = trial
                found[contract.number_of(trial)] = contract.values_of(trial)
        if not running:
            break
        trial = running.pop(int(generator.choice(list(running))))
        if generator.random() < 0.3:
            contract.fail(oracle, trial, "no memory")
        else:
            contract.complete(oracle, trial, {"score": 0.0})
    assert [found[number] for number in sorted(found)] == points_of_small()


def test_a_grid_ends_with_the_trials_that_are_asked_for():
    found = run(create("grid", SMALL, SCORE, 5), lambda values: {"score": 0.0})
    assert found == points_of_small()[:5]
