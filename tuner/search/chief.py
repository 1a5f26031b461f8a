"""The chief of a search over several machines: gives out trials and takes what workers send.

It serves the oracle by the gRPC service of `keras_tuner` and runs no trial itself. A worker that is
silent for long is lost: its trial goes to another one. What a lost worker sends after all is
dropped, as the trial is no longer its own.
"""

import dataclasses
import ipaddress
import threading
import time
from concurrent import futures
from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.engine import trial
from rich.console import Console
from rich.markup import escape

from bench.errors import BenchError
from bench.records.store import check_writable, folder_lock, write_whole
from tuner.search import runner, wire
from tuner.search.request import Request, ResolvedRequest, resolve
from tuner.search.scheduler import Scheduler
from tuner.search.search import Outcome, start
from tuner.trials.trial import Job

LOST_AFTER_SECONDS = 30.0
_POLL_SECONDS = 0.2
_FAREWELL_SECONDS = 5.0
_NUM_THREADS = 16


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a chief listens.

    Attributes:
        allow_network: Whether another address than the machine's own is meant: the port has no
            password, so that whoever reaches it can read the search and send results.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    allow_network: bool = False

    def check(self) -> None:
        """Refuses to listen to the network unless that is meant.

        Raises:
            BenchError: with the flag that allows it.
        """
        if not 0 <= self.port < 65_536:
            raise BenchError(f"--port must be from 0 to 65535. Received: {self.port}.")
        if self.allow_network or _is_loopback(self.host):
            return
        raise BenchError(
            f"--host {self.host} can be reached from other machines, and the port has no password: "
            "whoever reaches it can read the search and send results. In a network that you trust "
            "add --allow-network; otherwise keep 127.0.0.1 and use an SSH tunnel."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(
    request: Request,
    address: Address,
    console: Console | None = None,
    lost_after_seconds: float = LOST_AFTER_SECONDS,
) -> Outcome:
    """Searches with the workers that come, until there are trials enough.

    After an interruption the same call goes on where it stopped; workers wait for it for a minute.

    Raises:
        BenchError: as `tuner.search.search.search`, and if the address cannot be listened on.
        KeyboardInterrupt: on Ctrl-C.
    """
    console = console or Console()
    address.check()
    request.check()
    check_writable(request.folder)
    with folder_lock(request.folder):
        settled = resolve(request)
        director = start(settled, console)
        with runner.display(director, console) as show:
            desk = _Desk(director, settled, show)
            server, port = _listen(desk, address)
            console.print(
                f"waiting for workers: [bold]python -m tuner worker --chief "
                f"{escape(_reachable(address.host))}:{port}[/]"
            )
            try:
                desk.wait(lost_after_seconds)
            finally:
                server.stop(grace=0.5).wait()
        director.close()
    return Outcome(director.project, director.num_run, settled.plan.space)


def _reachable(host: str) -> str:
    return "THIS_MACHINE" if host in ("0.0.0.0", "::") else host


def _listen(desk: "_Desk", address: Address):
    import grpc
    from keras_tuner.src import protos
    from keras_tuner.src.distribute import oracle_chief

    threads = futures.ThreadPoolExecutor(max_workers=_NUM_THREADS)
    # Two chiefs on one port would each get some of the workers.
    server = grpc.server(threads, options=(*wire.OPTIONS, ("grpc.so_reuseport", 0)))
    protos.get_service_grpc().add_OracleServicer_to_server(
        oracle_chief.OracleServicer(desk), server
    )
    wire.add_service(server, desk.answer)
    host = f"[{address.host}]" if ":" in address.host else address.host
    try:
        port = server.add_insecure_port(f"{host}:{address.port}")
    except RuntimeError:
        port = 0
    if port == 0:
        raise BenchError(
            f"cannot listen on {address.host}:{address.port}: another program does, or the address "
            "is not of this machine. Choose another --port."
        )
    server.start()
    return server, port


class _Desk:
    """What the threads of the server ask, one at a time: an oracle to `keras_tuner`.

    Attributes:
        owners: Worker of each running trial, and when it was last heard of.
        workers: All that came and were not told yet that the search is over.
    """

    def __init__(self, director: Scheduler, settled: ResolvedRequest, show):
        self.director, self.settled, self.show = director, settled, show
        self.owners: dict[int, tuple[str, float]] = {}
        self.workers: set[str] = set()
        self.results: dict[int, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self.error: BenchError | None = None

    def wait(self, lost_after_seconds: float) -> None:
        """Waits until the search is over, and gives the trials of lost workers to others."""
        while True:
            with self.lock:
                if self.error is not None:
                    raise self.error
                self._give_back_lost(lost_after_seconds)
                if not self.owners and self._has_ended():
                    break
            time.sleep(_POLL_SECONDS)
        ended = time.monotonic()
        while self.workers and time.monotonic() - ended < _FAREWELL_SECONDS:
            time.sleep(_POLL_SECONDS)  # for those that ask once more and are told

    def _has_ended(self) -> bool:
        """Whether no trial is left; a trial that this asks for is kept for the next worker."""
        job = self.director.next()
        if job is not None:
            self.director.give_back(job.number)
            return False
        return self.director.is_over

    def _give_back_lost(self, lost_after_seconds: float) -> None:
        now = time.monotonic()
        for number, (worker, heard) in list(self.owners.items()):
            if now - heard > lost_after_seconds:
                del self.owners[number]
                self.director.give_back(number)
                self.show(
                    number, f"note: worker {worker} is lost; trial {number} runs again elsewhere"
                )

    # --- the oracle of keras_tuner --------------------------------------------------------------

    def create_trial(self, tuner_id: str):
        """Returns a trial for a worker: the one that it has, a new one, or one to wait or end."""
        with self.lock:
            mine = [number for number, (owner, _) in self.owners.items() if owner == tuner_id]
            job = self.director.running[mine[0]] if mine else self.director.next()
            if tuner_id not in self.workers:
                self.workers.add(tuner_id)
                self.show(None, f"note: worker {tuner_id} has come")
            if job is None or self.error is not None:
                over = self.error is not None or self.director.is_over
                if over:
                    self.workers.discard(tuner_id)
                return self._trial(None, "STOPPED" if over else "IDLE")
            self.owners[job.number] = (tuner_id, time.monotonic())
            self.show(job.number, f"given to {tuner_id}")
            return self._trial(job, "RUNNING")

    def update_trial(self, trial_id: str, metrics, step: int = 0):
        """Scores come with the whole result, at full precision."""
        return self._trial(self.director.running.get(int(trial_id)), "RUNNING")

    def end_trial(self, ended) -> None:
        """Takes the result that was sent before; without one there is nothing to end."""
        number = int(ended.trial_id)
        with self.lock:
            result = self.results.pop(number, None)
            if result is None or number not in self.owners:
                return
            del self.owners[number]
            try:
                record = self.director.finish(number, result)
            except BenchError as error:
                self.error = error
                return
            self.show(number, None, record)

    def _trial(self, job: Job | None, status: str):
        """Returns a trial without its values: the second service has them, and exactly."""
        number = "0" if job is None else str(job.number)
        return trial.Trial(HyperParameters(), trial_id=number, status=status)

    # --- the second service ---------------------------------------------------------------------

    def answer(self, method: str, header: wire.Header, files: wire.Files) -> bytes:
        with self.lock:
            return getattr(self, f"_{method.lower()}")(header, files)

    def _describe(self, header: wire.Header, files: wire.Files) -> bytes:
        request = dataclasses.asdict(self.settled.request)
        for name in ("output", "fresh", "workers", "engine", "ray_address", "isolated"):
            del request[name]
        found = {
            "request": wire.with_tuples(request),
            "identity": self.director.project.identity,
        }
        return wire.pack(found | {"versions": wire.versions()})

    def _job(self, header: wire.Header, files: wire.Files) -> bytes:
        job = self._owned(header)
        if job is None:
            return wire.pack({"job": None})
        plain = {
            field.name: getattr(job, field.name)
            for field in dataclasses.fields(job)
            if field.name not in ("space", "data", "image_shape", "arguments")  # known there
        }
        folder = self.director.project.folder
        return wire.pack({"job": plain}, {name: (folder / name).read_bytes() for name in job.needs})

    def _tell(self, header: wire.Header, files: wire.Files) -> bytes:
        job = self._owned(header)
        if job is not None:
            self.show(job.number, f"{header['worker']}: {header['text']}")
        return wire.pack({"goes_on": job is not None})

    def _result(self, header: wire.Header, files: wire.Files) -> bytes:
        job = self._owned(header)
        if job is None or set(files) - set(job.models):
            return wire.pack({"taken": False})
        for name, data in files.items():
            path = self.director.project.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        self.results[job.number] = header["result"]
        return wire.pack({"taken": True})

    def _owned(self, header: wire.Header) -> Job | None:
        """Returns the trial if it is that worker's, which is heard of by that."""
        number, worker = int(header["number"]), header["worker"]
        if self.owners.get(number, ("", 0.0))[0] != worker:
            return None
        self.owners[number] = (worker, time.monotonic())
        return self.director.running[number]
