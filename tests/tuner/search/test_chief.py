"""A search by a chief and workers: the same results as one process, whoever is killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("keras_tuner")


import grpc
from tiny_search import DENSE, quiet

import zoo
from bench.errors import BenchError
from tuner import __main__ as command_line
from tuner.search import chief, wire, worker
from tuner.search.request import Request
from tuner.search.search import search
from tuner.trials.store import RUNNING, TRIALS_FILE

SETTINGS = DENSE | {"batch_size": 64}
WAIT_SECONDS = 240.0


def request(output, **changes):
    base = {"settings": SETTINGS, "limit": 128, "epochs": 1, "max_trials": 4, "output": output}
    return Request("autoencoder", **(base | changes))


class Chief:
    """A chief in a thread; `address` waits until it listens."""

    def __init__(self, wanted, **options):
        self.console = quiet(width=200)
        self.outcome = self.error = None
        self.thread = threading.Thread(target=self._serve, args=(wanted, options), daemon=True)
        self.thread.start()

    def _serve(self, wanted, options):
        try:
            self.outcome = chief.serve(wanted, chief.Address(port=0), self.console, **options)
        except BaseException as error:
            self.error = error

    @property
    def text(self):
        return self.console.file.getvalue()

    @property
    def address(self):
        wait_for(lambda: "--chief" in self.text or self.error is not None)
        if self.error is not None:
            raise self.error
        return self.text.split("--chief ", 1)[1].split()[0]

    def result(self):
        self.thread.join(WAIT_SECONDS)
        if self.error is not None:
            raise self.error
        return self.outcome


def wait_for(condition):
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@contextlib.contextmanager
def command(*arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def results(project):
    """What must not depend on who ran a trial."""
    kept = ("status", "values", "scores", "arguments", "train_loss", "num_parameters", "seeds")
    return {n: {key: record[key] for key in kept} for n, record in project.trials.items()}


@pytest.fixture(scope="module")
def of_one_process(tmp_path_factory):
    wanted = request(tmp_path_factory.mktemp("one"), isolated=False)
    return search(wanted, quiet()).project


def test_a_killed_worker_loses_nothing(of_one_process, tmp_path):
    """Two workers; one is killed in the middle of a trial, which another then runs again."""
    serving = Chief(request(tmp_path), lost_after_seconds=5.0)
    with command("worker", "--chief", serving.address, "--name", "doomed") as doomed:
        wait_for(lambda: "worker doomed has come" in serving.text)
        os.killpg(doomed.pid, signal.SIGKILL)
    with command("worker", "--chief", serving.address, "--name", "other") as other:
        project = serving.result().project
        told, _ = other.communicate(timeout=WAIT_SECONDS)
    assert other.returncode == 0, told
    assert "the search is over; 4 trials ran here" in told
    assert "worker doomed is lost; trial 0 runs again elsewhere" in serving.text
    assert results(project) == results(of_one_process)
    model = zoo.load(project.best_model())
    assert model.latent_dim == project.best["arguments"]["latent_dim"]


def test_values_are_exact_and_results_taken_once(of_one_process, tmp_path):
    """The service of keras_tuner rounds to 32 bits; the second one does not."""
    serving = Chief(request(tmp_path, max_trials=2))
    with grpc.insecure_channel(serving.address, options=wire.OPTIONS) as channel:

        def call(method, **header):
            return wire.call(channel, method, header, timeout=20.0)[0]

        oracle = worker.Oracle(channel)
        first, same, second = (oracle.create_trial(name) for name in ("a", "a", "b"))
        assert first.trial_id == same.trial_id != second.trial_id
        job = call("Job", number=1, worker="b")["job"]
        assert job["values"] == of_one_process.trials[1]["hyperparameters"]
        assert call("Job", number=1, worker="a") == {"job": None}
        assert call("Tell", number=1, worker="a", text="")["goes_on"] is False
        failed = {"status": "failed", "error": "no memory", "scores": []}
        assert call("Result", number=1, worker="a", result=failed) == {"taken": False}
        oracle.end_trial(second, "FAILED")  # without a result: nothing ends
        for number, (name, trial) in enumerate((("a", first), ("b", second))):
            assert call("Result", number=number, worker=name, result=failed) == {"taken": True}
            oracle.end_trial(trial, "FAILED")
        assert oracle.create_trial("a").status == oracle.stopped
        assert oracle.create_trial("b").status == oracle.stopped
    project = serving.result().project
    assert [project.trials[n]["error"] for n in (0, 1)] == ["no memory"] * 2


def test_a_chief_that_is_started_again_goes_on(of_one_process, tmp_path):
    lines = (of_one_process.folder / TRIALS_FILE).read_text().splitlines(keepends=True)
    identity = (of_one_process.folder / "search.json").read_bytes()
    (tmp_path / "search.json").write_bytes(identity)
    (tmp_path / TRIALS_FILE).write_text("".join(lines[:-1]))  # trial 3 had only begun
    serving = Chief(request(tmp_path))
    assert worker.work(serving.address, quiet()) == 1
    project = serving.result().project
    assert results(project) == results(of_one_process)
    begun = [e for e in map(json.loads, (tmp_path / TRIALS_FILE).open()) if e["number"] == 3]
    assert [event["status"] for event in begun] == [RUNNING, "ok"]


def test_other_data_are_refused(tmp_path):
    import numpy as np

    images = np.random.default_rng(0).random((60, 8, 8, 1)).astype("float32")
    np.savez(tmp_path / "there.npz", images=images)
    np.savez(tmp_path / "here.npz", images=1 - images)
    serving = Chief(
        request(tmp_path / "search", dataset=str(tmp_path / "there.npz"), limit=None, max_trials=1)
    )
    with pytest.raises(BenchError, match=r"the data here are not the chief's .*--dataset"):
        worker.work(serving.address, quiet(), dataset=str(tmp_path / "here.npz"))
    assert worker.work(serving.address, quiet()) == 1
    serving.result()


def test_other_versions_are_refused(tmp_path, monkeypatch):
    serving = Chief(request(tmp_path, max_trials=1))
    address = serving.address
    real = wire.versions()
    answers = iter([real | {"keras": "3.0.0"}, real])  # the worker's, then the chief's
    monkeypatch.setattr(wire, "versions", lambda: next(answers, real))
    with pytest.raises(BenchError, match=r"keras 3\.\d+\.\d+, here 3\.|keras 3\.0\.0, here"):
        worker.work(address, quiet())
    monkeypatch.undo()
    assert worker.work(address, quiet()) == 1
    serving.result()


def test_messages_keep_headers_and_files_and_refuse_other_paths():
    header, files = {"number": 3, "learning_rate": 0.1}, {"models/trial_0003_0.keras": b"\n\0{}"}
    assert wire.unpack(wire.pack(header, files)) == (header, files)
    for name in ("../evil.keras", "models/../../trial_0_0.keras", "search.json"):
        with pytest.raises(ValueError, match="must be a model of a trial"):
            wire.unpack(wire.pack(header, {name: b""}))
    with pytest.raises(ValueError, match="must have 4 bytes"):
        wire.unpack(wire.pack(header, files) + b"more")
    value = {"widths": [(), (8, 16)], "beta": 0.1, "resize": (8, 8), "none": None}
    assert wire.restored(json.loads(json.dumps(wire.with_tuples(value)))) == value


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "example.org", "::"])
def test_the_network_needs_a_flag(host):
    with pytest.raises(BenchError, match=r"no password.*--allow-network"):
        chief.Address(host).check()
    chief.Address(host, allow_network=True).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_needs_none(host):
    chief.Address(host).check()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chief", "vae", "--host", "0.0.0.0"], "--allow-network"),
        (["chief", "vae", "--port", "70000"], "--port must be from 0 to 65535"),
        (["worker", "--chief", "somewhere"], "--chief must be HOST:PORT"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_without_a_chief_the_worker_ends_soon(monkeypatch):
    monkeypatch.setattr(worker, "_CONNECT_SECONDS", 0.5)
    with pytest.raises(BenchError, match=r"no chief answers at 127\.0\.0\.1:1\b.*python -m tuner"):
        worker.work("127.0.0.1:1")


def test_a_port_that_is_taken_is_told(tmp_path):
    serving = Chief(request(tmp_path / "first"))
    port = int(serving.address.rpartition(":")[2])
    with pytest.raises(BenchError, match=r"cannot listen on 127\.0\.0\.1:.*--port"):
        chief.serve(request(tmp_path / "second"), chief.Address(port=port), serving.console)
    worker.work(serving.address, quiet())
    serving.result()
