"""The interface of engines: an engine runs each job in its own process and passes its messages on.

A job is a training of the benchmark or a trial of a search. The engine does not know which: it is
given the function that runs a job, a `RunJob`. Engines are `bench.execution.local.LocalEngine` and
`bench.execution.ray_engine.RayEngine`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

# Before Keras is imported. The last is `zoo.registry.quiet.MARK`, by its text: a process of
# `bench compare` imports another checkout's zoo.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "ZOO_PROGRAM": "1"}


class Job(Protocol):
    """What an engine runs, as plain data that can be pickled.

    Attributes:
        id: Names the job among those of its engine.
        needs: Files in the output folder that it reads, by their names there.
    """

    id: str
    needs: tuple[str, ...]

    def failure(self, run_id: str, error: str) -> Any:
        """Returns the record of a job whose process could not send its own."""


# `(job, output, run_id, connection)`: runs a job in a process of its own, sends messages, the
# record last, and writes to the folder `output`. A function of a module, so that it is pickled.
RunJob = Callable[[Any, Path, str, Any], None]
Message = tuple[Job, str, tuple[Any, ...]]


class Engine(Protocol):
    """Where jobs run.

    Attributes:
        note: What to know of the timings of its jobs, or an empty string.
        has_room: Whether it takes another job now.
        num_running: Jobs that run now.
    """

    note: str
    has_room: bool
    num_running: int

    def start(self, job: Job) -> None:
        """Starts a job; there must be room."""

    def messages(self) -> Iterator[Message]:
        """Waits a moment and yields the messages that have come from running jobs.

        `("stage", text)`, `("epoch", number, logs)`, `("trace", text)` and, last and always,
        `("record", record)`: a job that fails or is lost has a record, too.
        """

    def close(self) -> None:
        """Ends all that still runs."""


def too_late(seconds: float) -> str:
    """Returns the error of a job that was ended at its limit."""
    return f"took over {seconds:g} seconds"
