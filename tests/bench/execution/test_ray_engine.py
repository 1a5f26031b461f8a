"""Cases on a Ray cluster of this machine: the records of a local run, and deaths as failures."""

import contextlib
import os
import signal
import sys

import numpy as np
import pytest

from bench.data import catalog
from bench.errors import BenchError
from bench.execution import session
from bench.records.config import RunConfig
from bench.runs import job


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1"])
def test_without_a_cluster_at_the_address_the_run_ends_at_once(
    address, tmp_path, tiny_request, quiet
):
    """No fixture here: a process that is connected already would not look at the address."""
    ray = pytest.importorskip("ray")
    assert not ray.is_initialized()
    with pytest.raises(BenchError, match=f"--ray-address: no Ray cluster at {address}: "):
        session.run(tiny_request(tmp_path, engine="ray", ray_address=address), quiet)


@pytest.mark.slow
def test_a_cluster_gives_the_records_of_a_local_run(
    cluster, tmp_path, tiny_request, quiet, lasting
):
    there, here = tmp_path / "there", tmp_path / "here"
    on_cluster = session.run(tiny_request(there, engine="ray"), quiet)
    local = session.run(tiny_request(here), quiet)
    assert (on_cluster.num_run, on_cluster.num_failed) == (4, 0)
    by_id = {record["job_id"]: record for record in local.records}
    for record in on_cluster.records:
        other = by_id.pop(record["job_id"])
        assert set(record.fields()) == set(other.fields())
        assert record["num_workers"] == 2
        assert record["threads"] == 1
        assert record["test_mse"] == pytest.approx(other["test_mse"], rel=1e-4)
        unlike = [
            name
            for name, value in lasting(record).items()
            if isinstance(value, str | int | list) and value != other[name]
        ]
        assert not unlike
        with np.load(there / record["samples_file"]) as samples:  # came along from the node
            assert samples["reconstructions"].shape == (8, 8, 8, 1)
    assert not by_id
    again = session.run(tiny_request(there), quiet)  # the engine is not part of a case
    assert (again.num_run, again.num_kept) == (0, 4)


@pytest.mark.slow
def test_a_killed_process_is_a_failure_and_makes_room(cluster, tmp_path, descendants):
    from bench.execution import ray_engine

    config = RunConfig("digits", limit=60, epochs=100_000, batch_size=64)  # for as long as it takes
    checksum = catalog.load("digits", limit=60).checksum
    case = job.Job(config, checksum, "model", "autoencoder", "tiny", 0)
    with contextlib.closing(
        ray_engine.RayEngine(session.run_job, tmp_path, "run", num_workers=1)
    ) as engine:
        engine.start(case)
        assert not engine.has_room
        told = []
        while engine.num_running:
            for message in engine.messages():
                told.append(message)
                for pid, name in descendants(os.getpid()).items():
                    if name.startswith("ray::_on_node"):
                        os.kill(pid, signal.SIGKILL)
        assert engine.has_room
    assert told[0] == (case, "stage", ("loading",))
    _, kind, (record,) = told[-1]
    assert kind == "record"
    assert (record["job_id"], record["status"]) == (case.id, "failed")
    assert (record["run_id"], record["num_workers"]) == ("run", 1)
    assert record["error"].startswith("the process was killed")


@pytest.mark.slow
def test_a_cluster_that_is_too_small_is_refused(cluster, tmp_path, tiny_request, quiet):
    with pytest.raises(BenchError, match="3 workers for 2"):
        session.run(tiny_request(tmp_path, engine="ray", workers=3), quiet)


def test_without_ray_the_error_tells_how_to_get_it(tmp_path, monkeypatch, tiny_request, quiet):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BenchError, match=r'pip install "keras-autoencoder-zoo\[ray\]"'):
        session.run(tiny_request(tmp_path, engine="ray"), quiet)


def test_an_address_is_for_ray_alone(tmp_path, tiny_request, quiet):
    with pytest.raises(BenchError, match="--ray-address is for --engine ray"):
        session.run(tiny_request(tmp_path, ray_address="auto"), quiet)
