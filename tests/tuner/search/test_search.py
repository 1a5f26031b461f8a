"""The search: what is measured, what is kept, and how it goes on after an interruption."""

import contextlib
import dataclasses
import io
import json
import math
import os

import keras
import numpy as np
import pytest

pytest.importorskip("keras_tuner")


from tiny_search import DENSE, quiet

import zoo
from bench.data import catalog
from bench.errors import BenchError
from bench.execution import local
from tuner import __main__ as command_line
from tuner.report.plots import basic
from tuner.search import table
from tuner.search.confirm import bench_command
from tuner.search.request import Request, prepare_space
from tuner.search.search import search
from tuner.space import ready
from tuner.space.space import narrow
from tuner.trials import objectives, trial
from tuner.trials.store import RUNNING, TRIALS_FILE, Project


def request(output, model="autoencoder", settings=None, **changes):
    base = {"epochs": 1, "limit": 128, "max_trials": 3, "isolated": False, "output": output}
    settings = DENSE if settings is None else settings
    return Request(model, **(base | {"settings": settings} | changes))


def run(*args, **kwargs):
    return search(request(*args, **kwargs), quiet())


def events(folder):
    return [json.loads(line) for line in (folder / TRIALS_FILE).read_text().splitlines()]


def lines(folder):
    """Returns the records of finished trials as they are in the file."""
    return [event for event in events(folder) if event["status"] != RUNNING]


@pytest.fixture
def pretend(monkeypatch):
    """Replaces trainings by a formula of the settings; `stop_at` interrupts, `results` overrules.

    Returns:
        A namespace with `stop_at`, `results` (by number of the call) and `jobs`.
    """

    class Pretence:
        stop_at, results, jobs = None, {}, []

    state = Pretence()
    state.results, state.jobs = {}, []

    def run_trial(job, output, report):
        report("pretending")
        if len(state.jobs) == state.stop_at:
            state.stop_at = None
            raise KeyboardInterrupt
        state.jobs.append(job)
        if len(state.jobs) - 1 in state.results:
            return {"scores": [], "error": None} | state.results[len(state.jobs) - 1]
        value = -abs(math.log(job.values["learning_rate"] / 2e-3)) - job.values["latent_dim"] / 100
        scores = [value + seed / 10 + job.epochs / 100 for seed in job.seeds]
        return {"status": "ok", "error": None, "scores": scores}

    monkeypatch.setattr(trial, "run", run_trial)
    return state


# --- real trainings -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("search"), executions=2)


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


def test_the_table_and_the_picture_show_the_trials(finished):
    console = quiet(width=120)
    console.print(table.rich_table(finished.project))
    text = console.file.getvalue()
    assert "the defaults" in text
    assert f"best so far: trial {finished.best['number']}" in text
    picture = io.BytesIO()
    assert basic.draw(finished.project, picture, ready.get("autoencoder").parameters)
    assert picture.getvalue()[:4] == b"\x89PNG"


def test_the_command_for_the_test_split_can_be_read(finished):
    text = bench_command(finished.project)
    assert "--dataset digits" in text
    assert f"--batch-size {finished.best['training']['batch_size']}" in text
    assert "autoencoder:small:" in text


def job(**changes):
    space = narrow(ready.for_data(ready.get("autoencoder"), (8, 8, 1)), DENSE)
    values = {"latent_dim": 4, "learning_rate": 1e-3, "batch_size": 32}
    base = trial.Job(
        number=0,
        space=space,
        values=values,
        data=trial.Data("digits", limit=128),
        image_shape=(8, 8, 1),
        arguments={},
        objective="mse",
        epochs=1,
        precision="float32",
        seeds=(0,),
        models=("a.keras",),
    )
    return dataclasses.replace(base, **changes)


def test_a_trial_never_looks_at_the_test_split(tmp_path, monkeypatch):
    dataset = catalog.load("digits", limit=128)
    blind = dataclasses.replace(dataset, test=None)
    monkeypatch.setattr(trial, "_load", lambda data, output: blind)
    assert trial.run(job(), tmp_path)["status"] == "ok"


def test_a_trial_goes_on_from_an_earlier_model(tmp_path):
    first = trial.run(job(), tmp_path)
    later = job(epochs=3, initial_epoch=1, start_from=("a.keras",), models=("b.keras",))
    second = trial.run(later, tmp_path)
    steps = [int(zoo.load(tmp_path / f"{name}.keras").optimizer.iterations) for name in "ab"]
    assert steps == [4, 12]  # 128 images in batches of 32, once and three times
    assert second["scores"][0] < first["scores"][0]


