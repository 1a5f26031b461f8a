"""Settings that keep within a limit: learnt from sizes whose rule is known here."""

import keras_tuner
import numpy as np
import pytest

from tuner.algorithms import oracles
from tuner.algorithms.constraints import FEWEST, Constraints
from tuner.search.request import Request, resolve
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


def search(limits, num_ok, seed):
    """Simulates a search whose settings are refused over a limit; returns the number refused."""
    space = ready.for_data(ready.get("autoencoder"), (28, 28, 1))
    oracle = oracles.create(
        *("bayesian", space, OBJECTIVES["psnr"]),
        max_trials=1_000,
        epochs=1,
        seed=seed,
        recorded={},
        limits=limits,
    )
    oracle.num_initial_points = 10
    oracle._set_project_dir(str(search.folder), f"{seed}-{limits is None}")
    oracle.verbose = 0
    refused = ok = 0
    while ok < num_ok:
        trial = oracle.create_trial("one")
        values = space.arguments(space.complete(trial.hyperparameters.values))
        width, depth = values["widths"][-1], len(values["widths"])
        size = (28 / 2**depth) ** 2 * width * (values["hidden_units"] or (16,))[0] * 2
        if limits is not None:
            limits.note(int(trial.trial_id), {"num_parameters": size})
        if size > 60_000:
            refused += 1
            trial.status = "FAILED"
        else:
            ok += 1
            oracle.update_trial(trial.trial_id, {"psnr": -abs(np.log(size / 20_000))})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
        assert isinstance(trial, keras_tuner.engine.trial.Trial)
    return refused


def test_a_search_that_learns_is_refused_less_often(tmp_path):
    search.folder = tmp_path
    without = sum(search(None, 12, seed) for seed in range(2))
    within = sum(search(Constraints({"num_parameters": 60_000}), 12, seed) for seed in range(2))
    assert within < without / 2, (within, without)


def test_a_refused_trial_tells_its_size(tmp_path):
    from tuner.trials import trial as trial_module

    settled = resolve(Request("autoencoder", limit=64, epochs=1, max_parameters=50))
    job = trial_module.Job(
        number=0,
        space=settled.plan.space,
        values={},
        data=settled.plan.data,
        image_shape=settled.plan.image_shape,
        arguments=settled.plan.arguments,
        objective="psnr",
        epochs=1,
        precision="float32",
        seeds=(0,),
        models=("a.keras",),
        max_parameters=50,
    )
    found = trial_module.run(job, tmp_path)
    assert found["status"] == "over_budget"
    assert f"{found['num_parameters']:,} parameters > limit 50" in found["error"]
    oracle = settled.oracle({})
    if hasattr(oracle, "limits"):
        pytest.fail("a search at random learns nothing")
    oracle = resolve(
        Request("autoencoder", limit=64, epochs=1, max_parameters=50, tuner="bayesian")
    ).oracle({})
    assert oracle.limits.limits == {"num_parameters": 50}
