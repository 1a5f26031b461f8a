"""Several trials at a time: whatever the order in which they end, a search goes on exactly."""

import collections
import json

import pytest
from tiny_search import DENSE, open_scheduler, request

from tuner.search import scheduler as module
from tuner.search.resolve import resolve
from tuner.trials.store import RUNNING, TRIALS_FILE, Project


def score_of(job):
    """A score that any run of the trial would have."""
    return -abs(job.values["latent_dim"] - 32) + job.values["learning_rate"] + job.epochs / 10


def finish(scheduler, number):
    score = score_of(scheduler.running[number])
    return scheduler.finish(number, {"status": "ok", "error": None, "scores": [score]})


def results(project):
    kept = ("status", "hyperparameters", "scores")
    return {n: [record[key] for key in kept] for n, record in sorted(project.trials.items())}


def search_by(scheduler, order, num_slots):
    """Keeps `num_slots` trials running, and ends them in the order of `order`."""
    while True:
        while len(scheduler.running) < num_slots and scheduler.next() is not None:
            pass
        if not scheduler.running:
            return
        waiting = sorted(scheduler.running)
        finish(scheduler, waiting[order.popleft() % len(waiting)])


def endless(*numbers):
    return collections.deque(list(numbers) * 200)


@pytest.fixture(scope="module")
def at_random():
    """A search of four trials at random."""
    return resolve(request(max_trials=4))


@pytest.mark.parametrize("tuner", ["random", "grid"])
def test_the_order_of_ends_changes_nothing(tuner, tmp_path):
    """Of these, trial n follows from the seed and n alone."""
    resolved = resolve(request(tuner=tuner, max_trials=6))
    one, three = (open_scheduler(resolved, tmp_path / name) for name in ("one", "three"))
    search_by(one, endless(0), 1)
    search_by(three, endless(2, 0, 1), 3)
    assert results(one.project) == results(three.project)
    assert len(one.project.trials) == 6


@pytest.mark.parametrize("tuner", ["random", "grid", "bayesian", "hyperband"])
def test_a_search_of_several_at_a_time_goes_on_exactly(tuner, tmp_path):
    """Whatever the algorithm: starts and ends in their order bring it back to where it was."""
    settings = DENSE | {"latent_dim": [8, 16, 32, 64], "batch_size": [32, 64]}
    resolved = resolve(request(tuner=tuner, settings=settings, max_trials=9, epochs=9))
    whole = open_scheduler(resolved, tmp_path / "whole")
    search_by(whole, endless(2, 0, 1), 3)
    lines = (tmp_path / "whole" / TRIALS_FILE).read_text().splitlines(keepends=True)
    assert len(whole.project.trials) == 9
    for cut in (1, len(lines) // 2, len(lines) - 1):
        folder = tmp_path / f"cut-{cut}"
        Project.prepared(folder, resolved.identity).begin()
        (folder / TRIALS_FILE).write_text("".join(lines[:cut]))
        project = Project.open(folder)
        begun = {event["number"] for event in project.events} - set(project.trials)
        scheduler = open_scheduler(resolved, folder)
        again = [scheduler.next().number for _ in begun]
        assert set(again) == begun  # what had begun runs again, with the same values
        for number in again:
            finish(scheduler, number)
        search_by(scheduler, endless(0), 1)
        assert len(scheduler.project.trials) == 9
        for number, record in results(scheduler.project).items():
            if number in project.trials or number in begun:
                assert record == results(whole.project)[number]


def test_a_trial_that_is_lost_runs_again_once(at_random, tmp_path):
    scheduler = open_scheduler(at_random, tmp_path)
    jobs = [scheduler.next() for _ in range(4)]
    assert scheduler.next() is None
    assert scheduler.run_again(1)
    assert sorted(scheduler.running) == [0, 2, 3]
    again = scheduler.next()
    assert (again.number, again.values) == (1, jobs[1].values)
    assert not scheduler.run_again(1)  # its settings may be what kills the process
    for number in (3, 1, 0, 2):
        finish(scheduler, number)
    assert scheduler.next() is None
    kinds = collections.Counter(event["status"] for event in scheduler.project.events)
    assert kinds == {RUNNING: 4, "ok": 4}


def test_no_trial_starts_after_the_time(at_random, tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    scheduler = open_scheduler(at_random, tmp_path, max_total_seconds=60.0)
    job = scheduler.next()
    now[0] = 161.0
    assert scheduler.next() is None
    finish(scheduler, job.number)
    assert scheduler.next() is None
    assert list(scheduler.project.trials) == [0]


def test_models_of_running_trials_stay(at_random, tmp_path):
    scheduler = open_scheduler(at_random, tmp_path)
    jobs = [scheduler.next() for _ in range(3)]
    paths = [tmp_path / job.models[0] for job in jobs]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"model")
    finish(scheduler, 0)
    finish(scheduler, 1)
    best = scheduler.project.best["number"]
    assert [path.exists() for path in paths] == [best == 0, best == 1, True]


def test_lines_of_starts_name_no_trial(at_random, tmp_path):
    open_scheduler(at_random, tmp_path).next()
    project = Project.open(tmp_path)
    assert (project.trials, project.best, len(project.events)) == ({}, None, 1)
    assert json.loads((tmp_path / TRIALS_FILE).read_text())["status"] == RUNNING