def test_same_seed_same_score(tmp_path):
    scores = [trial.run(job(seeds=(seed,)), tmp_path)["scores"] for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]


def test_the_policy_reaches_the_model_and_no_other_trial(tmp_path):
    found = trial.run(job(precision="mixed_bfloat16"), tmp_path)
    assert found["status"] == "ok", found["error"]
    assert zoo.load(tmp_path / "a.keras").dtype_policy.name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    trial.run(job(models=("b.keras",)), tmp_path)
    assert zoo.load(tmp_path / "b.keras").dtype_policy.name == "float32"


@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband"])
def test_seed_zero_is_a_seed(tuner, tmp_path, pretend):
    """keras-tuner takes 0 for none and draws one."""
    values = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        outcome = run(tmp_path / name, tuner=tuner, seed=seed, epochs=9, max_trials=6)
        values.append([record["values"] for record in outcome.project.trials.values()])
    assert values[0] == values[1] != values[2]


def test_outcomes_that_are_no_score(tmp_path):
    refused = trial.run(job(max_parameters=100), tmp_path)
    assert refused["status"] == "over_budget"
    assert "> limit 100" in refused["error"]
    diverged = trial.run(job(values={"latent_dim": 4, "learning_rate": 1e38}), tmp_path)
    assert diverged["status"] == "diverged"
    failed = trial.run(job(data=trial.Data("digits", limit=128, checksum="other")), tmp_path)
    assert (failed["status"], failed["scores"]) == ("failed", [])
    assert "changed" in failed["error"]
    assert not (tmp_path / "a.keras").exists()


def in_processes(folder, jobs, **options):
    """Returns results by number, and what was told."""
    context, told, found = local.forkserver(trial.PRELOAD), [], {}
    with contextlib.closing(local.LocalEngine(context, folder, "", **options)) as engine:
        for each in jobs:
            engine.start(each)
            while engine.num_running:
                for of, kind, content in engine.messages():
                    if kind == "record":
                        found[of.number] = content[0]
                    else:
                        told += content
    return found, told


def test_a_trial_in_a_process_of_its_own(tmp_path):
    jobs = [job(number=number, models=(f"models/{number}.keras",)) for number in range(3)]
    found, told = in_processes(tmp_path, jobs)
    assert [found[number]["status"] for number in range(3)] == ["ok"] * 3
    assert found[0]["scores"] == found[1]["scores"] == trial.run(job(), tmp_path)["scores"]
    assert len({result["process"] for result in found.values()} | {os.getpid()}) == 4
    assert (tmp_path / "models" / "2.keras").exists()
    assert any("epoch 1/1" in text for text in told)


def test_a_trial_that_takes_too_long_is_ended(tmp_path):
    found, _ = in_processes(tmp_path, [job()], timeout_seconds=0)
    assert (found[0]["status"], found[0]["scores"]) == ("failed", [])
    assert found[0]["error"] == "took over 0 seconds"


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
    small = {"depth": 2, "base_width": 8} if model == "unet" else {"widths": [()]}
    outcome = run(
        *(tmp_path, model, small),
        dataset=dataset,
        objective=objective,
        max_trials=1,
        limit=64,
    )
    (record,) = outcome.project.trials.values()
    assert record["status"] == "ok", record["error"]
    assert math.isfinite(record["score"])
    assert record["score"] < 0 if objective == "elbo" else 0 <= record["score"] <= 1


# --- going on -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tuner", ["random", "grid", "bayesian", "hyperband"])
def test_an_interrupted_search_loses_nothing_and_repeats_nothing(tuner, tmp_path, pretend):
    settings = {"tuner": tuner, "max_trials": 8, "epochs": 9}
    whole = run(tmp_path / "whole", **settings)
    assert len(whole.project.trials) == 8
    pretend.jobs.clear()
    pretend.stop_at = 5
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", **settings)
    assert len(lines(tmp_path / "parts")) == 5
    parts = run(tmp_path / "parts", **settings)
    assert (parts.num_run, len(pretend.jobs)) == (3, 8)
    assert parts.project.trials == whole.project.trials


