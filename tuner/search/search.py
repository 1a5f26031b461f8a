"""Searches the settings of a model on this machine or on a Ray cluster, resumable."""

import contextlib
import dataclasses
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.data import cache
from bench.execution import local
from bench.execution.processes import forkserver
from bench.records.store import check_writable, folder_lock
from tuner.search import runner
from tuner.search.request import Request as Request
from tuner.search.request import ResolvedRequest, resolve
from tuner.search.scheduler import Scheduler
from tuner.space.space import Space
from tuner.trials import trial
from tuner.trials.store import Project


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a search left behind.

    Attributes:
        project: Its folder and all its trials.
        num_run: Trials that ran now; the others were finished before.
        space: What was searched.
    """

    project: Project
    num_run: int
    space: Space

    @property
    def best(self) -> dict[str, Any] | None:
        return self.project.best


def search(request: Request, console: Console | None = None) -> Outcome:
    """Searches, and keeps every finished trial as it comes.

    After an interruption the same call goes on where it stopped; with more `max_trials` it goes
    on beyond its end. Scores are of the validation split; the test split is left for
    `tuner.search.confirm`, which measures the winner beside the defaults.

    Raises:
        BenchError: for wrong arguments, missing data, or a folder that holds another search: all
            before the first training; and after three failures in a row.
        KeyboardInterrupt: on Ctrl-C, after the running trials have been ended.
    """
    console = console or Console()
    request.check()
    check_writable(request.folder)
    with folder_lock(request.folder), cache.opened(request.folder) as store:
        resolved = resolve(request, store)
        scheduler = start(resolved, console)
        with contextlib.closing(_engine(request, scheduler.project)) as engine:
            if engine.note:
                console.print(f"[yellow]note:[/] {escape(engine.note)}")
            num_run = runner.run(scheduler, engine, console)
        scheduler.close()
    return Outcome(scheduler.project, num_run, resolved.schedule.space)


def start(resolved: ResolvedRequest, console: Console) -> Scheduler:
    """Opens the folder of a search and brings its algorithm to where it was.

    Raises:
        BenchError: if the folder holds another search.
    """
    request = resolved.request
    project = Project.start(request.folder, resolved.identity, request.fresh)
    for text in resolved.data_notes:
        console.print(escape(text))
    for text in (*resolved.notes, *project.warnings):
        console.print(f"[yellow]note:[/] {escape(text)}")
    recorded = {event["number"]: event for event in project.events}
    oracle = resolved.oracle(recorded)
    return Scheduler(resolved.schedule, project, oracle, request.max_total_seconds)


def _engine(request: Request, project: Project):
    if not request.isolated:
        return trial.InProcessEngine(project.folder)
    options = {"num_workers": request.workers, "timeout_seconds": request.timeout_seconds}
    if request.engine == "ray":
        from bench.execution import ray_engine

        return ray_engine.RayEngine(
            trial.run_job, project.folder, "", address=request.ray_address, **options
        )
    return local.LocalEngine(
        forkserver(trial.PRELOAD), trial.run_job, project.folder, "", **options
    )
