"""An engine without processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuner.trials import trial


class InProcessEngine:
    """Runs each trial in this process: starts at once, but shares memory between trials.

    Takes the place of `bench.execution.local.LocalEngine`.
    """

    has_room = True
    note = ""

    def __init__(self, output: Path):
        self.output = output
        self.waiting: list[trial.Job] = []

    @property
    def num_running(self) -> int:
        return len(self.waiting)

    def start(self, job: trial.Job) -> None:
        self.waiting.append(job)
        self.has_room = False

    def messages(self) -> Iterator[tuple[trial.Job, str, tuple[Any, ...]]]:
        told: list[str] = []
        job = self.waiting[0]
        result = trial.run(job, self.output, told.append)
        self.waiting.clear()
        self.has_room = True
        yield from ((job, "stage", (text,)) for text in told)
        yield job, "record", (result,)

    def close(self) -> None:
        self.waiting.clear()
