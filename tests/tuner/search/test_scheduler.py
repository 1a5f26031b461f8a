"""Several trials at a time: one process, several, or a Ray cluster give the same; all resumable."""

import collections
import contextlib
import json
import os

import pytest

pytest.importorskip("keras_tuner")


from tiny_search import DENSE, quiet

from bench.errors import BenchError
from tuner.search.request import Request, resolve
from tuner.search.scheduler import Scheduler
from tuner.search.search import search
from tuner.trials.store import RUNNING, TRIALS_FILE, Project


def request(output, **changes):
    base = {"settings": DENSE, "limit": 128, "epochs": 1, "max_trials": 4, "output": output}
    return Request("autoencoder", **(base | changes))


def direct(settled, folder):
    project = Project.start(folder, settled.identity)
    recorded = {event["number"]: event for event in project.events}
    return Scheduler(settled.plan, project, settled.oracle(recorded))


def score_of(job):
    """A score that any run of the trial would find."""
    return -abs(job.values["latent_dim"] - 32) + job.values["learning_rate"] + job.epochs / 10


def finish(director, number):
    score = score_of(director.running[number])
    return director.finish(number, {"status": "ok", "error": None, "scores": [score]})


def results(project):
    kept = ("status", "hyperparameters", "scores")
    return {n: [record[key] for key in kept] for n, record in sorted(project.trials.items())}


def search_by(director, order, num_slots):
    """Keeps `num_slots` trials running, and ends them in the order of `order`."""
    while True:
        while len(director.running) < num_slots and director.next() is not None:
            pass
        if not director.running:
            return
        waiting = sorted(director.running)
        finish(director, waiting[order.popleft() % len(waiting)])


def endless(*numbers):
    return collections.deque(list(numbers) * 200)


@pytest.fixture(params=["random", "grid", "bayesian", "hyperband"])
def settled(request):
    changes = {"tuner": request.param, "max_trials": 12, "epochs": 9}
    if request.param == "grid":
        changes["settings"] = DENSE | {"latent_dim": [8, 16, 32, 64], "batch_size": [32, 64]}
    return resolve(globals()["request"](None, **changes))


@pytest.mark.parametrize("tuner", ["random", "grid"])
def test_the_order_of_ends_changes_nothing(tuner, tmp_path):
    """Of these, trial n follows from the seed and n alone."""
    settled = resolve(request(None, tuner=tuner, max_trials=8))
    found = []
    for name, order, num_slots in (("one", endless(0), 1), ("three", endless(2, 0, 1), 3)):
        director = direct(settled, tmp_path / name)
        search_by(director, order, num_slots)
        found.append(results(director.project))
    assert found[0] == found[1]
    assert len(found[0]) == 8


def test_a_search_of_several_at_a_time_goes_on_exactly(settled, tmp_path):
    """Whatever the algorithm: starts and ends in their order bring it back to where it was."""
    whole = direct(settled, tmp_path / "whole")
    search_by(whole, endless(2, 0, 1), 3)
    lines = (tmp_path / "whole" / TRIALS_FILE).read_text().splitlines(keepends=True)
    assert len(whole.project.trials) == 12
    for cut in (1, 7, len(lines) // 2, len(lines) - 1):
        folder = tmp_path / f"cut-{cut}"
        Project.start(folder, settled.identity)
        (folder / TRIALS_FILE).write_text("".join(lines[:cut]))
        project = Project.open(folder)
        begun = {event["number"] for event in project.events} - set(project.trials)
        director = direct(settled, folder)
        again = [director.next().number for _ in begun]
        assert set(again) == begun  # what had begun runs again, with the same values
        for number in again:
            finish(director, number)
        search_by(director, endless(0), 1)
        assert len(director.project.trials) == 12
        for number, record in results(director.project).items():
            if number in project.trials or number in begun:
                assert record == results(whole.project)[number]


def test_a_trial_that_is_given_back_runs_again(tmp_path):
    director = direct(resolve(request(None, max_trials=2)), tmp_path)
    first, second = director.next(), director.next()
    assert director.next() is None
    assert not director.is_over
    director.give_back(first.number)
    again = director.next()
    assert (again.number, again.values) == (first.number, first.values)
    for number in (second.number, first.number):
        finish(director, number)
    assert director.next() is None
    assert director.is_over
    kinds = collections.Counter(event["status"] for event in director.project.events)
    assert kinds == {RUNNING: 2, "ok": 2}


def test_no_trial_starts_after_the_time(tmp_path, monkeypatch):
    from tuner.search import scheduler as module

    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    settled = resolve(request(None))
    project = Project.start(tmp_path, settled.identity)
    director = Scheduler(settled.plan, project, settled.oracle({}), max_total_seconds=60.0)
    job = director.next()
    now[0] = 161.0
    assert director.next() is None
    assert not director.is_over  # one still runs
    finish(director, job.number)
    assert director.next() is None
    assert director.is_over


def test_models_of_running_trials_stay(tmp_path):
    director = direct(resolve(request(None)), tmp_path)
    jobs = [director.next() for _ in range(3)]
    paths = [tmp_path / job.models[0] for job in jobs]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"model")
    finish(director, 0)
    finish(director, 1)
    best = director.project.best["number"]
    assert [path.exists() for path in paths] == [best == 0, best == 1, True]


