"""What the search relies on of keras-tuner, beyond what it documents: it holds as installed."""

import keras_tuner
import pytest

from bench.errors import BenchError
from tuner.algorithms import names, oracles
from tuner.search import keras_tuner_contract as contract
from tuner.space.parameters import Float, Int
from tuner.space.space import Space
from tuner.trials.objectives import Objective

SPACE = Space("vae", {"learning_rate": Float(1e-4, 1e-2, 1e-3, log=True), "depth": Int(1, 4, 2)})


@pytest.fixture(params=names.TUNERS)
def oracle(request, tmp_path, monkeypatch):
    if request.param == "optuna:gp":
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    objective = Objective("score", "max", measure=None)
    oracle = oracles.create(
        *(request.param, SPACE, objective), max_trials=3, epochs=9, seed=0, recorded={}
    )
    return contract.checked(oracle, 3)


def test_trials_are_numbered_by_their_starts_and_end_in_any_order(oracle, capsys, tmp_path):
    trials = [contract.create_trial(oracle) for _ in range(3)]
    assert [contract.number_of(trial) for trial in trials] == [0, 1, 2]
    assert len({str(contract.values_of(trial)) for trial in trials}) == 3
    contract.complete(oracle, trials[2], {"score": 0.5})
    contract.fail(oracle, trials[0], "no memory")
    assert [trial.status for trial in trials] == ["FAILED", "RUNNING", "COMPLETED"]
    assert trials[2].score == 0.5
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []  # nothing is written


def test_the_number_of_trials_may_grow(oracle):
    trials = [contract.create_trial(oracle) for _ in range(3)]
    assert contract.is_full(oracle)
    assert contract.create_trial(oracle) is None
    contract.fail(oracle, trials[0], "too large")
    contract.allow_one_more(oracle)
    assert contract.number_of(contract.create_trial(oracle)) == 3
    assert contract.create_trial(oracle) is None


def test_hyperband_tells_epochs_and_the_trial_to_go_on_from():
    plain = {"depth": 2}
    assert contract.epochs_of(plain, 5) == (0, 5)
    assert contract.start_of(plain) is None
    later = plain | {"tuner/epochs": 9, "tuner/initial_epoch": 3, "tuner/trial_id": "0004"}
    assert contract.epochs_of(later, 5) == (3, 9)
    assert contract.start_of(later) == 4


def test_another_keras_tuner_is_refused_in_one_line(monkeypatch):
    monkeypatch.delattr(keras_tuner.Oracle, "_save_trial")
    with pytest.raises(BenchError, match=r"without Oracle\._save_trial.*pip install"):
        contract.checked(keras_tuner.Oracle(max_trials=1), 1)
