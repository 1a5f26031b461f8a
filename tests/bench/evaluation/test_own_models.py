"""Models and detectors of your own in the process of a job: tried, trained, measured, refused."""

import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from bench.data import anomaly, catalog
from bench.evaluation import own_detectors, own_models, own_source, own_trial
from bench.evaluation.own_detectors import Detector
from bench.metrics.anomaly import auroc
from bench.profiling import timing
from bench.records.config import RunConfig
from bench.runs import own
from bench.runs.job import Job

EXAMPLE = Path(__file__).parents[2] / "own_example.py"


class Silent:
    def send(self, message):
        pass


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    shutil.copy(EXAMPLE, folder)
    return folder


@pytest.fixture(scope="module")
def digits():
    return catalog.load("digits", limit=80)


@pytest.fixture(scope="module")
def one_class(digits):
    return anomaly.one_class(catalog.load("digits", limit=400), 0)


def job_of(here, text, **changes):
    place = text if text.startswith("sklearn") else str(here / text)
    source, _ = own.parse(place, ())
    config = RunConfig("digits", **{"epochs": 1, "batch_size": 32} | changes)
    return Job(config, "ab", "model", source.name, None, 0, source=source)


def measured(job, dataset, output):
    job = dataclasses.replace(
        job, source=dataclasses.replace(job.source, origin=own_trial.origin(job, dataset))
    )
    made = own_source.make(job, dataset)
    if isinstance(made, Detector):
        return made, own_detectors.measure(job, made, dataset, output, Silent())
    return made, own_models.measure(job, made, dataset, output, Silent())


def test_a_model_is_compiled_trained_and_measured(here, digits, tmp_path):
    model, fields = measured(job_of(here, "own_example.py:build"), digits, tmp_path)
    assert fields["params_total"] == 9 * 4 + 4 + 4 + 1
    assert fields["forward_macs"] == 64 * (9 * 4 + 4)
    assert (fields["num_updates"], fields["samples_seen"]) == (3, 80)
    assert (fields["optimizer"], fields["learning_rate"]) == ("adam", 0.003)
    assert fields["jit_compile"] is not None
    assert len(fields["history"]["val_loss"]) == 1
    expected = np.square(model.predict(digits.test.images, verbose=0) - digits.test.images).mean()
    np.testing.assert_allclose(fields["test_mse"], expected, rtol=1e-5)


def test_weights_of_the_package_are_measured_as_saved_and_their_shape_is_checked(digits):
    source, _ = own.parse("fashion_mnist/masked_autoencoder", ())
    job = Job(RunConfig("digits"), "ab", "model", source.name, None, 0, source=source)
    garments = catalog.load("fashion_mnist_small", limit=20)
    expected = zoo.load(source.name).predict(garments.test.images[:4], verbose=0)
    made = own_source.make(job, garments)
    np.testing.assert_array_equal(made.predict(garments.test.images[:4], verbose=0), expected)
    with pytest.raises(own_source.OwnModelError, match=r"digits are 8 x 8 x 1\. Give .* --resize"):
        own_source.make(job, digits)


def test_a_step_of_its_own_gets_images_alone_and_no_method_of_ours_is_called(
    here, one_class, tmp_path
):
    job = dataclasses.replace(job_of(here, "own_example.py:OwnStep"), timing=False)
    _, fields = measured(job, one_class, tmp_path)
    assert fields["optimizer"] == "sgd"
    assert fields["val_loss"] is None
    assert fields["score_name"] == "squared_error"
    assert 0 <= fields["test_auroc"] <= 1


def test_a_saved_model_is_measured_as_it_is_or_trained_on(here, digits, tmp_path):
    model = own_source.make(job_of(here, "own_example.py:build"), digits)
    model.save(here / "saved.keras")
    expected = np.square(model.predict(digits.test.images, verbose=0) - digits.test.images).mean()
    _, fixed = measured(job_of(here, "saved.keras"), digits, tmp_path)
    np.testing.assert_allclose(fixed["test_mse"], expected, rtol=1e-5)
    assert (fixed["num_updates"], "history" in fixed) == (0, False)
    _, trained = measured(job_of(here, "saved.keras:train"), digits, tmp_path)
    assert trained["num_updates"] == 3
    assert trained["test_mse"] < fixed["test_mse"]


