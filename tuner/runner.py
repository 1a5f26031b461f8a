"""Runs the trials of a search, shows them as they come, and keeps each in its project."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import keras_tuner
from keras_tuner.engine import base_tuner
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from bench.errors import BenchError
from tuner import table, trials
from tuner.hypermodel import declare
from tuner.project import STATE, Project
from tuner.space import Space
from tuner.trials import Data, Job

_FAILURES_IN_A_ROW = 3


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all trials of a search share, beside the identity of its project.

    Attributes:
        isolated: Whether each trial has a process of its own.
        timeout_seconds: Limit of one trial, of isolated ones; None: none.
    """

    space: Space
    data: Data
    isolated: bool = True
    timeout_seconds: float | None = None


def run(plan: Plan, project: Project, oracle: keras_tuner.Oracle, console: Console) -> int:
    """Runs trials until the oracle has enough, and returns how many were run now.

    Raises:
        BenchError: after three failures in a row, or where hardly any setting fits the budget.
        KeyboardInterrupt: on Ctrl-C, after the running trial has been ended.
    """
    with _display(project, console) as show, trials.process_context() as context:
        runner = _Runner(oracle, plan, project, show, context)
        runner.search()
    return runner.num_run


class _Runner(base_tuner.BaseTuner):
    """Runs the trials that the oracle asks for, or repeats them from their records."""

    def __init__(self, oracle, plan: Plan, project: Project, show, context):
        self.plan, self.project = plan, project
        self.show, self.context = show, context
        self.finished = dict(project.trials)
        self.num_run = self.num_refused = self.num_failures_in_a_row = 0
        # Later trials of Hyperband go on from the models of earlier ones.
        self.needs_models = project.identity["tuner"] == "hyperband"
        super().__init__(oracle, directory=str(project.folder), project_name=STATE, overwrite=True)
        oracle.verbose = 0

    def search(self):
        """Runs trials until the oracle has enough."""
        while True:
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status != "RUNNING":
                return
            record = self._record(int(trial.trial_id), dict(trial.hyperparameters.values))
            if record["status"] == "ok":
                score = {self.oracle.objective.name: record["score"]}
                self.oracle.update_trial(trial.trial_id, score)
                trial.status = "COMPLETED"
            else:
                trial.status, trial.message = "FAILED", record["error"]
            self.oracle.end_trial(trial)

    def _record(self, number: int, values: dict[str, Any]) -> dict[str, Any]:
        record = self.finished.get(number)
        if record is None:
            record = self._run(number, values)
        elif record["hyperparameters"] != values:
            raise BenchError(
                f"trial {number} in {self.project.folder} is of another search: "
                f"{record['hyperparameters']}, not {values}. Choose another --output, or --fresh."
            )
        if record["status"] in ("over_budget", "refused"):
            self._make_up_for_refused(record)
        return record

    def _make_up_for_refused(self, record: dict[str, Any]) -> None:
        """Lets another trial take the place of one that was never trained."""
        self.num_refused += 1
        wanted = self.project.identity["max_trials"]
        if self.num_refused > 5 * (wanted or 100) + 20:
            raise BenchError(
                f"{self.num_refused} settings were refused, the last: {record['error']} "
                "Narrow the space with --set, or raise the limit."
            )
        if self.oracle.max_trials is not None:
            self.oracle.max_trials += 1

    def _run(self, number: int, values: dict[str, Any]) -> dict[str, Any]:
        job, project = self._job(number, values), self.project

        def report(text: str) -> None:
            self.show(f"trial {number}: {text}")

        if self.plan.isolated:
            result = trials.run_in_process(job, report, self.context, self.plan.timeout_seconds)
        else:
            result = trials.run(job, report)
        self._keep_trace(number, result.pop("trace", None))
        record = self._describe(number, job) | result
        if result["status"] == "ok":
            record["score"] = sum(result["scores"]) / len(result["scores"])
        self.num_run += 1
        project.append(record)
        if not self.needs_models:
            project.drop_models()
        self.show(None, finished=record)
        self._count_failures(record)
        return record

    def _job(self, number: int, values: dict[str, Any]) -> Job:
        project, identity = self.project, self.project.identity
        start = values.get("tuner/trial_id")
        return Job(
            space=self.plan.space,
            values=values,
            data=self.plan.data,
            objective=identity["objective"],
            epochs=values.get("tuner/epochs", identity["epochs"]),
            precision=identity["precision"],
            seeds=tuple(range(identity["seed"], identity["seed"] + identity["executions"])),
            models=project.model_paths(number),
            initial_epoch=values.get("tuner/initial_epoch", 0),
            start_from=() if start is None else project.model_paths(int(start)),
            max_parameters=identity["max_parameters"],
            max_macs=identity["max_macs"],
        )

    def _describe(self, number: int, job: Job) -> dict[str, Any]:
        """Returns what is known of a trial before it runs."""
        space, hp = self.plan.space, keras_tuner.HyperParameters()
        hp.values = dict(job.values)
        values = declare(space, hp)
        return {
            "number": number,
            "hyperparameters": job.values,
            "values": values,
            "arguments": space.arguments(values),
            "training": space.training(values),
            "epochs": job.epochs,
            "seeds": list(job.seeds),
            "score": None,
        }

    def _count_failures(self, record: dict[str, Any]) -> None:
        self.num_failures_in_a_row += 1
        if record["status"] != "failed":
            self.num_failures_in_a_row = 0
        elif self.num_failures_in_a_row == _FAILURES_IN_A_ROW:
            raise BenchError(
                f"{_FAILURES_IN_A_ROW} trials in a row failed, the last: {record['error']} "
                f"See {self.project.folder / 'traces'}."
            )

    def _keep_trace(self, number: int, trace: str | None) -> None:
        if trace is not None:
            with contextlib.suppress(OSError):
                (self.project.folder / "traces").mkdir(exist_ok=True)
                (self.project.folder / "traces" / f"trial_{number:04d}.txt").write_text(trace)


@contextlib.contextmanager
def _display(project: Project, console: Console) -> Iterator[Any]:
    """Gives the function that shows what goes on: a live table, or a line per trial."""
    if not console.is_terminal:

        def print_line(running: str | None, finished: dict[str, Any] | None = None) -> None:
            if finished is not None:
                score = table.score_text(finished) if finished["status"] == "ok" else ""
                text = score or f"{finished['status'].replace('_', ' ')}: {finished['error']}"
                console.print(f"trial {finished['number']}: {escape(text)}", highlight=False)

        yield print_line
        return
    with Live(console=console, refresh_per_second=4) as live:

        def update(running: str | None, finished: dict[str, Any] | None = None) -> None:
            rows = max(5, console.height - 12)
            limit = rows if len(project.trials) > rows else None
            live.update(table.rich_table(project, running, limit))

        update("starting")
        yield update
        update(None)