def test_lines_of_starts_name_no_trial(tmp_path):
    director = direct(resolve(request(None)), tmp_path)
    director.next()
    found = Project.open(tmp_path)
    assert (found.trials, found.best, len(found.events)) == ({}, None, 1)
    assert json.loads((tmp_path / TRIALS_FILE).read_text())["status"] == RUNNING


# --- engines ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_one_process(tmp_path_factory):
    return search(request(tmp_path_factory.mktemp("one"), isolated=False), quiet()).project


def outcomes(project):
    kept = ("status", "values", "arguments", "num_parameters")
    return {n: [r[key] for key in kept] for n, r in sorted(project.trials.items())}


def test_two_workers_find_what_one_process_finds(of_one_process, tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    found = search(request(tmp_path, workers=2), quiet()).project
    assert outcomes(found) == outcomes(of_one_process)
    for number, record in found.trials.items():
        expected = of_one_process.trials[number]["scores"]
        assert record["scores"] == pytest.approx(expected, rel=1e-4)  # other threads, other sums
        assert record["process"] != os.getpid()
    assert found.best_model().exists()


def test_a_ray_cluster_finds_what_one_process_finds(of_one_process, tmp_path):
    ray = pytest.importorskip("ray")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with contextlib.ExitStack() as stack:
        if is_ours:
            stack.callback(ray.shutdown)
        found = search(request(tmp_path, engine="ray"), quiet()).project
        # Hyperband goes on from models, which travel to the node.
        changes = {"tuner": "hyperband", "epochs": 3, "max_trials": 5, "engine": "ray"}
        longer = search(request(tmp_path / "longer", **changes), quiet()).project
    assert outcomes(found) == outcomes(of_one_process)
    for number, record in found.trials.items():
        expected = of_one_process.trials[number]["scores"]
        assert record["scores"] == pytest.approx(expected, rel=1e-4)
    assert found.best_model().exists()
    assert any("tuner/trial_id" in record["hyperparameters"] for record in longer.trials.values())
    assert {record["status"] for record in longer.trials.values()} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workers": 1_000}, r"--workers must be at most the number of cores"),
        ({"workers": 2, "isolated": False}, "--in-process runs one trial at a time"),
        ({"engine": "rey"}, r"--engine must be one of local, ray.*Did you mean 'ray'"),
        ({"ray_address": "auto"}, "--ray-address is for --engine ray"),
        ({"max_total_seconds": 0.0}, "--max-total-seconds must be above 0"),
        ({"max_parameters": "half"}, r"--max-parameters must be a number, or a share such as 0.5x"),
        ({"max_parameters": "-1x"}, "a share such as 0.5x"),
        ({"max_macs": 0}, "--max-macs must be at least 1"),
        ({"costs": ("weight",)}, "unknown cost 'weight'"),
        ({"patience": 0}, "--patience must be at least 1"),
    ],
)
def test_wrong_requests(changes, message, tmp_path):
    with pytest.raises(BenchError, match=message):
        search(request(tmp_path, **changes), quiet())
    assert not (tmp_path / TRIALS_FILE).exists()
