"""Whatever ends a run, what is finished stays, is counted once, and the rest goes on."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.execution import local, session
from bench.records import store

ROOT = Path(__file__).parents[3]
EPOCHS = 40  # of some ten milliseconds: long enough to be caught at work
NUM_BASELINES = 2  # the mean image and PCA


@pytest.fixture
def request_of(tiny_request):
    """The request that `command` makes, for the part of the tests that needs no own process."""
    return lambda output, seeds: tiny_request(output, epochs=EPOCHS, seeds=seeds)


def command(output, seeds):
    settings = {"dataset": "digits", "models": "autoencoder:tiny", "limit": 60, "seeds": seeds}
    settings |= {"epochs": EPOCHS, "timing-rounds": 0, "output": output}
    options = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    return [sys.executable, "-m", "bench", "run", *options]


def start(output, seeds, **options):
    """Starts a run in a session of its own, as a terminal does."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command(output, seeds),
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for(condition, seconds=300):
    """Waits long: other work may slow the machine down."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def finished(output):
    """Returns the ids of the finished jobs, in the order in which they came."""
    if not (output / store.FILE_NAME).exists():
        return []
    found, _ = store.read(output)
    return [record["job_id"] for record in found if record["status"] == "ok"]


def whole_lines(output):
    data = (output / store.FILE_NAME).read_bytes()
    return data[: data.rfind(b"\n") + 1]


def check_all_done(outcome, num_kept, num_models):
    """Every job has one result, and only those that had none ran."""
    total = num_models + NUM_BASELINES
    assert (outcome.num_kept, outcome.num_run) == (num_kept, total - num_kept)
    assert outcome.num_failed == 0
    found = finished(outcome.output)
    assert len(found) == len(set(found)) == total


@pytest.mark.slow
def test_a_stopped_and_a_killed_run_go_on_and_leave_no_process(
    tmp_path, quiet, request_of, descendants
):
    """Ctrl-C, then the same command, which is killed, and beside which a second one is refused."""
    stopped = start(tmp_path, seeds=3)
    wait_for(lambda: len(finished(tmp_path)) == 1)
    started = descendants(stopped.pid)
    os.killpg(stopped.pid, signal.SIGINT)  # a terminal sends it to all processes
    _, said = stopped.communicate()
    assert stopped.returncode == 130
    assert said.splitlines()[-1].startswith("stopped. What is finished is kept")
    assert "Traceback" not in said
    wait_for(lambda: not alive(started))
    kept = whole_lines(tmp_path)

    killed = start(tmp_path, seeds=3)
    owner = tmp_path / ".owner"  # it starts at once: the run lasts longer than the second's imports
    wait_for(lambda: owner.exists() and str(killed.pid) in owner.read_text())
    second = subprocess.run(
        command(tmp_path, 3),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert second.returncode == 2
    assert second.stderr.startswith("error: another run is writing to")
    assert f"(pid {killed.pid})" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    wait_for(lambda: len(descendants(killed.pid)) >= 2)
    started = descendants(killed.pid)
    assert len(started) >= 2  # the server and the case at least
    killed.kill()
    killed.communicate()
    wait_for(lambda: not alive(started), seconds=60)
    assert whole_lines(tmp_path).startswith(kept)

    num_kept = len(finished(tmp_path))
    check_all_done(session.run(request_of(tmp_path, 3), quiet), num_kept, num_models=3)


CHILD = """
import multiprocessing, os, time
from bench.execution import processes

def work():
    processes.end_with_the_parent()
    print(os.getpid(), flush=True)
    time.sleep(600)  # tells its parent nothing, as a case in a long step

if __name__ == "__main__":
    process = multiprocessing.get_context("forkserver").Process(target=work, daemon=True)
    process.start()
    process.join()
"""


def test_a_silent_child_ends_with_its_parent(tmp_path, descendants):
    (tmp_path / "parent.py").write_text(CHILD)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(parent.stdout.readline())
    assert child in descendants(parent.pid)
    parent.kill()
    wait_for(lambda: not is_alive(child), seconds=60)
    parent.communicate()


def alive(processes):
    return [pid for pid in processes if is_alive(pid)]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_a_full_disk_and_a_spoiled_record_cost_one_case_each(tmp_path, quiet, request_of):
    """A limit on the size of files stands in for the disk: writing fails in the same place."""
    check_all_done(session.run(request_of(tmp_path, 1), quiet), num_kept=0, num_models=1)
    path = tmp_path / store.FILE_NAME
    before = path.read_bytes()
    limit = len(before) + 1000  # less than a record
    process = start(
        tmp_path,
        seeds=2,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    _, said = process.communicate()
    assert process.returncode == 2
    assert said.splitlines()[-1].startswith(f"error: cannot write records to {tmp_path}")
    assert "Traceback" not in said
    assert path.read_bytes().startswith(before)
    assert len(finished(tmp_path)) == 1 + NUM_BASELINES

    spoiled = bytearray(path.read_bytes())
    spoiled[len(before) // 2] = 0xFF  # in one of three records: no UTF-8
    path.write_bytes(spoiled)
    outcome = session.run(request_of(tmp_path, 2), quiet)
    check_all_done(outcome, num_kept=NUM_BASELINES, num_models=2)
    assert path.read_bytes().startswith(spoiled)


@pytest.mark.slow
def test_a_killed_case_is_a_failure_and_the_rest_goes_on(
    tmp_path, quiet, tiny_request, monkeypatch
):
    class Deadly(local.LocalEngine):
        def messages(self):
            for case, kind, content in super().messages():
                yield case, kind, content
                if kind == "epoch" and case.seed == 0:
                    os.kill(self.running[0].child.process.pid, signal.SIGKILL)

    monkeypatch.setattr(local, "LocalEngine", Deadly)
    outcome = session.run(tiny_request(tmp_path, epochs=EPOCHS), quiet)
    assert (outcome.num_run, outcome.num_failed) == (2 + NUM_BASELINES, 1)
    failed = next(record for record in outcome.records if record["status"] == "failed")
    assert (failed["seed"], failed["num_workers"]) == (0, 1)
    assert failed["error"].startswith("the process was killed (signal 9)")
    monkeypatch.undo()
    outcome = session.run(tiny_request(tmp_path, epochs=EPOCHS), quiet)
    check_all_done(outcome, num_kept=1 + NUM_BASELINES, num_models=2)
