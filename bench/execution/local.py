"""Jobs in processes of this machine, one or several at a time."""

import dataclasses
import multiprocessing.connection
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.execution.engine import Job, Message, RunJob, too_late
from bench.execution.processes import Child, ChildEndedError, call

_POLL_SECONDS = 0.2
_END_SECONDS = 5.0


@dataclasses.dataclass
class _Running:
    job: Job
    child: Child
    slot: int
    started: float


class LocalEngine:
    """Runs each job in a process of its own.

    Args:
        context: From `processes.forkserver`.
        run_job: Runs one job, in its process.
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
        run_job: RunJob,
        output: Path,
        run_id: str,
        *,
        num_workers: int | None = None,
        timeout_seconds: float | None = None,
    ):
        self.context = context
        self.run_job = run_job
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
        child = Child(
            self.context,
            call,
            _run_on_cores,
            self.run_job,
            job,
            self.output,
            self.run_id,
            self.shares[slot],
        )
        self.running[slot] = _Running(job, child, slot, time.monotonic())

    def messages(self) -> Iterator[Message]:
        """Waits a moment and gives what has come from the running jobs."""
        by_connection = {running.child.connection: running for running in self.running.values()}
        ready = multiprocessing.connection.wait(list(by_connection), timeout=_POLL_SECONDS)
        for connection in ready:
            running = by_connection[connection]
            try:
                kind, *content = running.child.receive()
            except ChildEndedError as error:
                kind, content = "record", [self._failure(running, str(error))]
            if kind == "record":
                content[0] |= {"num_workers": len(self.shares)}
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
        running.child.end(patience_seconds)

    def _is_over_time(self, running: _Running) -> bool:
        limit = self.timeout_seconds
        return limit is not None and time.monotonic() - running.started > limit


def _run_on_cores(
    run_job: RunJob, job: Job, output: Path, run_id: str, cores: frozenset[int] | None, connection
) -> None:
    if cores is not None:
        os.sched_setaffinity(0, cores)  # before TensorFlow sizes its thread pools by it
    run_job(job, output, run_id, connection)


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
