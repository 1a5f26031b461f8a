"""What trackers are told: MLflow's local store where it is installed, and the calls of W&B."""

import sys
import types

import events
import pytest

from zoo.tracking import runs, trackers

SETTINGS = {"model": "vae", "seed": 3, "widths": (8, 16), "nothing": None}


def tell(folder, name, error=None):
    """Tells a tracker of a run of two epochs."""
    told = runs.Runs([name], folder, "project")
    told.start("a", "vae seed 3", SETTINGS)
    told.step("a", 1, {"loss": 2.0, "val_loss": 3.0, "is_good": True, "what": "text"})
    told.step("a", 2, {"loss": 1.0, "val_loss": float("nan")})
    told.step("a", 2, {"test_mse": 0.25})
    told.end("a", error)
    return told


def test_tensorboard_has_settings_numbers_and_errors(tmp_path):
    told = tell(tmp_path, "tensorboard", "the loss became nan")
    _, scalars, texts = events.read(tmp_path / "tensorboard/vae seed 3")
    assert scalars == {
        "loss": [(1, 2.0), (2, 1.0)],
        "val_loss": [(1, 3.0)],
        "test_mse": [(2, 0.25)],
    }
    assert "| widths | (8, 16) |" in texts["settings"]
    assert "nothing" not in texts["settings"]
    assert texts["error"] == "the loss became nan"
    assert not told.is_told("a")  # a failed run is told again


def test_names_of_runs_stay_in_their_folder(tmp_path):
    told = runs.Runs(["tensorboard"], tmp_path)
    told.start("a", "../../vae:small", {})
    told.end("a")
    (folder,) = (tmp_path / "tensorboard").iterdir()
    assert folder.name == "_.._vae_small"
    assert runs.Runs(["tensorboard"], tmp_path).is_told("a")


@pytest.mark.slow  # MLflow takes 20 s to start
def test_mlflow_keeps_them_in_its_local_store(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    pytest.importorskip("alembic")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tell(tmp_path, "mlflow")
    tell(tmp_path, "mlflow", "out of memory")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("project")
    failed, done = client.search_runs([experiment.experiment_id], order_by=["start_time DESC"])
    assert done.info.run_name == "vae seed 3"
    assert (done.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert failed.data.tags["error"] == "out of memory"
    assert done.data.params == {"model": "vae", "seed": "3", "widths": "(8, 16)"}
    assert done.data.metrics == {"loss": 1.0, "val_loss": 3.0, "test_mse": 0.25}
    history = client.get_metric_history(done.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]


class FakeWandB(types.ModuleType):
    """Notes the calls that `wandb` documents: init, log, summary and finish."""

    def __init__(self):
        super().__init__("wandb")
        self.__spec__ = types.SimpleNamespace(name="wandb")
        self.calls, self.summary = [], {}

    def Settings(self, **given):  # noqa: N802
        return given

    def init(self, **given):
        self.calls.append(("init", given))
        return self

    def log(self, values, step):
        self.calls.append(("log", step, values))

    def finish(self, exit_code):
        self.calls.append(("finish", exit_code))


def test_wandb_asks_for_no_key_where_there_is_none(tmp_path, monkeypatch):
    fake = FakeWandB()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    tell(tmp_path / "here", "wandb")
    (_, given), *logs, end = fake.calls
    assert given["mode"] == "offline"
    assert (given["project"], given["name"]) == ("project", "vae seed 3")
    assert given["config"] == {"model": "vae", "seed": 3, "widths": (8, 16)}
    assert logs == [
        ("log", 1, {"loss": 2.0, "val_loss": 3.0}),
        ("log", 2, {"loss": 1.0}),
        ("log", 2, {"test_mse": 0.25}),
    ]
    assert end == ("finish", 0)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    tell(tmp_path / "here", "wandb", "failed")
    assert fake.calls[-1] == ("finish", 1)
    assert [call[1]["mode"] for call in fake.calls if call[0] == "init"] == ["offline", None]


def test_a_tracker_that_fails_is_left_out_and_the_others_go_on(tmp_path, monkeypatch):
    fake, said = FakeWandB(), []

    def fail(values, step):
        raise ConnectionError("no route to host")

    fake.log = fail
    monkeypatch.setitem(sys.modules, "wandb", fake)
    told = runs.Runs(["wandb", "tensorboard"], tmp_path, warn=said.append)
    told.start("a", "run", {})
    for step in (1, 2):
        told.step("a", step, {"loss": 1.0})
    told.end("a")
    assert said == ["wandb is told no more: ConnectionError: no route to host"]
    assert events.read(tmp_path / "tensorboard/run")[1] == {"loss": [(1, 1.0), (2, 1.0)]}


def test_what_is_missing_is_said_with_the_fix(monkeypatch):
    with pytest.raises(ValueError, match="Did you mean 'mlflow'"):
        trackers.check(["mflow"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    trackers.check(["tensorboard"])  # needs nothing
    with pytest.raises(ValueError, match=r'--track wandb needs .*keras-autoencoder-zoo\[wandb\]"'):
        trackers.check(["wandb"])
