"""Engines: processes and a Ray cluster give what one process gives, also when some are killed."""

import contextlib
import os
import signal

import pytest
from tiny_search import open_scheduler, quiet, request, run

from bench.execution import local
from bench.execution.engine import too_late
from tuner.search import runner
from tuner.search.resolve import resolve


def check_same(project, expected):
    """Checks what must not depend on who ran a trial; scores by other threads are other sums."""
    exact = ("status", "hyperparameters", "arguments", "num_parameters", "seeds", "epochs")
    assert len(project.trials) == len(expected.trials)
    for number, record in project.trials.items():
        other = expected.trials[number]
        assert {key: record[key] for key in exact} == {key: other[key] for key in exact}
        assert record["scores"] == pytest.approx(other["scores"], rel=1e-4)


class Engine:
    """Runs nothing: gives the results of a list, one for each start."""

    has_room, note, timeout_seconds = True, "", 7.0

    def __init__(self, *results):
        self.results, self.started = list(results), []

    @property
    def num_running(self):
        return len(self.waiting)

    def start(self, job):
        self.started.append(job)
        self.waiting, self.has_room = [job], False

    def messages(self):
        (job,) = self.waiting
        self.waiting, self.has_room = [], True
        result = self.results.pop(0)
        result = job.failure("", result) if isinstance(result, str) else result
        yield job, "record", (result,)


OK = {"status": "ok", "error": None, "scores": [1.0]}
KILLED, LATE = "the process was killed (signal 9)", too_late(Engine.timeout_seconds)


@pytest.mark.parametrize(
    ("results", "started", "errors"),
    [
        ([KILLED, OK, OK], [0, 0, 1], {0: None, 1: None}),
        ([KILLED, KILLED, OK], [0, 0, 1], {0: KILLED, 1: None}),
        ([LATE, OK], [0, 1], {0: LATE, 1: None}),  # it would take as long again
    ],
)
def test_a_trial_whose_process_is_lost_runs_once_more(results, started, errors, tmp_path):
    engine, console = Engine(*results), quiet(width=200)
    scheduler = open_scheduler(resolve(request(max_trials=2)), tmp_path)
    runner.run(scheduler, engine, console)
    assert [job.number for job in engine.started] == started
    trials = scheduler.project.trials
    assert {number: record["error"] for number, record in trials.items()} == errors
    assert ("note: trial 0 runs again" in console.file.getvalue()) == (results[0] == KILLED)
    assert not any("is_lost" in record for record in trials.values())


@pytest.mark.slow
def test_two_workers_give_what_one_process_gives_though_one_is_killed(
    finished, tmp_path, monkeypatch
):
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores that can be pinned to")
    start, killed = local.LocalEngine.start, []

    def start_and_kill_the_first(engine, job):
        start(engine, job)
        if not killed:
            killed.append(job.number)
            next(iter(engine.running.values())).child.process.kill()

    monkeypatch.setattr(local.LocalEngine, "start", start_and_kill_the_first)
    project = run(tmp_path, max_trials=2, executions=2, workers=2, isolated=True).project
    assert killed == [0]
    check_same(project, finished.project)
    processes = {record["process"] for record in project.trials.values()}
    assert len(processes | {os.getpid()}) == 3
    assert project.best_model().exists()


@pytest.mark.slow
def test_a_ray_cluster_gives_what_one_process_gives_though_a_process_is_killed(
    tmp_path, monkeypatch, descendants
):
    """By Hyperband, which goes on from models: they travel to the node.

    One at a time: keras-tuner's Hyperband fills other slots with trials of the next bracket.
    """
    ray = pytest.importorskip("ray")
    from bench.execution import ray_engine

    messages, killed = ray_engine.RayEngine.messages, []

    def kill_one(engine):
        for pid, name in {} if killed else descendants(os.getpid()).items():
            if name.startswith("ray::_on_node"):
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)
                break
        return messages(engine)

    monkeypatch.setattr(ray_engine.RayEngine, "messages", kill_one)
    asked = {"tuner": "hyperband", "epochs": 3, "max_trials": 4}
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with contextlib.ExitStack() as stack:
        stack.callback(ray.shutdown)
        project = run(tmp_path / "ray", engine="ray", workers=1, isolated=True, **asked).project
    assert len(killed) == 1
    check_same(project, run(tmp_path / "here", **asked).project)
    assert any("tuner/trial_id" in record["hyperparameters"] for record in project.trials.values())
    assert project.best_model().exists()


@pytest.mark.slow
def test_a_node_that_joins_late_works_and_the_search_outlives_its_nodes_and_its_head(
    tmp_path, monkeypatch
):
    """A second node joins, is lost with what runs on it, and then the head is killed."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    from bench.execution import ray_engine

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    monkeypatch.setattr(ray_engine, "_LOOK_SECONDS", 0.0)
    quiet_head = {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=quiet_head)
    messages, happened = ray_engine.RayEngine.messages, []

    def disturbed(engine):
        if not happened:
            happened.append(cluster.add_node(num_cpus=1))
        elif len(happened) == 1 and engine.num_running == 2:
            happened.append("both worked")
        elif len(happened) == 2:
            cluster.remove_node(happened[0], allow_graceful=False)
            happened.append("lost")
        return messages(engine)

    monkeypatch.setattr(ray_engine.RayEngine, "messages", disturbed)
    with contextlib.ExitStack() as stack:
        stack.callback(cluster.shutdown)
        options = {"engine": "ray", "ray_address": cluster.address, "isolated": True}
        project = run(tmp_path / "ray", max_trials=4, **options).project
    assert happened[1:] == ["both worked", "lost"]
    check_same(project, run(tmp_path / "here", max_trials=4).project)
