"""Cases in processes of this machine: one or several at a time, pinned, ended in time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.execution import engine, local, processes, session
from bench.records import store
from zoo.registry import quiet as quiet_start

ROOT = Path(__file__).parents[3]
HAS_TWO_CORES = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TWO_CORES, reason="needs two cores that can be pinned to")
def test_two_workers_give_the_records_of_one(tmp_path, tiny_request, quiet, lasting):
    outcomes = [
        session.run(tiny_request(tmp_path / str(workers), workers=workers), quiet)
        for workers in (1, 2)
    ]
    alone, together = (
        {record["job_id"]: record for record in outcome.records} for outcome in outcomes
    )
    assert set(alone) == set(together)
    assert len(alone) == 4  # two seeds, the mean image and PCA
    for job_id, record in alone.items():
        other = together[job_id]
        assert (record["num_workers"], other["num_workers"]) == (1, 2)
        # Sums of another order where there are other threads: not equal to the last bit.
        assert other["test_mse"] == pytest.approx(record["test_mse"], rel=1e-4)
        assert set(other.fields()) == set(record.fields())
        texts = [
            {k: v for k, v in lasting(r).items() if isinstance(v, str | int | list)}
            for r in (record, other)
        ]
        assert texts[0] == texts[1]
        assert other["num_cpus"] < len(os.sched_getaffinity(0))  # a share of the cores


@pytest.mark.skipif(not HAS_TWO_CORES, reason="needs two cores that can be pinned to")
def test_shares_of_the_cores_do_not_overlap():
    cores = os.sched_getaffinity(0)
    for num_workers in range(2, len(cores) + 1):
        shares = local._shares(num_workers)
        assert len(shares) == num_workers
        assert sum(map(len, shares)) == len(cores)
        assert frozenset().union(*shares) == cores
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_more_workers_than_cores_are_refused_before_any_work(tmp_path, tiny_request, quiet):
    with pytest.raises(BenchError, match=r"--workers must be at most the number of cores.*4096"):
        session.run(tiny_request(tmp_path, workers=4096, dataset="nowhere"), quiet)
    assert not (tmp_path / store.FILE_NAME).exists()


def test_several_workers_say_that_timings_are_not_comparable(tmp_path):
    assert local.LocalEngine(None, session.run_job, tmp_path, "run", num_workers=1).note == ""
    if HAS_TWO_CORES:
        note = local.LocalEngine(None, session.run_job, tmp_path, "run", num_workers=2).note
        assert "speeds are not comparable" in note


def test_a_dead_process_is_told_from_a_failed_one():
    assert "out of memory" in processes.death(-9)
    assert "signal 11" in processes.death(-11)
    assert "exit code 3" in processes.death(3)


def test_processes_are_marked_as_programs_of_ours():
    assert engine.ENVIRONMENT[quiet_start.MARK] == "1"


INTERRUPTED = """
import os, signal, time
from bench.execution import processes
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(True))
context = processes.forkserver(("slow_import",))
while not os.path.exists("imports"):
    time.sleep(0.01)
os.killpg(0, signal.SIGINT)  # as a terminal does
job = context.Process(target=time.sleep, args=(0,))
job.start()
job.join()
assert heard and job.exitcode == 0, (heard, job.exitcode)
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no groups of processes")
def test_an_interrupt_while_the_server_imports_is_for_the_caller_alone(tmp_path):
    (tmp_path / "slow_import.py").write_text("import time\nopen('imports', 'w')\ntime.sleep(1)\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
