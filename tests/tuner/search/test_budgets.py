"""Budgets, early stopping, and objectives on labelled or normal validation data."""

import dataclasses
import math

import numpy as np
import pytest

pytest.importorskip("keras_tuner")

from scipy import stats
from sklearn.metrics import roc_auc_score
from tiny_search import DENSE, quiet

import zoo
from bench.data import catalog
from bench.errors import BenchError
from tuner.search.request import Request, resolve
from tuner.search.search import search
from tuner.trials import objectives, trial


def settled(model="autoencoder", **changes):
    return resolve(Request(model, **({"settings": DENSE, "limit": 128, "epochs": 1} | changes)))


def job(found, **changes):
    identity = found.identity
    base = trial.Job(
        number=0,
        space=found.plan.space,
        values={},
        data=found.plan.data,
        image_shape=found.plan.image_shape,
        arguments=found.plan.arguments,
        objective=identity["objective"],
        epochs=identity["epochs"],
        precision="float32",
        seeds=(0,),
        models=("a.keras",),
    )
    return dataclasses.replace(base, **changes)


# --- budgets ------------------------------------------------------------------------------------


def test_a_share_is_of_the_model_as_it_is_by_default():
    default = zoo.create("autoencoder", (8, 8, 1)).count_params()
    assert settled(max_parameters="0.5x").identity["max_parameters"] == round(default / 2)
    assert settled(max_parameters="2x").identity["max_parameters"] == 2 * default
    assert settled(max_parameters=77).identity["max_parameters"] == 77
    assert settled().identity["max_parameters"] is None


def test_a_trial_that_would_take_too_long_is_refused_before_training(tmp_path):
    wanted = job(settled(epochs=100_000), max_seconds=5.0)
    found = trial.run(wanted, tmp_path)
    assert found["status"] == "over_budget"
    assert found["error"].startswith("Case over budget: about ")
    assert found["error"].endswith(" seconds > limit 5.")
    seconds = float(found["error"].split("about ")[1].split(" ")[0].replace(",", ""))
    assert seconds > 20  # 200,000 steps
    assert found["train_seconds"] == []
    within = trial.run(job(settled(), max_seconds=600.0), tmp_path)
    assert within["status"] == "ok"
    assert within["scores"] == trial.run(job(settled()), tmp_path)["scores"]


def test_over_budget_trials_count_neither_as_trials_nor_as_failures(tmp_path):
    settings = DENSE | {"latent_dim": [4, 64], "batch_size": 64, "learning_rate": 0.001}
    request = Request(
        "autoencoder",
        settings=settings,
        limit=128,
        epochs=1,
        tuner="grid",
        max_trials=1,
        max_parameters=(64 * 4 + 4) + (4 * 64 + 64),
        isolated=False,
        output=tmp_path,
    )
    project = search(request, quiet()).project
    by_status = {record["status"]: record for record in project.trials.values()}
    assert by_status["ok"]["values"]["latent_dim"] == 4
    assert by_status["ok"]["num_parameters"] == request.max_parameters


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
    found = trial.run(job(settled(objective="mse", epochs=50), patience=3), tmp_path)
    assert (found["status"], found["error"]) == ("ok", None)
    assert found["scores"] == [sign * 2.0]
    assert len(seen) == 6  # the third was the best, three more came
    assert found["num_epochs"] == [3]
    for kept, best in zip(zoo.load(tmp_path / "a.keras").get_weights(), seen[2], strict=True):
        np.testing.assert_array_equal(kept, best)


def test_a_score_that_is_no_number_at_last_is_a_divergence(monkeypatch, tmp_path):
    objective = objectives.Objective("mse", "min", lambda model, split: math.nan)
    monkeypatch.setitem(objectives.OBJECTIVES, "mse", objective)
    found = trial.run(job(settled(objective="mse", epochs=3), patience=1), tmp_path)
    assert found["status"] == "diverged"


# --- objectives ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def upae():
    model = zoo.create("upae", image_shape=(8, 8, 1), preset="tiny")
    model.compile("adam")
    model.fit(catalog.load("digits", limit=256).train.images, epochs=3, verbose=0)
    return model


def test_auroc_is_that_of_the_labelled_validation_split(upae):
    found = settled("upae", settings={}, objective="auroc", normal_class=3, limit=None)
    data = found.plan.data.load()
    whole = catalog.load("digits")
    assert (whole.train.labels == 3).sum() == len(data.train)
    np.testing.assert_array_equal(data.validation.labels, whole.validation.labels != 3)
    np.testing.assert_array_equal(data.validation.images, whole.validation.images)
    expected = roc_auc_score(
        whole.validation.labels != 3, np.asarray(upae.anomaly_score(whole.validation.images))
    )
    measured = objectives.OBJECTIVES["auroc"].measure(upae, data.validation)
    assert measured == pytest.approx(expected)


def test_other_objectives_see_normal_images_alone():
    found = settled(objective="mse", normal_class="3", limit=None)
    data = found.plan.data.load()
    whole = catalog.load("digits")
    assert len(data.validation) == (whole.validation.labels == 3).sum()
    assert not data.validation.labels.any()


def test_nll_is_that_of_the_predicted_gaussian(upae):
    split = catalog.load("digits", limit=64).validation
    mean = np.asarray(upae.predict(split.images, verbose=0), "float64")
    deviation = np.asarray(upae.predict_uncertainty(split.images), "float64")
    expected = [
        -stats.multivariate_normal(m.ravel(), np.diag(d.ravel() ** 2)).logpdf(x.ravel())
        for m, d, x in zip(mean, deviation, split.images.astype("float64"), strict=True)
    ]
    measured = objectives.OBJECTIVES["nll"].measure(upae, split)
    assert measured == pytest.approx(np.mean(expected), rel=1e-6)


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("autoencoder", {"objective": "auroc"}, r"needs a validation split with anomalies"),
        ("autoencoder", {"objective": "nll"}, r"needs a model with predict_uncertainty\(\)"),
        ("autoencoder", {"objective": "auroc", "normal_class": "ten"}, "no class 'ten'"),
        ("conditional_vae", {"normal_class": 1}, "does not fit these data"),
    ],
)
def test_objectives_that_do_not_fit(model, changes, message):
    with pytest.raises(BenchError, match=message):
        settled(model, settings={}, **changes)
