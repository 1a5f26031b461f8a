"""Optuna's samplers behind our spaces: values, going on, the file of the study, what is missing."""

import importlib.util
import math

import numpy as np
import optuna
import pytest

from bench.errors import BenchError
from tuner.algorithms import names, optuna_oracle, oracles
from tuner.algorithms.constraints import Constraints
from tuner.search import keras_tuner_contract as contract
from tuner.space.parameters import Boolean, Choice, Float, Int, When
from tuner.space.space import Space
from tuner.trials.objectives import Objective

ERROR = Objective("error", "min", measure=None)
SPACE = Space(
    "vae",
    {
        "learning_rate": Float(1e-5, 1e-1, 1e-4, log=True),
        "base_width": Int(8, 512, 16, step=2, log=True),
        "depth": Int(1, 5, 4),
        "latent_dim": Choice((4, 8, 32), 8),
        "activation": Choice(("relu", "gelu"), "relu"),
        "normalization": Choice((None, "batch"), None),
        "noise": Boolean(False),
        "noise_level": Float(0.0, 1.0, 0.9, when=When("noise", (True,))),
    },
)
SAMPLERS = [
    name
    for name in names.SAMPLERS
    if importlib.util.find_spec({"gp": "torch", "cmaes": "cmaes"}.get(name, "optuna"))
]


def error(values):
    found = (math.log10(values["learning_rate"]) + 2.5) ** 2
    found += (math.log2(values["base_width"]) - 7) ** 2 / 8 + 0.3 * (values["depth"] - 2) ** 2
    return found + (values["noise_level"] ** 2 if values["noise"] else 0.5)


def create(sampler="tpe", seed=0, max_trials=14, **changes):
    settings = {"max_trials": max_trials, "epochs": 1, "seed": seed, "recorded": {}} | changes
    oracle = oracles.create(f"optuna:{sampler}", SPACE, ERROR, **settings)
    return contract.checked(oracle, max_trials)


def run(oracle, measure=lambda values: {"error": error(values)}):
    found = []
    while (trial := contract.create_trial(oracle)) is not None:
        found.append(contract.values_of(trial))
        contract.complete(oracle, trial, measure(found[-1]))
    return found


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_proposals_are_of_the_space_differ_and_begin_with_the_defaults(sampler):
    oracle = create(sampler)
    found = run(oracle)
    assert len(found) == 14
    assert found[0] == oracle.hyperparameters.values
    for values in found:
        assert set(values) == set(SPACE.parameters) - (
            {"noise_level"} if not values["noise"] else set()
        )
        assert SPACE.parameters["learning_rate"].accepts(values["learning_rate"])
        assert values["base_width"] in (8, 16, 32, 64, 128, 256, 512)
        assert values["latent_dim"] in (4, 8, 32)
        assert values["normalization"] in ("none", "batch")
    assert len({tuple(sorted(values.items(), key=str)) for values in found}) == len(found)
    scores = [
        trial.value for trial in oracle.study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    ]
    assert scores == pytest.approx([error(values) for values in found])


def test_a_search_goes_on_from_its_records_and_its_study_is_in_a_file(tmp_path):
    storage = tmp_path / optuna_oracle.FILE
    whole = run(create(storage=storage))
    recorded = {number: {"hyperparameters": values} for number, values in enumerate(whole[:9])}
    assert run(create(storage=storage, recorded=recorded)) == whole
    study = optuna.load_study(study_name=optuna_oracle.STUDY, storage=f"sqlite:///{storage}")
    kept = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert [trial.user_attrs["base_width"] for trial in kept] == [v["base_width"] for v in whole]
    assert run(create(seed=1)) != whole


def test_costs_are_told_as_logarithms():
    oracle = create("nsgaii", costs=("parameters",), max_trials=3)
    run(oracle, lambda values: {"error": error(values), "parameters": values["base_width"]})
    for trial, told in zip(oracle.trials.values(), oracle.study.trials, strict=True):
        values = trial.hyperparameters.values
        assert told.values == pytest.approx([error(values), math.log(values["base_width"])])


def test_a_sampler_keeps_to_a_limit_that_refused_trials_teach():
    """At random one of three settings fits; of later proposals more do."""
    fits = lambda values: values["base_width"] <= 16  # noqa: E731
    shares = []
    for seed in range(3):
        constraints = Constraints({"num_parameters": 16})
        oracle = create(seed=seed, max_trials=40, constraints=constraints)
        found = []
        while (trial := contract.create_trial(oracle)) is not None:
            values = contract.values_of(trial)
            found.append(fits(values))
            constraints.note(contract.number_of(trial), {"num_parameters": values["base_width"]})
            if fits(values):
                contract.complete(oracle, trial, {"error": error(values)})
            else:
                contract.fail(oracle, trial, "over budget")
        shares.append(np.mean(found[20:]))
    assert np.mean(shares) > 0.6, shares


def test_what_is_missing_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else True)
    with pytest.raises(BenchError, match=r"needs torch.*Install it: pip install torch"):
        create("gp")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"needs optuna.*zoo\[optuna\]"):
        create("tpe")


def test_one_aim_alone_by_cmaes():
    with pytest.raises(BenchError, match=r"takes no --costs\. Use optuna:nsgaii"):
        create("cmaes", costs=("parameters",))