def test_more_trials_go_on_beyond_the_end(tmp_path, pretend):
    first = run(tmp_path, max_trials=3)
    second = run(tmp_path, max_trials=12)
    assert (first.num_run, second.num_run) == (3, 9)
    assert lines(tmp_path)[:3] == list(first.project.trials.values())
    values = [str(record["values"]) for record in lines(tmp_path)]
    assert len(set(values)) == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 2}, "epochs was 1, now 2"),
        ({"limit": 200}, "dataset_checksum was"),
        ({"objective": "mse"}, "objective was psnr, now mse"),
        ({"seed": 1}, "seed was 0, now 1"),
        ({"settings": DENSE | {"latent_dim": [4, 8]}}, r"latent_dim was 2\.\.256, now 4, 8"),
    ],
)
def test_another_search_is_refused(changes, message, tmp_path, pretend):
    run(tmp_path)
    before = lines(tmp_path)
    with pytest.raises(BenchError, match=message):
        run(tmp_path, **changes)
    assert lines(tmp_path) == before
    assert run(tmp_path, **changes, fresh=True).num_run == 3


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
    found = lines(tmp_path)
    found[1]["hyperparameters"]["latent_dim"] += 1
    (tmp_path / TRIALS_FILE).write_text("".join(json.dumps(line) + "\n" for line in found))
    with pytest.raises(BenchError, match=r"trial 1 .* is of another search"):
        run(tmp_path)


# --- trials without a score ---------------------------------------------------------------------


def test_refused_settings_are_neither_trials_nor_failures(tmp_path, pretend):
    error = "Case over budget: 9 parameters > limit 1."
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
    assert len(lines(tmp_path)) == 6
    assert run(tmp_path, max_trials=10).num_run == 4


def test_hyperband_trains_the_better_ones_longer(tmp_path, pretend):
    run(tmp_path, tuner="hyperband", epochs=9, max_trials=None)
    longer = [each for each in pretend.jobs if each.start_from]
    assert {each.epochs for each in pretend.jobs} == {1, 3, 9}
    assert longer
    assert all(0 < each.initial_epoch < each.epochs for each in longer)


def test_the_bayesian_search_does_better_than_chance(tmp_path, pretend):
    outcomes = [
        run(tmp_path / tuner, tuner=tuner, max_trials=24) for tuner in ("random", "bayesian")
    ]
    random, bayesian = (
        np.mean([record["score"] for record in list(each.project.trials.values())[8:]])
        for each in outcomes
    )
    assert bayesian > random


# --- objectives and arguments -------------------------------------------------------------------


def test_an_elbo_compares_one_likelihood_only():
    dataset = catalog.load("digits", limit=128)
    objective = objectives.get("elbo", "vae", dataset)
    space, notes = prepare_space("vae", objective, dataset, {})
    assert space.parameters["likelihood"].default == "bernoulli"
    assert "likelihood" not in space.free
    assert "likelihood stays bernoulli" in notes[0]
    with pytest.raises(BenchError, match="--set likelihood must be one value"):
        prepare_space("vae", objective, dataset, {"likelihood": ["bernoulli", "gaussian"]})


@pytest.mark.parametrize(
    ("name", "model", "message"),
    [
        ("psnrr", "vae", "Did you mean 'psnr'"),
        ("iou", "vae", "is for masks"),
        ("psnr", "unet", "Use one of dice, iou"),
        ("elbo", "autoencoder", r"needs a model with elbo\(\)"),
        ("accuracy", "vae", r"needs a model with classify\(\)"),
    ],
)
def test_objectives_that_do_not_fit(name, model, message):
    with pytest.raises(BenchError, match=message):
        objectives.get(name, model, catalog.load("digits", limit=128))


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
    ],
)
def test_wrong_use_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_the_command_line_searches_and_shows(tmp_path, pretend, capsys):
    folder = tmp_path / "search"
    arguments = ["search", "autoencoder", "--limit", "128", "--epochs", "1", "--max-trials", "2"]
    arguments += [
        "--in-process",
        "--confirm",
        "0",
        "--output",
        str(folder),
        "--set",
        "latent_dim=4,8",
    ]
    assert command_line.main(arguments) == 0
    assert "on the test split:   python -m bench run --dataset digits" in capsys.readouterr().out
    assert command_line.main(["show", str(folder)]) == 0
    assert (folder / "search.png").read_bytes()[:4] == b"\x89PNG"
