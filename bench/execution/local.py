"""Where jobs run: in processes of this machine, one or several at a time.

A job is a case of the benchmark or a trial of a search. An engine takes jobs by `start` and gives
what they tell by `messages`: `("stage", text)`, `("epoch", number, logs)`, `("trace", text)` and,
last and always, `("record", dict)`: whatever becomes of a job, there is a record. `has_room` and
`num_running` tell how many run, `note` what to know of their timings, and `close` ends them all.
Another engine is `bench.execution.ray_engine`.
"""

import dataclasses
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from bench.errors import BenchError

# Before Keras is imported.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
_POLL_SECONDS = 0.2
_END_SECONDS = 5.0


class Job(Protocol):
    """What an engine runs, as plain data that can be pickled.

    Attributes:
        id: Names the job among those of its engine.
        needs: Files in the output folder that it reads, by their names there.
    """

    id: str
    needs: tuple[str, ...]

    def run(self, output: Path, run_id: str, connection) -> None:
        """Runs in a process of its own: sends messages, the record last, and writes to `output`."""

    def failure(self, run_id: str, error: str) -> dict[str, Any]:
        """Returns the record of a job whose process could not send its own."""


Message = tuple[Job, str, tuple[Any, ...]]


def forkserver(preload: Sequence[str]):
    """Returns the context whose processes are forked from one that has imported everything.

    That one starts to import now, while the caller goes on.

    Args:
        preload: Modules to import; a forkserver that runs already keeps what it has.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    multiprocessing.forkserver.ensure_running()
    return context


def too_late(seconds: float) -> str:
    """Returns the error of a job that was ended at its limit."""
    return f"took over {seconds:g} seconds"


def leave_interrupts_to_the_parent() -> None:
    """Ignores Ctrl-C, which reaches all processes of a terminal at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_with_the_parent() -> None:
    """Ends this process as soon as the one that started it is gone, however that ended."""

    def wait() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@dataclasses.dataclass
class _Running:
    job: Job
    process: Any
    receiver: Any
    slot: int
    started: float


class LocalEngine:
    """Runs each job in a process of its own.

    Args:
        context: From `forkserver`.
        output: Folder of the records.
        run_id: Goes into each record.
        num_workers: Jobs at a time, one by default. Each of several gets its own share of the
            cores and is pinned to it.
        timeout_seconds: Limit of one job, after which it is a failure; None: none.

    Raises:
        BenchError: for more workers than cores.
    """

    def __init__(
        self,
        context,
        output: Path,
        run_id: str,
        *,
        num_workers: int | None = None,
        timeout_seconds: float | None = None,
    ):
        self.context = context
        self.output = output
        self.run_id = run_id
        self.timeout_seconds = timeout_seconds
        self.shares = _shares(num_workers or 1)
        self.running: dict[int, _Running] = {}  # by slot

    @property
    def note(self) -> str:
        if len(self.shares) == 1:
            return ""
        return (
            f"{len(self.shares)} at a time: speeds are not comparable with those of a run of "
            "one at a time"
        )

    @property
    def has_room(self) -> bool:
        return len(self.running) < len(self.shares)

    @property
    def num_running(self) -> int:
        return len(self.running)

    def start(self, job: Job) -> None:
        """Starts a job in a free slot."""
        slot = min(set(range(len(self.shares))) - set(self.running))
        receiver, sender = self.context.Pipe(duplex=False)
        process = self.context.Process(
            target=_run_job,
            args=(job, str(self.output), self.run_id, sender, self.shares[slot]),
            daemon=True,
        )
        process.start()
        sender.close()
        self.running[slot] = _Running(job, process, receiver, slot, time.monotonic())

    def messages(self) -> Iterator[Message]:
        """Waits a moment and gives what has come from the running jobs."""
        by_receiver = {running.receiver: running for running in self.running.values()}
        ready = multiprocessing.connection.wait(list(by_receiver), timeout=_POLL_SECONDS)
        for receiver in ready:
            running = by_receiver[receiver]
            try:
                kind, *content = receiver.recv()
            except (EOFError, OSError):
                running.process.join(_END_SECONDS)
                kind, content = "record", [self._failure(running, _death(running.process.exitcode))]
            if kind == "record":
                content[0]["num_workers"] = len(self.shares)
                self._end(running, _END_SECONDS)
            yield running.job, kind, tuple(content)
        for running in [r for r in self.running.values() if self._is_over_time(r)]:
            self._end(running, 0)
            yield running.job, "record", (self._failure(running, too_late(self.timeout_seconds)),)

    def _failure(self, running: _Running, error: str) -> dict[str, Any]:
        return running.job.failure(self.run_id, error) | {"num_workers": len(self.shares)}

    def close(self) -> None:
        """Ends all that still runs."""
        for running in list(self.running.values()):
            self._end(running, 0)

    def _end(self, running: _Running, patience_seconds: float) -> None:
        del self.running[running.slot]
        if patience_seconds:
            running.process.join(patience_seconds)
        if running.process.is_alive():
            running.process.kill()
            running.process.join()
        running.receiver.close()

    def _is_over_time(self, running: _Running) -> bool:
        limit = self.timeout_seconds
        return limit is not None and time.monotonic() - running.started > limit


def _run_job(job: Job, output: str, run_id: str, connection, cores) -> None:
    leave_interrupts_to_the_parent()
    end_with_the_parent()
    if cores is not None:
        os.sched_setaffinity(0, cores)  # before TensorFlow sizes its thread pools by it
    job.run(Path(output), run_id, connection)


def _shares(num_workers: int) -> list[frozenset[int] | None]:
    """Returns the cores of each worker; None for a single one, which may use them all."""
    if num_workers == 1:
        return [None]
    if not hasattr(os, "sched_getaffinity"):  # macOS and Windows cannot pin
        return [None] * num_workers
    cores = sorted(os.sched_getaffinity(0))
    if num_workers > len(cores):
        raise BenchError(
            f"--workers must be at most the number of cores. Received: {num_workers} workers for "
            f"{len(cores)} cores."
        )
    return [frozenset(cores[worker::num_workers]) for worker in range(num_workers)]


def _death(exit_code: int | None) -> str:
    if exit_code == -9:
        return "the process was killed (signal 9): out of memory, or by hand"
    if exit_code is not None and exit_code < 0:
        return f"the process ended with signal {-exit_code}"
    return f"the process ended with exit code {exit_code} and no result"
