"""One trial: what it trains, measures and tells, whatever happens to it."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from tiny_search import make_job, request, run

import zoo
from bench.data import catalog
from tuner.search.resolve import resolve
from tuner.trials import objectives, trial
from tuner.trials.data import Data


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder and result of a trial."""
    folder = tmp_path_factory.mktemp("trial")
    return folder, trial.run(make_job(), folder)


def test_a_trial_never_looks_at_the_test_split_and_repeats_exactly(trained, tmp_path, monkeypatch):
    blind = dataclasses.replace(catalog.load("digits", limit=128), test=None)
    monkeypatch.setattr(trial, "load", lambda data, output: blind)
    result = trial.run(make_job(), tmp_path)
    assert result["status"] == "ok", result["error"]
    assert result["scores"] == trained[1]["scores"]


def test_a_trial_goes_on_from_an_earlier_model(trained):
    folder, first = trained
    job = make_job(epochs=3, initial_epoch=1, start_from=("a.keras",), models=("b.keras",))
    second = trial.run(job, folder)
    steps = [int(zoo.load(folder / f"{name}.keras").optimizer.iterations) for name in "ab"]
    assert steps == [4, 12]  # 128 images in batches of 32, once and three times
    assert second["scores"][0] < first["scores"][0]


def test_the_policy_reaches_the_model_and_stays_there(tmp_path):
    result = trial.run(make_job(precision="mixed_bfloat16"), tmp_path)
    assert result["status"] == "ok", result["error"]
    assert zoo.load(tmp_path / "a.keras").dtype_policy.name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_outcomes_that_are_no_score(tmp_path):
    refused = trial.run(make_job(max_parameters=100), tmp_path)
    assert refused["status"] == "over_budget"
    assert f"{refused['num_parameters']:,} parameters > limit 100" in refused["error"]
    diverged = trial.run(make_job(values={"latent_dim": 4, "learning_rate": 1e38}), tmp_path)
    assert diverged["status"] == "diverged"
    failed = trial.run(make_job(data=Data("digits", limit=128, checksum="other")), tmp_path)
    assert (failed["status"], failed["scores"]) == ("failed", [])
    assert "changed" in failed["error"]
    assert not (tmp_path / "a.keras").exists()


# --- budgets ------------------------------------------------------------------------------------


def test_a_share_is_of_the_model_as_it_is_by_default():
    default = zoo.create("autoencoder", (8, 8, 1)).count_params()
    for limit, expected in (("0.5x", round(default / 2)), (77, 77), (None, None)):
        assert resolve(request(max_parameters=limit)).identity["max_parameters"] == expected


def test_a_trial_that_would_take_too_long_is_refused_before_training(trained, tmp_path):
    result = trial.run(make_job(epochs=100_000, max_seconds=5.0), tmp_path)
    assert result["status"] == "over_budget"
    assert result["error"].startswith("Over budget: about ")
    assert result["error"].endswith(" seconds > limit 5.")
    seconds = float(result["error"].split("about ")[1].split(" ")[0].replace(",", ""))
    assert seconds > 20  # 400,000 steps
    assert result["train_seconds"] == []
    within = trial.run(make_job(max_seconds=600.0), tmp_path)
    assert within["scores"] == trained[1]["scores"]  # the probe leaves no trace


# --- early stopping -----------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["min", "max"])
def test_training_ends_once_nothing_gets_better_and_the_best_weights_come_back(
    direction, monkeypatch, tmp_path
):
    values = [5.0, 3.0, 2.0, 4.0, 2.5, 9.0, 1.0]
    sign = 1 if direction == "min" else -1
    seen = []

    def measure(model, split):
        seen.append([weight.copy() for weight in model.get_weights()])
        return sign * values[len(seen) - 1]

    objective = objectives.Objective("mse", direction, measure)
    monkeypatch.setitem(objectives.OBJECTIVES, "mse", objective)
    result = trial.run(make_job(epochs=50, patience=3), tmp_path)
    assert (result["status"], result["error"]) == ("ok", None)
    assert result["scores"] == [sign * 2.0]
    assert len(seen) == 6  # the third was the best, three more came
    assert result["num_epochs"] == [3]
    for kept, best in zip(zoo.load(tmp_path / "a.keras").get_weights(), seen[2], strict=True):
        np.testing.assert_array_equal(kept, best)


def test_a_score_that_is_no_number_at_last_is_a_divergence(monkeypatch, tmp_path):
    objective = objectives.Objective("mse", "min", lambda model, split: math.nan)
    monkeypatch.setitem(objectives.OBJECTIVES, "mse", objective)
    assert trial.run(make_job(epochs=3, patience=1), tmp_path)["status"] == "diverged"


# --- other tasks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "dataset", "objective"),
    [
        ("vae", "digits", "elbo"),
        ("conditional_vae", "digits", "ssim"),
        ("semi_supervised_vae", "digits", "accuracy"),
        ("unet", "composed_digits", "iou"),
    ],
)
def test_objectives_of_other_tasks(model, dataset, objective, tmp_path):
    settings = {"depth": 2, "base_width": 8} if model == "unet" else {"widths": [()]}
    asked = {"dataset": dataset, "objective": objective, "max_trials": 1, "limit": 64}
    (record,) = run(tmp_path, model, settings=settings, **asked).project.trials.values()
    assert record["status"] == "ok", record["error"]
    assert math.isfinite(record["score"])
    assert record["score"] < 0 if objective == "elbo" else 0 <= record["score"] <= 1
