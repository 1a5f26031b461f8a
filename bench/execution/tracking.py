"""Tells trackers of the jobs of a run: epochs as they come, then what the record holds."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.errors import user_errors
from bench.records import options
from bench.records.schema import Record
from bench.runs.job import Job
from zoo.tracking import runs, trackers

# Of a record, beside the options: what a run is told apart by.
_SETTINGS = ("job_id", "kind", "model", "preset", "seed", "dataset", "task", "latent_size")


class Tracking:
    """The jobs of an output folder at trackers; names of numbers are those of the records.

    Args:
        names: Of the trackers, see `zoo.tracking.trackers`.
        output: Folder of the records; the trackers' files go below its `tracking/`.
        warn: Is told what went wrong at a tracker, which ends no job.

    Raises:
        BenchError: for an unknown tracker, or a package that is missing.
    """

    def __init__(self, names: Iterable[str], output: Path, warn: Callable[[str], None]):
        with user_errors():
            project = output.resolve().name or trackers.PROJECT
            self._runs = runs.Runs(names, output / runs.FOLDER, project, warn)
        self._last_step: dict[str, int] = {}  # of jobs that were begun

    def epoch(self, job: Job, number: int, logs: Mapping[str, float]) -> None:
        """Sends an epoch of a job that runs."""
        self._begin(job)
        self._runs.step(job.id, number, logs)
        self._last_step[job.id] = number

    def ended(self, job: Job, record: Record) -> None:
        """Sends what the record says of a job that has ended, with epochs that are not sent yet."""
        self._begin(job)
        history = record.training.history or {}
        num_epochs = max(map(len, history.values()), default=0)
        for step in range(self._last_step[job.id] + 1, num_epochs + 1):
            values = {name: curve[step - 1] for name, curve in history.items()}
            self._runs.step(job.id, step, values)
        last = max(self._last_step.pop(job.id), num_epochs)
        self._runs.step(job.id, last, _results(record))
        self._runs.end(job.id, None if record.is_ok else record.error or "failed")

    def kept(self, job: Job, record: Record) -> None:
        """Sends a job that was finished before, unless it was sent then."""
        if not self._runs.is_told(job.id):
            self.ended(job, record)

    def close(self) -> None:
        """Ends what still runs, as stopped."""
        self._runs.close()

    def _begin(self, job: Job) -> None:
        if job.id in self._last_step:
            return
        fields = job.first_fields("")
        arguments = dict(job.arguments)
        names = (*_SETTINGS, *(each.name for each in options.declared_by(job.config)))
        settings = {name: fields[name] for name in names if name in fields} | arguments
        self._runs.start(job.id, f"{job.name} {job.id[:6]}", settings)
        self._last_step[job.id] = 0


def _results(record: Record) -> dict[str, Any]:
    """Returns what a record holds beside settings and what is sent of each epoch."""
    sent = record.training.history or {}
    asked = {each.name for each in options.declared_by(record.config)}
    return {
        name: value
        for name, value in record.fields().items()
        if name not in asked and name not in _SETTINGS and name not in sent
    }
