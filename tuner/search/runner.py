"""Runs the trials of a search on an engine, and shows them as they come."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from tuner.search import table
from tuner.search.scheduler import Scheduler
from tuner.trials.store import Project


def run(director: Scheduler, engine, console: Console) -> int:
    """Runs trials until the director has enough, and returns how many were run now.

    Args:
        engine: Of `bench.execution.local`, `bench.execution.ray_engine` or `tuner.trials.trial`.

    Raises:
        BenchError: after three failures in a row, or where hardly any setting fits the budget.
    """
    with display(director, console) as show:
        while True:
            while engine.has_room:
                job = director.next()
                if job is None:
                    break
                engine.start(job)
                show(job.number, "starting")
            if not engine.num_running:
                return director.num_run
            for job, kind, content in engine.messages():
                if kind == "record":
                    show(job.number, None, director.finish(job.number, content[0]))
                else:
                    show(job.number, str(content[0]))


class _Shown:
    """What is told of the running trials, and how long the rest will take."""

    def __init__(self, director: Scheduler):
        self.director = director
        self.running: dict[int, str] = {}
        self.started = time.monotonic()

    def text(self) -> str:
        lines = [f"trial {number}: {text}" for number, text in sorted(self.running.items())]
        left = self._time_left()
        return "\n".join([*lines, *([] if left is None else [left])])

    def _time_left(self) -> str | None:
        """Tells the time left by the pace of the trials that ran now."""
        director = self.director
        seconds = time.monotonic() - self.started
        wanted, limit = director.oracle.max_trials, director.max_total_seconds
        parts = []
        if wanted is not None and director.num_run:
            left = max(0, wanted - len(director.project.trials))
            parts.append(seconds / director.num_run * left)
        if limit is not None:
            parts.append(max(0.0, limit - seconds))
        return f"about {_duration(min(parts))} left" if parts else None


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@contextlib.contextmanager
def display(director: Scheduler, console: Console) -> Iterator[Any]:
    """Gives the function that shows what goes on: a live table, or a line per trial.

    It takes the number of a trial, what it does, and, at its end, its record. A text that begins
    with `"note: "` is shown in any case.
    """
    project, shown = director.project, _Shown(director)
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
            f"{escape(record['error'])}"
        )
    costs = "".join(f", {name} {value:,.6g}" for name, value in (record.get("costs") or {}).items())
    return f"trial {record['number']}: {escape(table.score_text(record))}{costs}"
