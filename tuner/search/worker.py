"""A worker of a search over several machines: asks a chief for trials and runs them here.

Each trial runs in a process of its own. The worker needs this package in the chief's versions, and
the data; models and results travel over the wire.
"""

import contextlib
import dataclasses
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.errors import BenchError
from bench.execution import local
from tuner.search import wire
from tuner.search.request import Request, resolve
from tuner.trials import trial as trial_module
from tuner.trials.trial import Job

_CONNECT_SECONDS = 10.0
_CALL_SECONDS = 60.0  # for which a chief may be away
_BEAT_SECONDS = 1.0
_IDLE_SECONDS = 1.0


def work(
    chief: str,
    console: Console | None = None,
    *,
    name: str | None = None,
    dataset: str | None = None,
    timeout_seconds: float | None = None,
) -> int:
    """Runs trials until the chief has enough, and returns how many.

    Args:
        chief: `HOST:PORT`.
        name: Shown by the chief; None: host and process.
        dataset: Where the data are here; None: as the chief names them.
        timeout_seconds: A trial that takes longer is ended and counts as failed.

    Raises:
        BenchError: if nobody answers, versions or data differ, or the chief is gone for a minute.
        KeyboardInterrupt: on Ctrl-C; the chief gives the trial to another worker.
    """
    import grpc

    console = console or Console()
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    with contextlib.closing(_connect(chief)) as channel:
        try:
            worker = _Worker(channel, name, dataset, console)
            with tempfile.TemporaryDirectory() as folder:
                return worker.run(Path(folder), timeout_seconds)
        except grpc.RpcError as error:
            text = " ".join((error.details() or "").split())
            raise BenchError(
                f"the chief at {chief} is gone ({error.code().name}: {text}). Start it again with "
                "its own command: it goes on where it stopped; then start this worker again."
            ) from error


def _connect(chief: str):
    import grpc

    host, _, port = chief.rpartition(":")
    if not host or not port.isdecimal():
        raise BenchError(f"--chief must be HOST:PORT. Received: {chief!r}.")
    channel = grpc.insecure_channel(chief, options=wire.OPTIONS)
    try:
        grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
    except grpc.FutureTimeoutError as error:
        channel.close()
        raise BenchError(
            f"no chief answers at {chief}. Start one there: python -m tuner chief MODEL, and on "
            "another machine with --host and --allow-network."
        ) from error
    return channel


class Oracle:
    """The trials of the chief, by the service of `keras_tuner`."""

    def __init__(self, channel):
        from keras_tuner.src import protos

        self.service = protos.get_service()
        self.stub = protos.get_service_grpc().OracleStub(channel)
        self.status = protos.get_proto().TrialStatus

    def create_trial(self, worker: str):
        """Returns the trial that a worker has, or a new one."""
        request = self.service.CreateTrialRequest(tuner_id=worker)
        return self.stub.CreateTrial(request, timeout=_CALL_SECONDS, wait_for_ready=True).trial

    def end_trial(self, trial, status: str) -> None:
        """Ends a trial whose result was taken: `"COMPLETED"` or `"FAILED"`."""
        trial.status = self.status.Value(status)
        request = self.service.EndTrialRequest(trial=trial)
        self.stub.EndTrial(request, timeout=_CALL_SECONDS, wait_for_ready=True)

    @property
    def running(self) -> int:
        return self.status.Value("RUNNING")

    @property
    def stopped(self) -> int:
        return self.status.Value("STOPPED")


@dataclasses.dataclass
class _Beat:
    """What the chief is told of a trial, and what it answers.

    Attributes:
        is_lost: Whether the chief gave the trial to another worker.
        error: That of gRPC, once the chief is gone.
    """

    text: str = "starting"
    is_lost: bool = False
    error: Exception | None = None


