"""Runs of `bench run --track`, as TensorBoard's files have them."""

import events
import pytest

from bench.execution import session
from bench.execution.tracking import Tracking
from bench.records import store
from bench.records.config import RunConfig
from bench.runs import job
from zoo.tracking import trackers


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, tiny_request, quiet):
    output = tmp_path_factory.mktemp("tracked")
    request = tiny_request(output, epochs=3, seeds=1, track=("tensorboard",))
    session.run(request, quiet)
    return output, request


def runs_of(output):
    return {path.name.rpartition(" ")[0]: path for path in output.glob("tracking/tensorboard/*")}


def test_names_and_numbers_are_those_of_the_record(tracked):
    output, _ = tracked
    found, _ = store.read(output)
    record = next(each for each in found if each.kind == "model")
    _, scalars, texts = events.read(runs_of(output)["autoencoder_tiny seed 0"])
    for name, curve in record.training.history.items():
        assert [step for step, _ in scalars[name]] == [1, 2, 3]
        assert [value for _, value in scalars[name]] == pytest.approx(curve, rel=1e-5)
    for name in ("test_mse", "train_seconds", "params_total", "num_updates"):
        assert scalars[name] == [(3, pytest.approx(record[name], rel=1e-6))]
    assert f"| job_id | {record.job_id} |" in texts["settings"]
    assert "| learning_rate | 0.003 |" in texts["settings"]
    assert not {"learning_rate", "seed", "epochs"} & set(scalars)


def test_floors_are_runs_too(tracked):
    output, _ = tracked
    found, _ = store.read(output)
    floor = next(each for each in found if each.model.name == "mean_image")
    _, scalars, _ = events.read(runs_of(output)["mean_image"])
    assert scalars["test_mse"] == [(0, pytest.approx(floor["test_mse"], rel=1e-6))]


def test_what_is_told_is_not_told_again_and_the_rest_is(tracked, quiet):
    output, request = tracked
    before = {path: path.stat().st_mtime_ns for path in output.rglob("events.*")}
    session.run(request, quiet)
    assert {path: path.stat().st_mtime_ns for path in output.rglob("events.*")} == before
    (output / "tracking/told.json").unlink()  # as of a run that was not tracked
    session.run(request, quiet)
    _, scalars, _ = events.read(runs_of(output)["autoencoder_tiny seed 0"])
    assert [step for step, _ in scalars["val_loss"]] == [1, 2, 3]


def test_a_tracker_that_fails_ends_no_job(tmp_path, monkeypatch):
    def broken(name, folder, project):
        raise OSError("the disk is full")

    monkeypatch.setattr(trackers, "opened", broken)
    said = []
    wanted = job.Job(RunConfig("digits"), "ab" * 32, "model", "vae", "small", 0)
    tracking = Tracking(["tensorboard"], tmp_path, said.append)
    for number in (1, 2):
        tracking.epoch(wanted, number, {"loss": 1.0})
    tracking.ended(wanted, wanted.failure("now", "out of memory"))
    tracking.close()
    assert said == ["tensorboard is told no more: OSError: the disk is full"]
