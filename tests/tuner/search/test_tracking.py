"""Trials at a tracker."""

import types

import events

from tuner.search.tracking import Tracking

TRIAL = {
    "number": 4,
    "status": "ok",
    "values": {"latent_dim": 8, "beta": 1.5},
    "epochs": 3,
    "seeds": [0, 1],
    "scores": [20.0, 22.0],
    "score": 21.0,
    "num_parameters": 1234,
    "train_seconds": [1.0, 3.0],
    "curves": [[18.0, 20.0], [20.0, 22.0]],
    "costs": {"latency": 0.5},
}
REFUSED = {"number": 5, "status": "refused", "error": "too wide", "values": {}, "epochs": 3}


def test_each_trial_is_sent_once(tmp_path):
    project = types.SimpleNamespace(
        trials={4: TRIAL, 5: REFUSED}, identity={"model": "vae", "objective": "psnr"}
    )
    Tracking(["tensorboard"], tmp_path, print)(project)
    folder = tmp_path / "tracking/tensorboard"
    _, scalars, texts = events.read(folder / "trial 4")
    assert scalars == {
        "psnr": [(1, 19.0), (2, 21.0)],
        "scores": [(3, 21.0)],
        "score": [(3, 21.0)],
        "num_parameters": [(3, 1234.0)],
        "train_seconds": [(3, 2.0)],
        "latency": [(3, 0.5)],
    }
    assert "| beta | 1.5 |" in texts["settings"]
    assert events.read(folder / "trial 5")[2]["error"] == "too wide"
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("events.*")}
    Tracking(["tensorboard"], tmp_path, print)(project)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("events.*")} == written
    project.trials[4] = TRIAL | {"score": 23.0}  # of a search that began anew
    Tracking(["tensorboard"], tmp_path, print)(project)
    assert events.read(folder / "trial 4")[1]["score"] == [(3, 23.0)]