class _Worker:
    def __init__(self, channel, name: str, dataset: str | None, console: Console):
        self.channel, self.name, self.console = channel, name, console
        self.oracle = Oracle(channel)
        self.settled = self._resolve(dataset)

    def _call(self, method: str, header: wire.Header, files: wire.Files | None = None):
        header = header | {"worker": self.name}
        return wire.call(self.channel, method, header, files, timeout=_CALL_SECONDS)

    def _resolve(self, dataset: str | None):
        """Settles the same search from the data of this machine."""
        found, _ = self._call("Describe", {})
        here, there = wire.versions(), found["versions"]
        differing = [
            f"{key} {there[key]}, here {here.get(key)}"
            for key in there
            if there[key] != here.get(key)
        ]
        if differing:
            raise BenchError(
                f"the chief has {'; '.join(differing)}. Install the chief's versions here: "
                "results would not compare."
            )
        request = Request(**wire.restored(found["request"]))
        if dataset is not None:
            request = dataclasses.replace(request, dataset=dataset)
        settled = resolve(request)
        for key, text in (("dataset_checksum", "data"), ("space_checksum", "search space")):
            if settled.identity[key] != found["identity"][key]:
                raise BenchError(
                    f"the {text} here are not the chief's ({key} {settled.identity[key][:12]}, "
                    f"there {found['identity'][key][:12]}). Give the same data: --dataset."
                )
        return settled

    def run(self, folder: Path, timeout_seconds: float | None) -> int:
        context = local.forkserver(trial_module.PRELOAD)
        engine = local.LocalEngine(context, folder, "", timeout_seconds=timeout_seconds)
        num_run = 0
        with contextlib.closing(engine):
            while True:
                given = self.oracle.create_trial(self.name)
                if given.status == self.oracle.stopped:
                    return num_run
                if given.status != self.oracle.running:
                    time.sleep(_IDLE_SECONDS)
                    continue
                job = self._fetch(int(given.trial_id), folder)
                if job is not None:
                    num_run += self._run(job, engine, folder, given)

    def _fetch(self, number: int, folder: Path) -> Job | None:
        found, files = self._call("Job", {"number": number})
        if found["job"] is None:
            return None
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        plain = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in found["job"].items()
        }
        plan = self.settled.plan
        return Job(
            space=plan.space,
            data=plan.data,
            image_shape=plan.image_shape,
            arguments=plan.arguments,
            **plain,
        )

    def _run(self, job: Job, engine: local.LocalEngine, folder: Path, given) -> bool:
        """Runs a trial; False if the chief gave it to another worker meanwhile."""
        with self._beating(job) as beat:
            engine.start(job)
            while beat.error is None:
                for _, kind, content in engine.messages():
                    if kind == "record":
                        return self._send(job, content[0], folder, given)
                    beat.text = str(content[0])
                if beat.is_lost:
                    engine.close()
                    return False
        raise beat.error

    @contextlib.contextmanager
    def _beating(self, job: Job) -> Iterator["_Beat"]:
        """Tells the chief each second that the trial goes on, whatever else is waited for."""
        beat, end = _Beat(), threading.Event()

        def tell() -> None:
            import grpc

            try:
                while not end.wait(_BEAT_SECONDS) and not beat.is_lost:
                    header = {"number": job.number, "text": beat.text}
                    answer, _ = self._call("Tell", header)
                    beat.is_lost = not answer["goes_on"]
            except grpc.RpcError as error:
                beat.error = error

        thread = threading.Thread(target=tell, daemon=True)
        thread.start()
        try:
            yield beat
        finally:
            end.set()
            thread.join()

    def _send(self, job: Job, result: dict[str, Any], folder: Path, given) -> bool:
        files = {
            name: (folder / name).read_bytes() for name in job.models if (folder / name).exists()
        }
        answer, _ = self._call("Result", {"number": job.number, "result": result}, files)
        for name in {*job.models, *job.needs}:
            (folder / name).unlink(missing_ok=True)
        if not answer["taken"]:
            return False
        is_ok = result["status"] == "ok"
        self.oracle.end_trial(given, "COMPLETED" if is_ok else "FAILED")
        status = "done" if is_ok else f"{result['status']}: {result['error']}"
        self.console.print(f"trial {job.number}: {escape(status)}", highlight=False)
        return True
