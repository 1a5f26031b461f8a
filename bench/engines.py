"""Where cases run: in processes of this machine, one or several at a time.

An engine takes cases by `start` and gives what they tell by `messages`: `("stage", text)`,
`("epoch", number, logs)`, `("trace", text)` and, last and always, `("record", dict)`: whatever
becomes of a case, there is a record.
"""

import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.cases import Case
from bench.errors import BenchError

_POLL_SECONDS = 0.2
_END_SECONDS = 5.0

Message = tuple[Case, str, tuple[Any, ...]]


@contextlib.contextmanager
def forkserver() -> Iterator[Any]:
    """Gives the context whose processes are forked from one that has imported everything."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        yield multiprocessing.get_context("spawn")
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.worker"])
    yield context


def failure(case: Case, run_id: str, error: str) -> dict[str, Any]:
    """Returns the record of a case whose process could not send its own."""
    return case.start_record(run_id) | {"error": error}


@dataclasses.dataclass
class _Running:
    case: Case
    process: Any
    receiver: Any
    slot: int
    started: float


class LocalEngine:
    """Runs each case in a process of its own.

    Args:
        context: From `forkserver`.
        output: Folder of the records.
        run_id: Goes into each record.
        num_workers: Cases at a time. Each gets its own share of the cores and is pinned to it.
        timeout_seconds: Limit of one case, after which it is a failure; None: none.

    Raises:
        BenchError: for more workers than cores.
    """

    def __init__(
        self,
        context,
        output: Path,
        run_id: str,
        *,
        num_workers: int = 1,
        timeout_seconds: float | None = None,
    ):
        self.context = context
        self.output = output
        self.run_id = run_id
        self.timeout_seconds = timeout_seconds
        self.shares = _shares(num_workers)
        self.running: dict[int, _Running] = {}  # by slot

    @property
    def has_room(self) -> bool:
        return len(self.running) < len(self.shares)

    @property
    def num_running(self) -> int:
        return len(self.running)

    def start(self, case: Case) -> None:
        """Starts a case in a free slot."""
        slot = min(set(range(len(self.shares))) - set(self.running))
        receiver, sender = self.context.Pipe(duplex=False)
        process = self.context.Process(
            target=_run_case,
            args=(case, str(self.output), self.run_id, sender, self.shares[slot]),
            daemon=True,
        )
        process.start()
        sender.close()
        self.running[slot] = _Running(case, process, receiver, slot, time.monotonic())

    def messages(self) -> Iterator[Message]:
        """Waits a moment and gives what has come from the running cases."""
        by_receiver = {running.receiver: running for running in self.running.values()}
        ready = multiprocessing.connection.wait(list(by_receiver), timeout=_POLL_SECONDS)
        for receiver in ready:
            running = by_receiver[receiver]
            try:
                kind, *content = receiver.recv()
            except (EOFError, OSError):
                running.process.join()
                record = failure(running.case, self.run_id, _death(running.process.exitcode))
                kind, content = "record", [record]
            if kind == "record":
                content[0]["num_workers"] = len(self.shares)
                self._end(running, _END_SECONDS)
            yield running.case, kind, tuple(content)
        for running in [r for r in self.running.values() if self._is_over_time(r)]:
            self._end(running, 0)
            error = f"took over {self.timeout_seconds:g} seconds"
            yield running.case, "record", (failure(running.case, self.run_id, error),)

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


def _run_case(case: Case, output: str, run_id: str, connection, cores) -> None:
    if cores is not None:
        os.sched_setaffinity(0, cores)  # before TensorFlow sizes its thread pools by it
    from bench import worker

    worker.run(case, output, run_id, connection)


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
