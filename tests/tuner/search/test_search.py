"""The search: what is kept, how it goes on after an interruption, and its command line."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from tiny_search import DENSE, ended, quiet, request, run

import zoo
from bench.data import catalog
from bench.errors import BenchError
from tuner import __main__ as command_line
from tuner.search import search as search_module
from tuner.search import table
from tuner.search.search import search
from tuner.trials.store import EARLIER_FILE, TRIALS_FILE, Project
from zoo.data.images import write_png

# --- real trainings -----------------------------------------------------------------------------


def test_the_first_trial_has_the_defaults(finished):
    record = finished.project.trials[0]
    assert record["values"] == finished.project.identity["defaults"]
    assert record["arguments"]["latent_dim"] == 16


def test_the_exported_model_has_the_score(finished, tmp_path):
    path = tmp_path / "best.keras"
    assert command_line.main(["export", str(finished.project.folder), str(path)]) == 0
    model = zoo.load(path)
    images = catalog.load("digits", limit=128).validation.images
    error = np.mean((images - model.predict(images, verbose=0)) ** 2, axis=(1, 2, 3))
    expected = np.mean(-10 * np.log10(error))
    best = finished.best
    assert max(best["scores"]) == pytest.approx(expected, rel=1e-4)
    assert model.latent_dim == best["arguments"]["latent_dim"]
    assert model.card.trained_on == "digits, 128 images"


def test_each_execution_has_its_value_and_the_score_is_their_mean(finished):
    for record in finished.project.trials.values():
        assert record["seeds"] == [0, 1]
        assert record["score"] == pytest.approx(sum(record["scores"]) / 2)
        assert record["scores"][0] != record["scores"][1]
        assert len(record["train_seconds"]) == len(record["train_loss"]) == 2
    assert finished.best["score"] == max(r["score"] for r in finished.project.trials.values())


def test_the_table_shows_the_trials(finished):
    console = quiet(width=120)
    console.print(table.rich_table(finished.project))
    text = console.file.getvalue()
    assert "the narrowed defaults" in text  # by DENSE
    assert f"best so far: trial {finished.best['number']}" in text


# --- going on -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tuner", ["bayesian", "hyperband"])
def test_an_interrupted_search_loses_nothing_and_repeats_nothing(tuner, tmp_path, pretend):
    settings = {"tuner": tuner, "max_trials": 8, "epochs": 9}
    whole = run(tmp_path / "whole", **settings)
    assert len(whole.project.trials) == 8
    pretend.jobs.clear()
    pretend.stop_at = 5
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", **settings)
    assert len(ended(tmp_path / "parts")) == 5
    parts = run(tmp_path / "parts", **settings)
    assert (parts.num_run, len(pretend.jobs)) == (3, 8)
    assert parts.project.trials == whole.project.trials


def test_more_trials_go_on_beyond_the_end(tmp_path, pretend):
    first = run(tmp_path, max_trials=3)
    second = run(tmp_path, max_trials=12)
    assert (first.num_run, second.num_run) == (3, 9)
    assert ended(tmp_path)[:3] == list(first.project.trials.values())
    values = [str(record["values"]) for record in ended(tmp_path)]
    assert len(set(values)) == 12


def test_another_search_is_refused(tmp_path, pretend):
    run(tmp_path)
    before = ended(tmp_path)
    for changes, message in (
        ({"epochs": 2}, "epochs was 1, now 2"),
        ({"limit": 200}, "dataset_checksum was"),
        ({"objective": "mse"}, "objective was psnr, now mse"),
        ({"seed": 1}, "seed was 0, now 1"),
        ({"settings": DENSE | {"latent_dim": [4, 8]}}, r"latent_dim was 2\.\.256, now 4, 8"),
    ):
        with pytest.raises(BenchError, match=message):
            run(tmp_path, **changes)
        assert ended(tmp_path) == before
    assert run(tmp_path, seed=1, fresh=True).num_run == 3


def test_a_line_that_was_cut_off_is_trained_again(tmp_path, pretend):
    whole = run(tmp_path).project.trials
    path = tmp_path / TRIALS_FILE
    path.write_bytes(path.read_bytes()[:-20])
    again = run(tmp_path)
    assert again.num_run == 1
    assert again.project.trials == whole
    assert Project.open(tmp_path).trials == whole


def test_records_of_other_settings_are_noticed(tmp_path, pretend):
    run(tmp_path)
    records = ended(tmp_path)
    records[1]["hyperparameters"]["latent_dim"] += 1
    (tmp_path / TRIALS_FILE).write_text("".join(json.dumps(line) + "\n" for line in records))
    with pytest.raises(BenchError, match=r"trial 1 .* is of another search"):
        run(tmp_path)


# --- trials without a score ---------------------------------------------------------------------


def test_refused_settings_are_neither_trials_nor_failures(tmp_path, pretend):
    error = "Over budget: 9 parameters > limit 1."
    pretend.results = {call: {"status": "over_budget", "error": error} for call in range(5)}
    outcome = run(tmp_path)
    statuses = [record["status"] for record in outcome.project.trials.values()]
    assert statuses == ["over_budget"] * 5 + ["ok"] * 3
    assert run(tmp_path).num_run == 0


def test_a_space_without_a_model_in_budget_ends(tmp_path, pretend):
    pretend.results = {
        call: {"status": "over_budget", "error": "Too large."} for call in range(500)
    }
    with pytest.raises(BenchError, match=r"36 settings were refused.*Too large"):
        run(tmp_path)


def test_diverged_trials_are_no_failures(tmp_path, pretend):
    pretend.results = {call: {"status": "diverged", "error": "nan"} for call in range(4)}
    outcome = run(tmp_path, max_trials=5)
    assert [record["status"] for record in outcome.project.ranked] == ["ok"]
    assert len(outcome.project.trials) == 5


def test_three_failures_in_a_row_end_the_search(tmp_path, pretend):
    pretend.results = {call: {"status": "failed", "error": "no memory"} for call in (1, 3, 4, 5)}
    with pytest.raises(BenchError, match="3 trials in a row failed, the last: no memory"):
        run(tmp_path, max_trials=10)
    assert len(ended(tmp_path)) == 6
    assert run(tmp_path, max_trials=10).num_run == 4


def test_hyperband_trains_the_better_ones_longer(tmp_path, pretend):
    run(tmp_path, tuner="hyperband", epochs=9, max_trials=None)
    longer = [each for each in pretend.jobs if each.start_from]
    assert {each.epochs for each in pretend.jobs} == {1, 3, 9}
    assert longer
    assert all(0 < each.initial_epoch < each.epochs for each in longer)


# --- requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workers": 2}, "--in-process runs one trial at a time"),
        ({"engine": "rey"}, r"--engine must be one of local, ray.*Did you mean 'ray'"),
        ({"ray_address": "auto"}, "--ray-address is for --engine ray"),
        ({"max_total_seconds": 0.0}, "--max-total-seconds must be above 0"),
        ({"max_parameters": "half"}, r"--max-parameters must be a number, or a share such as 0.5x"),
        ({"max_parameters": "-1x"}, "a share such as 0.5x"),
        ({"max_macs": 0}, "--max-macs must be at least 1"),
        ({"costs": ("weight",)}, "unknown cost 'weight'"),
        ({"patience": 0}, "--patience must be at least 1"),
        ({"workers": 1_000, "isolated": True}, "--workers must be at most the number of cores"),
        ({"seed": 2**32}, "--seed must be at most 4294967295. Received: 4294967296"),
    ],
)
def test_wrong_requests(changes, message, tmp_path):
    with pytest.raises(BenchError, match=message):
        search(request(tmp_path, **changes), quiet())
    assert not (tmp_path / TRIALS_FILE).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "vea"], "Did you mean 'vae'"),
        (["search", "unet"], "does not fit these data"),
        (["search", "vae", "--tuner", "best"], "--tuner must be one of"),
        (["search", "vae", "--max-trials", "0"], "--max-trials must be at least 1"),
        (["search", "vae", "--set", "betta=1"], "Did you mean 'beta'"),
        (["search", "vae", "--tuner", "hyperband", "--epochs", "1"], "--epochs of at least 2"),
        (["export", "nowhere", "model.h5"], "must end in .keras"),
        (["export", "nowhere", "model.keras"], "no search in nowhere"),
        (["show", "nowhere"], "no search in nowhere"),
        (["space", "vea"], "Did you mean 'vae'"),
        (["chief", "vae"], "--engine ray"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


# What is refused at each step, from the arguments alone to the engine and the folder.
REFUSED = {
    "name in --enqueue": {"enqueue": ("latent_dims=8",)},
    "value in --enqueue": {"enqueue": ("latent_dim=8", "latent_dim=100000")},
    "no value in --enqueue": {"enqueue": ("latent_dim",)},
    "fixed in --enqueue": {"enqueue": ("activation=relu",)},
    "no search in --from": {"start_from": (Path("nowhere"),)},
    "name in --set": {"settings": {"latent_dm": 4}},
    "value in --set": {"settings": {"latent_dim": 1000}},
    "limit": {"max_parameters": "half"},
    "objective": {"objective": "psnrr"},
    "objective of other data": {"objective": "auroc"},
    "tuner": {"tuner": "optuna:tpee"},
    "data": {"dataset": "nowhere.npz"},
    "data of another kind": {"normal_class": "shoe"},
    "model": {"model": "unet"},
    "labels of a model": {"num_labels": 10},
    "labels of the data": {"model": "semi_supervised_vae", "settings": {}, "num_labels": 129},
    "workers": {"workers": 1_000, "isolated": True},
    "cluster": {"engine": "ray", "ray_address": "nowhere", "isolated": True},
}


def files(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing_in_a_new_folder_and_all_in_an_old_one(
    changes, tmp_path, pretend
):
    with pytest.raises(BenchError):
        run(tmp_path / "runs/new", **changes)
    assert not files(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("kept")
    run(tmp_path / "old", max_trials=1)
    before = files(tmp_path)
    for fresh in (False, True):
        for folder in ("mine", "old"):
            with pytest.raises(BenchError):
                run(tmp_path / folder, fresh=fresh, **changes)
        assert files(tmp_path) == before


def test_an_earlier_search_of_another_objective_and_a_missing_package_leave_nothing(
    tmp_path, pretend, monkeypatch
):
    run(tmp_path / "old", max_trials=1)
    before = files(tmp_path)
    with pytest.raises(BenchError, match="must be a search of objective 'mse'"):
        run(tmp_path / "new", objective="mse", start_from=(tmp_path / "old",))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BenchError, match="needs optuna, which is not installed"):
        run(tmp_path / "new", tuner="optuna:tpe")
    assert files(tmp_path) == before


def test_a_search_that_is_stopped_before_it_begins_leaves_nothing(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(search_module, "load", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "runs/new")
    assert not files(tmp_path)


def test_the_corrected_command_searches_in_the_same_folder(tmp_path, pretend, capsys):
    arguments = ["search", "autoencoder", "--dataset", "digits", "--limit", "128", "--epochs", "1"]
    arguments += ["--in-process", "--confirm", "0", "--max-trials", "2"]
    arguments += ["--output", str(tmp_path / "new")]
    assert command_line.main([*arguments, "--enqueue", "latent_dims=8"]) == 2
    assert "Did you mean 'latent_dim'?" in capsys.readouterr().err
    assert command_line.main([*arguments, "--enqueue", "latent_dim=8"]) == 0
    assert ended(tmp_path / "new")[1]["values"]["latent_dim"] == 8


def test_a_folder_where_no_trial_began_holds_no_other_search(tmp_path, pretend):
    """As older versions left it behind a command that was refused."""
    first = run(tmp_path / "first", max_trials=2)
    asked = {"start_from": (tmp_path / "first",), "max_trials": 1}
    other = first.project.identity | {"enqueue": ["latent_dims=8"]}
    Project.prepared(tmp_path / "new", other).begin()
    (tmp_path / "new" / EARLIER_FILE).write_text("of that search")
    run(tmp_path / "new", enqueue=("latent_dim=8",), **asked)
    assert Project.open(tmp_path / "new").identity["enqueue"] == ["latent_dim=8"]
    assert len((tmp_path / "new" / EARLIER_FILE).read_text().splitlines()) == 2


def test_what_is_read_and_left_out_is_said_before_the_first_trial(tmp_path, pretend, capsys):
    photos = tmp_path / "photos"
    for row in range(12):
        write_png(photos / f"{row}.png", np.full((8, 8, 1), row / 12))
    (photos / "broken.png").write_bytes(b"no image")
    arguments = ["search", "autoencoder", "--dataset", str(photos), "--skip-unreadable"]
    arguments += ["--range", "0..510", "--in-process", "--confirm", "0"]
    arguments += ["--epochs", "1", "--max-trials", "1", "--output", str(tmp_path / "search")]
    assert command_line.main(arguments) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "read: 12 images of 8x8" in told.split("trial 0")[0]
    assert "broken.png" in told.split("trial 0")[0]
    identity = Project.open(tmp_path / "search").identity
    assert (identity["value_range"], identity["skip_unreadable"]) == ([0, 510], True)
    assert "foreground" not in identity


def test_the_command_line_searches_and_writes_a_report(tmp_path, pretend, capsys):
    folder = tmp_path / "my search's folder"
    arguments = ["search", "autoencoder", "--limit", "128", "--epochs", "1", "--max-trials", "2"]
    arguments += ["--in-process", "--confirm", "0", "--output", str(folder)]
    assert command_line.main([*arguments, "--set", "latent_dim=4,8"]) == 0
    told = capsys.readouterr().out
    words = shlex.split(told.partition("its model:")[2].splitlines()[0])
    assert words == ["python", "-m", "tuner", "export", str(folder), "model.keras"]
    assert "on the test split:   python -m bench run --dataset fashion_mnist_small" in told
    assert (folder / "report.html").exists()