def test_speeds_of_a_model_and_a_saved_one(here, digits, tmp_path, monkeypatch):
    """The step of `fit` is timed where there is one; a saved model has none."""
    quick = {"min_samples": 2, "min_seconds": 0.0, "warmup_limit_seconds": 0.0}
    whole = timing.measure
    monkeypatch.setattr(timing, "measure", lambda step, **given: whole(step, **given | quick))
    timed = dataclasses.replace(job_of(here, "own_example.py:OwnStep"), timing=True)
    _, fields = measured(timed, digits, tmp_path)
    assert fields["train_images_per_second"] > 0
    assert fields["fit_images_per_second"] > 0
    assert fields["infer_images_per_second"] > 0
    saved = dataclasses.replace(job_of(here, "saved.keras"), timing=True)
    _, fields = measured(saved, digits, tmp_path)
    assert not {"train_images_per_second", "fit_images_per_second"} & set(fields)
    assert fields["infer_images_per_second"] > 0


# --- detectors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "sklearn.ensemble:IsolationForest",  # high is normal
        "sklearn.svm:OneClassSVM",
        "own_example.py:Far",  # says that high is anomalous
        "own_example.py:FarOfImages",
    ],
)
def test_a_detector_finds_anomalies_whichever_way_it_points(text, here, one_class, tmp_path):
    detector, fields = measured(job_of(here, text), one_class, tmp_path)
    assert fields["test_auroc"] > 0.9
    raw = detector.made.decision_function(detector.rows(one_class.test.images))
    away = auroc(one_class.test.labels, detector.sign * raw)
    np.testing.assert_allclose(fields["test_auroc"], away)
    assert fields["samples_seen"] == one_class.num_train
    assert fields["score_name"] == "decision_function"


def test_which_way_a_detector_points_is_read_from_its_library():
    from sklearn.ensemble import IsolationForest
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    class OfPyOD:
        def fit(self, rows): ...
        def decision_function(self, rows): ...

    OfPyOD.__module__ = "pyod.models.base"
    assert Detector("a", make_pipeline(StandardScaler(), IsolationForest())).sign == -1
    assert Detector("a", type("Knn", (OfPyOD,), {})()).sign == 1
    forest = IsolationForest()
    forest.higher_is_anomalous = True  # of someone who turned it around
    assert Detector("a", forest).sign == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Unknown", "higher_is_anomalous of the detector: True where high is anomalous"),
        ("Half", "must have decision_function(X). Received: Half without it"),
        ("Nan", "gives NaN or infinity for 100 of 100 images"),
        ("Wide", "one number for each image. Received: shape (100, 64)"),
        ("Fails", "decision_function failed on 100 images (KeyError: 'no such column')."),
        ("local_outlier", "Give it novelty=True."),
        ("density", "It has score_samples"),
    ],
)
def test_a_detector_that_cannot_be_measured_is_refused(here, one_class, name, message):
    with pytest.raises(own_source.OwnModelError) as caught:
        own_trial.origin(job_of(here, f"own_example.py:{name}"), one_class)
    assert str(caught.value).startswith(f"own_example.py:{name}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "wrong_shape",
            "must give images of 2 x 8 x 8 x 1 for a batch of 2 x 8 x 8 x 1. Received: 2 x 6 x",
        ),
        ("half_of_a_batch", "Received: 1 x 8 x 8 x 1."),
        ("not_a_number", "gives NaN or infinity for 128 of 128 numbers, before any training"),
        ("loss_of_nothing", "its loss is nan after one step of training"),
        ("two_outputs", "Received: list."),
        ("other_size", "cannot be called on images of 8 x 8 x 1"),
        ("NotCompiled", "has a train_step of its own and is not compiled"),
        ("no_loss", "one step of training failed"),
        ("text", "must return a keras.Model, or a detector with fit(X)"),
        ("fails", "failed (RuntimeError: no such network)"),
        ("once", "Make it a function that returns it"),
        ("Far", "is a detector, which is for anomalies. Received: digits"),
    ],
)
def test_a_model_that_cannot_be_measured_is_refused(here, digits, name, message):
    with pytest.raises(own_source.OwnModelError) as caught:
        own_trial.origin(job_of(here, f"own_example.py:{name}"), digits)
    assert message in str(caught.value)


def test_masks_must_be_probabilities(here):
    masks = catalog.load("composed_digits", limit=40)
    with pytest.raises(own_source.OwnModelError, match="masks must be probabilities"):
        own_trial.origin(job_of(here, "own_example.py:build"), masks)
    assert own_source.output_shape(masks) == (64, 64, 1)


def test_a_file_named_as_a_library_is_a_module_of_its_own(here, digits):
    (here / "keras.py").write_text((here / "own_example.py").read_text())
    model = own_source.make(job_of(here, "keras.py:build"), digits)
    assert isinstance(model, sys.modules["keras"].Model)
    (here / "keras.py").unlink()
