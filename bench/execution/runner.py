"""Gives jobs to an engine, keeps their records and shows how far they are."""

import collections
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.execution.engine import Engine
from bench.execution.tracking import Tracking
from bench.leaderboard import time_to_quality
from bench.records import store
from bench.records.schema import Record
from bench.runs.job import Job, names_apart
from zoo.aligned import WHOLE_WORDS

OnRecord = Callable[[int, int], None]

# What is told of a finished job, the first that it has: metric, name, form.
_SHOWN = (("auroc", "AUROC", ".4f"), ("iou_image", "IoU", ".4f"), ("mse", "MSE", ".5f"))


class Runner:
    """Runs jobs that are not finished yet, and is the only one that writes records.

    Args:
        engine: See `bench.execution.engine`.
        output: Folder of the records.
        fresh: Whether jobs that are finished run again.
        stamp: Fields that each record gets.
        on_record: Called after each record with the number of jobs that are done, and of all.
        tracking: Is told of epochs and records; None: nobody is.

    Attributes:
        num_run: Jobs that ran now; `num_kept` were finished before.
    """

    def __init__(
        self,
        engine: Engine,
        output: Path,
        console: Console,
        *,
        fresh: bool = False,
        stamp: dict[str, Any] | None = None,
        on_record: OnRecord | None = None,
        tracking: Tracking | None = None,
    ):
        self.engine = engine
        self.output = output
        self.console = console
        self.stamp = stamp or {}
        self.on_record = on_record
        self.tracking = tracking
        self.num_run = self.num_kept = 0
        self.latest = {} if fresh else self._read()
        self._counted: set[str] = set()  # jobs that ran now or are counted as kept

    def _read(self) -> dict[str, Record]:
        if not (self.output / store.FILE_NAME).exists():
            return {}
        records, warnings = store.read(self.output)
        for warning in warnings:
            self.console.print(f"[yellow]warning:[/] {escape(warning)}", **WHOLE_WORDS)
        return {record.job_id: record for record in store.latest(records)}

    def records_of(self, wanted: list[Job]) -> list[Record]:
        """Returns the records of the jobs that have one, each once."""
        by_id = {job.id: None for job in wanted if job.id in self.latest}
        return [self.latest[job_id] for job_id in by_id]

    def run_all(self, wanted: list[Job], target: float | None = None) -> None:
        """Runs the jobs that are not finished; a failed one is tried again.

        Args:
            target: Value of the validation metric that the time to reach is asked for.
        """
        done = [job for job in wanted if self._is_done(job)]
        waiting = collections.deque(job for job in wanted if job not in done)
        kept = [job for job in done if job.id not in self._counted]
        self.num_kept += len(kept)
        self._counted.update(job.id for job in wanted)
        if kept:
            self.console.print(
                f"{len(kept)} of {len(wanted)} {_what(wanted)} are finished already and kept "
                "(--fresh runs them again)"
            )
        for job in done:
            self._ask_for(target, job)
            if self.tracking is not None:
                self.tracking.kept(job, self.latest[job.id])
        if not waiting:
            return
        with self._progress() as progress:
            total = progress.add_task("all jobs", total=len(wanted), completed=len(done), info="")
            names, bars = names_apart(wanted), {}
            while waiting or self.engine.num_running:
                while waiting and self.engine.has_room:
                    job = waiting.popleft()
                    epochs = job.config.epochs if job.is_trained else 1
                    bars[job] = progress.add_task(job.name, total=epochs, info="starting")
                    self.engine.start(job)
                for job, kind, content in self.engine.messages():
                    self._take(job, kind, content, progress, bars[job], target)
                    if kind == "record":
                        progress.console.print(result_line(names[job], self.latest[job.id]))
                        progress.remove_task(bars.pop(job))
                        progress.advance(total)
                        self._tell(wanted)

    def _take(
        self, job: Job, kind: str, content: tuple, progress: Progress, bar, target: float | None
    ) -> None:
        if kind == "stage":
            progress.update(bar, info=content[0])
        elif kind == "epoch":
            info = f"validation loss {content[1].get('val_loss', float('nan')):.4g}"
            progress.update(bar, completed=content[0], info=info)
            if self.tracking is not None:
                self.tracking.epoch(job, *content)
        elif kind == "trace":
            self._keep_trace(job, content[0])
        elif kind == "record":
            record = content[0] | self.stamp
            record |= time_to_quality.reached(record.training, target)
            self._append(job, record)
            self.num_run += 1
            if self.tracking is not None:
                self.tracking.ended(job, self.latest[job.id])

    def _tell(self, wanted: list[Job]) -> None:
        if self.on_record is not None:
            self.on_record(sum(job.id in self.latest for job in wanted), len(wanted))

    def _is_done(self, job: Job) -> bool:
        if job.id not in self.latest or not self.latest[job.id].is_ok:
            return False
        if not job.keeps_model:
            return True
        kept = self.latest[job.id].artifacts.model
        return kept is not None and (self.output / kept).is_file()

    def _append(self, job: Job, record: Record) -> None:
        store.append(self.output / store.FILE_NAME, record)
        self.latest[job.id] = record

    def _ask_for(self, target: float | None, job: Job) -> None:
        """Writes a kept record again where another target is asked for than it tells of."""
        record = self.latest[job.id]
        training = record.training
        if target is not None and training.quality_curve and training.target != target:
            self._append(job, record | time_to_quality.reached(training, target))

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description:28}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[info]}"),
            console=self.console,
            transient=True,
            refresh_per_second=4,
        )

    def _keep_trace(self, job: Job, trace: str) -> None:
        """Keeps the stack trace of a failed job in a file, for who wants to look."""
        with contextlib.suppress(OSError):
            (self.output / "traces").mkdir(exist_ok=True)
            (self.output / "traces" / f"{job.id}.txt").write_text(trace)


def _what(wanted: list[Job]) -> str:
    """Returns what jobs of one kind are called; only floors have no training."""
    return "jobs" if any(job.kind == "model" for job in wanted) else "floors"


def result_line(name: str, record: Record) -> str:
    """Returns what is said of a job at its end, in the markup of rich.

    Args:
        name: Of the job, that tells it from the others of its run.
    """
    title = escape(name)
    if not record.is_ok:
        return f"[red]failed[/] {title}: {escape(record.error or 'no error given')}"
    seconds = record.training.seconds
    trained = f", {seconds:.1f} s" if seconds else ""
    metrics = record.quality.metrics
    shown = [f"{name} {metrics[key]:{form}}" for key, name, form in _SHOWN if key in metrics][:1]
    if "accuracy" in metrics:
        shown.append(f"accuracy {metrics['accuracy']:.3f}")
    if record.data.normal_class_name is not None:
        title += f" ({escape(record.data.normal_class_name)})"
    return f"[green]done[/]   {title}: {', '.join(shown)}{trained}"
