"""Runs the trials of a search on an engine, and shows them as they come."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from bench.execution.engine import too_late
from tuner.search import table
from tuner.search.scheduler import Scheduler
from tuner.trials.store import Project


def run(
    scheduler: Scheduler,
    engine,
    console: Console,
    after_trial: Callable[[Project], None] = lambda project: None,
) -> int:
    """Runs trials until the scheduler has enough, and returns how many were run now.

    A trial whose process or machine is lost runs once more, with the same values.

    Args:
        engine: Of `bench.execution.local`, `bench.execution.ray_engine` or `tuner.trials.trial`.
        after_trial: Is given the project whenever a trial has ended.

    Raises:
        BenchError: after three failures in a row, or where hardly any setting fits the budget.
    """
    with display(scheduler, console) as show:
        while True:
            while engine.has_room:
                job = scheduler.next()
                if job is None:
                    break
                engine.start(job)
                show(job.number, "starting")
            if not engine.num_running:
                return scheduler.num_run
            for job, kind, content in engine.messages():
                if kind != "record":
                    show(job.number, str(content[0]))
                elif _is_lost(content[0], engine) and scheduler.run_again(job.number):
                    show(job.number, f"note: {job.id} runs again: {content[0]['error']}")
                else:
                    show(job.number, None, scheduler.finish(job.number, content[0]))
                    after_trial(scheduler.project)


def _is_lost(result: dict[str, Any], engine) -> bool:
    """Tells whether a trial was ended by something else than its settings or its time limit."""
    limit = getattr(engine, "timeout_seconds", None)
    is_late = limit is not None and result.get("error") == too_late(limit)
    return bool(result.get("is_lost")) and not is_late


class _Shown:
    """What is told of the running trials, and how long the rest will take."""

    def __init__(self, scheduler: Scheduler):
        self.scheduler = scheduler
        self.running: dict[int, str] = {}
        self.started = time.monotonic()

    def text(self) -> str:
        lines = [f"trial {number}: {text}" for number, text in sorted(self.running.items())]
        left = self._time_left()
        return "\n".join([*lines, *([] if left is None else [left])])

    def _time_left(self) -> str | None:
        """Tells the time left by the pace of the trials that ran now."""
        scheduler = self.scheduler
        seconds = time.monotonic() - self.started
        wanted, limit = scheduler.oracle.max_trials, scheduler.max_total_seconds
        parts = []
        if wanted is not None and scheduler.num_run:
            left = max(0, wanted - len(scheduler.project.trials))
            parts.append(seconds / scheduler.num_run * left)
        if limit is not None:
            parts.append(max(0.0, limit - seconds))
        return f"about {_duration(min(parts))} left" if parts else None


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@contextlib.contextmanager
def display(scheduler: Scheduler, console: Console) -> Iterator[Any]:
    """Gives the function that shows what goes on: a live table, or a line per trial.

    It takes the number of a trial, what it does, and, at its end, its record. A text that begins
    with `"note: "` is shown in any case.
    """
    project, shown = scheduler.project, _Shown(scheduler)
    if not console.is_terminal:

        def print_line(number: int | None, text: str | None, record=None) -> None:
            if record is not None:
                console.print(result_line(project, record), highlight=False)
            elif text is not None and text.startswith("note: "):
                console.print(escape(text), highlight=False)

        yield print_line
        return
    with Live(console=console, refresh_per_second=4) as live:

        def update(number: int | None, text: str | None, record=None) -> None:
            if text is not None and text.startswith("note: "):
                live.console.print(escape(text), highlight=False)
            elif record is not None:
                shown.running.pop(number, None)
            elif number is not None:
                shown.running[number] = text
            rows = max(5, console.height - 12)
            limit = rows if len(project.trials) > rows else None
            live.update(table.rich_table(project, shown.text(), limit))

        update(None, None)
        yield update
        shown.running.clear()
        live.update(table.rich_table(project))


def result_line(project: Project, record: dict[str, Any]) -> str:
    """Returns what is said of a trial at its end, in the markup of rich."""
    if record["status"] != "ok":
        return (
            f"trial {record['number']}: {record['status'].replace('_', ' ')}: "
            f"{escape(table.reason(record))}"
        )
    costs = "".join(f", {name} {value:,.6g}" for name, value in (record.get("costs") or {}).items())
    return f"trial {record['number']}: {escape(table.score_text(record))}{costs}"
