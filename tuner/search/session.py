"""Runs a search whose data are read: resolves it, opens its folder, starts its engine."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.execution import local
from bench.execution.processes import forkserver
from tuner.algorithms.earlier import Earlier
from tuner.search import limits, runner, warm_start
from tuner.search.in_process import InProcessEngine
from tuner.search.loading import Loaded
from tuner.search.request import Request
from tuner.search.resolve import ResolvedRequest, resolve
from tuner.search.scheduler import Scheduler
from tuner.space.space import Space
from tuner.trials import trial
from tuner.trials.store import Project
from zoo.aligned import WHOLE_WORDS


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


def run(
    request: Request, loaded: Loaded, console: Console, after_trial: Callable[[Project], None]
) -> Outcome:
    """Searches until all trials have run; see `search.search`.

    Raises:
        BenchError: if the folder holds another search, for limits that no setting keeps within,
            and after three failures in a row.
    """
    resolved = resolve(request, loaded)
    project, earlier = prepare(resolved, console)
    with contextlib.closing(_engine(request)) as engine:
        limits.check(resolved, project, engine)
        scheduler = begin(resolved, project, earlier)
        if engine.note:
            console.print(f"[yellow]note:[/] {escape(engine.note)}")
        num_run = runner.run(scheduler, engine, console, after_trial)
    scheduler.close()
    return Outcome(scheduler.project, num_run, resolved.schedule.space)


def prepare(resolved: ResolvedRequest, console: Console) -> tuple[Project, list[Earlier]]:
    """Returns a search and the trials that it learns from, and writes nothing.

    Raises:
        BenchError: if the folder holds another search, or for earlier ones that do not fit.
    """
    request = resolved.request
    project = Project.prepared(request.folder, resolved.identity, request.fresh)
    for text in resolved.data_notes:
        console.print(escape(text), **WHOLE_WORDS)
    for text in (*resolved.notes, *project.warnings):
        console.print(f"[yellow]note:[/] {escape(text)}", **WHOLE_WORDS)
    earlier, notes = warm_start.taken(request.start_from, project, resolved.schedule.space)
    for text in notes:
        console.print(escape(text), **WHOLE_WORDS)
    return project, earlier


def begin(resolved: ResolvedRequest, project: Project, earlier: list[Earlier]) -> Scheduler:
    """Brings the algorithm of a search to where it was, and writes what the search is.

    Raises:
        BenchError: if the project's trials are of another search.
    """
    request = resolved.request
    recorded = {event["number"]: event for event in project.events}
    oracle = resolved.oracle(recorded, earlier)
    scheduler = Scheduler(resolved.schedule, project, oracle, request.max_total_seconds)
    project.begin()
    if request.start_from:
        warm_start.keep(earlier, project)
    return scheduler


def _engine(request: Request):
    if not request.isolated:
        return InProcessEngine(request.folder)
    options = {"num_workers": request.workers, "timeout_seconds": request.timeout_seconds}
    if request.engine == "ray":
        from bench.execution import ray_engine

        return ray_engine.RayEngine(
            trial.run_job, request.folder, "", address=request.ray_address, **options
        )
    return local.LocalEngine(
        forkserver(trial.PRELOAD), trial.run_job, request.folder, "", **options
    )
