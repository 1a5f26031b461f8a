"""Settings that keep within a limit: learnt from sizes whose rule is known here."""

import numpy as np
import pytest

pytest.importorskip("keras_tuner")

from tiny_search import request

from tuner.algorithms import oracles
from tuner.algorithms.constraints import FEWEST, Constraints
from tuner.search import keras_tuner_contract as contract
from tuner.search.resolve import resolve
from tuner.space import ready
from tuner.trials.objectives import OBJECTIVES


def drawn(num, seed):
    return np.random.default_rng(seed).random((num, 6))


def size_of(points):
    """Depends on two of six parameters, over three decades."""
    return 1_000.0 * 10 ** (1.5 * points[:, 0] + 1.5 * points[:, 1] ** 2)


def test_the_limit_is_learnt_from_few_sizes():
    limit = 30_000.0
    found = Constraints({"num_parameters": limit, "forward_macs": None})
    points = drawn(40, 0)
    for number, size in enumerate(size_of(points)):
        found.note(number, {"num_parameters": size, "forward_macs": 1.0})
    candidates = drawn(500, 1)
    probability = found.probability(dict(enumerate(points)), candidates)
    assert ((probability >= 0) & (probability <= 1)).all()
    fits = size_of(candidates) <= limit
    assert ((probability > 0.5) == fits).mean() > 0.9
    surely = probability > 0.95
    assert surely.sum() > 100
    assert fits[surely].mean() > 0.97


def test_without_a_limit_or_sizes_all_is_likely():
    candidates = drawn(5, 0)
    assert (Constraints({"num_parameters": None}).probability({}, candidates) == 1).all()
    few = Constraints({"num_parameters": 1.0})
    points = drawn(FEWEST - 1, 1)
    for number in range(FEWEST - 1):
        few.note(number, {"num_parameters": 5.0})
    few.note(99, {"num_parameters": None})  # failed before it was counted
    assert (few.probability(dict(enumerate(points)), candidates) == 1).all()


def refusals(constraints, num_ok):
    """Returns how many settings of a search are over a limit until enough are within it."""
    space = ready.for_data(ready.get("autoencoder"), (28, 28, 1))
    oracle = oracles.create(
        *("bayesian", space, OBJECTIVES["psnr"]),
        max_trials=1_000,
        epochs=1,
        seed=0,
        recorded={},
        constraints=constraints,
    )
    oracle = contract.checked(oracle, 1_000)
    oracle.num_initial_points = 8
    refused = ok = 0
    while ok < num_ok:
        trial = contract.create_trial(oracle)
        values = space.arguments(space.complete(contract.values_of(trial)))
        width, depth = values["widths"][-1], len(values["widths"])
        size = (28 / 2**depth) ** 2 * width * (values["hidden_units"] or (16,))[0] * 2
        if constraints is not None:
            constraints.note(contract.number_of(trial), {"num_parameters": size})
        if size > 60_000:
            refused += 1
            contract.fail(oracle, trial, "too large")
        else:
            ok += 1
            contract.complete(oracle, trial, {"psnr": -abs(np.log(size / 20_000))})
    return refused


def test_a_search_that_learns_is_refused_less_often():
    without, within = refusals(None, 10), refusals(Constraints({"num_parameters": 60_000}), 10)
    assert within < without / 2, (within, without)


def test_the_limits_of_a_request_reach_the_search_that_learns():
    limits = {"max_parameters": 50, "max_trial_seconds": 9.0}
    oracle = resolve(request(tuner="bayesian", **limits)).oracle({})
    assert oracle.constraints.limits == {"num_parameters": 50, "expected_seconds": 9.0}
    assert not hasattr(resolve(request(**limits)).oracle({}), "constraints")
