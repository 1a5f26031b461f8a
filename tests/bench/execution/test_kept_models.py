"""Trainings that end early, and their models in files."""

import dataclasses

import numpy as np
import pytest

import zoo
from bench.data import catalog
from bench.execution import session
from bench.records import store

PATIENCE = 2


@pytest.fixture(scope="module")
def asked(tiny_request):
    """Returns a function to requests whose steps are so large that the loss rises soon."""
    return lambda output: tiny_request(
        output,
        epochs=12,
        seeds=(0, 3),
        patience=PATIENCE,
        learning_rate=0.3,
        keep_models=True,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, asked, quiet):
    output = tmp_path_factory.mktemp("kept")
    outcome = session.run(asked(output), quiet)
    assert outcome.num_failed == 0
    return output, [record for record in outcome.records if record.kind == "model"]


def test_a_training_ends_after_epochs_without_a_better_loss(finished):
    for record in finished[1]:
        losses = record.training.history["val_loss"]
        best = record.training.best_epoch
        assert best == np.argmin(losses) + 1
        assert record.training.val_loss == min(losses)
        assert record.training.train_loss == record.training.history["loss"][best - 1]
        assert len(losses) == min(12, best + PATIENCE)
        assert record.training.samples_seen == 60 * len(losses)
        assert record.training.num_updates == len(losses)  # 60 images in batches of 64
    assert any(len(record.training.history["loss"]) < 12 for record in finished[1])


def test_the_file_holds_the_model_that_was_measured(finished):
    output, records = finished
    data = catalog.load("digits", limit=60)
    for record in records:
        model = zoo.load(output / record.artifacts.model)
        test = data.test.images
        error = np.mean((model.predict(test, verbose=0) - test) ** 2)
        assert error == pytest.approx(record["test_mse"], rel=1e-4)
        loss = model.evaluate(data.validation.images, verbose=0, return_dict=True)["loss"]
        assert loss == pytest.approx(record.training.val_loss, rel=1e-3)


def test_a_job_whose_model_is_missing_runs_again(finished, asked, quiet):
    output, records = finished
    (output / records[1].artifacts.model).unlink()
    without = dataclasses.replace(asked(output), keep_models=False)
    assert session.run(without, quiet).num_run == 0
    again = session.run(asked(output), quiet)
    assert again.num_run == 1
    assert {record.job_id for record in again.records} >= {record.job_id for record in records}
    found, _ = store.read(output)
    assert (output / store.latest(found)[1].artifacts.model).is_file()
