"""Asks the search algorithm for trials, and keeps each start and each end in the project.

The same scheduler serves trials in this process, in several processes and on a Ray cluster. A
search that continues replays the starts and ends of its trials from the project's lines, in order,
so that the algorithm comes back to its state. Trials that started and did not end run again first.
"""

import collections
import contextlib
import dataclasses
import time
from typing import Any

import keras_tuner

from bench.errors import BenchError
from tuner.algorithms import constraints
from tuner.search import keras_tuner_contract as contract
from tuner.space.hypermodel import declare
from tuner.space.space import Space
from tuner.trials import robust, watching
from tuner.trials.data import Data
from tuner.trials.store import RUNNING, Project
from tuner.trials.trial import Job

REFUSED = ("over_budget", "refused")  # status of a trial that was never trained
_FAILURES_IN_A_ROW = 3


@dataclasses.dataclass(frozen=True)
class Schedule:
    """What all trials of a search share, beside the identity of its project.

    Attributes:
        image_shape: Of the data.
        arguments: Constructor arguments that follow from the data.
    """

    space: Space
    data: Data
    image_shape: tuple[int, ...]
    arguments: dict[str, Any]


class Scheduler:
    """Gives out trials and takes their results; not for several threads at once.

    Args:
        oracle: A new one, as `keras_tuner_contract.checked` gives it.
        max_total_seconds: No trial starts later than that; None: no limit.

    Attributes:
        running: Trials that were given out, by number.
        num_run: Trials that ended now; the others were finished before.

    Raises:
        BenchError: if the project's trials are of another search.
    """

    def __init__(
        self,
        schedule: Schedule,
        project: Project,
        oracle: keras_tuner.Oracle,
        max_total_seconds: float | None = None,
    ):
        self.schedule, self.project, self.oracle = schedule, project, oracle
        self.running: dict[int, Job] = {}
        self.num_run = self.num_refused = self.num_failures_in_a_row = 0
        self.started = time.monotonic()
        self.max_total_seconds = max_total_seconds
        self._to_run_again: collections.deque[int] = collections.deque()
        self._lost: set[int] = set()
        self._trials: dict[int, Any] = {}  # of keras_tuner, those without an end
        # Later trials of Hyperband go on from the models of earlier ones.
        self._needs_models = project.identity["tuner"] == "hyperband"
        self._repeat(list(project.events))

    # --- giving out -----------------------------------------------------------------------------

    def next(self) -> Job | None:
        """Returns a trial to run, or None if there is none until another has ended."""
        if self._is_late():
            return None
        if self._to_run_again:
            number = self._to_run_again.popleft()
        else:
            trial = self._create()
            if trial is None:
                return None
            number = contract.number_of(trial)
            self.project.start_trial(number, contract.values_of(trial))
        self.running[number] = self._job(number)
        return self.running[number]

    def run_again(self, number: int) -> bool:
        """Lets a trial whose process or machine was lost run again, before others.

        Returns:
            False if it was lost before: its settings may be what ends the process.
        """
        if number in self._lost:
            return False
        self._lost.add(number)
        del self.running[number]
        self._to_run_again.append(number)
        return True

    def _is_late(self) -> bool:
        limit = self.max_total_seconds
        return limit is not None and time.monotonic() - self.started > limit

    def _create(self):
        """Returns the oracle's next trial; None if it has none or waits for running ones."""
        trial = contract.create_trial(self.oracle)
        if trial is not None:
            self._trials[contract.number_of(trial)] = trial
        return trial

    def _job(self, number: int) -> Job:
        project, identity = self.project, self.project.identity
        values = contract.values_of(self._trials[number])
        start = contract.start_of(values)
        initial_epoch, epochs = contract.epochs_of(values, identity["epochs"])
        num_seeds = identity["executions"]
        if identity.get("robust"):
            ended = project.trials.values()
            num_seeds = robust.seeds_of(number, ended, identity["direction"])
        return Job(
            number=number,
            space=self.schedule.space,
            values=values,
            data=self.schedule.data,
            image_shape=self.schedule.image_shape,
            arguments=self.schedule.arguments,
            objective=identity["objective"],
            costs=tuple(identity.get("costs") or ()),
            epochs=epochs,
            patience=identity.get("patience"),
            medians=(
                watching.medians(project.trials.values(), identity["direction"])
                if identity.get("prune")
                else None
            ),
            precision=identity["precision"],
            seeds=tuple(range(identity["seed"], identity["seed"] + num_seeds)),
            models=project.model_names(number)[:num_seeds],
            initial_epoch=initial_epoch,
            start_from=() if start is None else project.model_names(start),
            max_parameters=identity["max_parameters"],
            max_macs=identity["max_macs"],
            max_seconds=identity.get("max_trial_seconds"),
        )

    # --- taking back ----------------------------------------------------------------------------

    def finish(self, number: int, result: dict[str, Any]) -> dict[str, Any]:
        """Keeps the result of a trial and returns its record.

        Raises:
            BenchError: after three failures in a row, or where hardly any setting fits the budget.
        """
        job = self.running.pop(number)
        result = {name: value for name, value in result.items() if name != "is_lost"}
        self._keep_trace(number, result.pop("trace", None))
        record = self._describe(job) | result
        if result["status"] == "ok":
            record["score"] = sum(result["scores"]) / len(result["scores"])
        self.num_run += 1
        self.project.append(record)
        self._end(record)
        if not self._needs_models:
            self.project.drop_models([*self.running, *self._to_run_again])
        self._count_failures(record)
        return record

    def _describe(self, job: Job) -> dict[str, Any]:
        """Returns what is known of a trial before it runs."""
        space = self.schedule.space
        values = declare(space, job.hyperparameters)
        return {
            "number": job.number,
            "hyperparameters": job.values,
            "values": values,
            "arguments": space.arguments(values),
            "training": space.training(values),
            "epochs": job.epochs,
            "seeds": list(job.seeds),
            "score": None,
        }

    def _end(self, record: dict[str, Any]) -> None:
        """Tells the oracle how a trial ended."""
        trial = self._trials.pop(record["number"])
        if hasattr(self.oracle, "constraints"):
            self.oracle.constraints.note(record["number"], record)
        if record["status"] == "ok":
            metrics = {self.oracle.objective.name: record["score"], **(record.get("costs") or {})}
            contract.complete(self.oracle, trial, metrics)
        else:
            contract.fail(self.oracle, trial, record["error"])
        if record["status"] in REFUSED:
            self._make_up_for_refused(record)

    def _make_up_for_refused(self, record: dict[str, Any]) -> None:
        """Lets another trial take the place of one that was never trained."""
        self.num_refused += 1
        wanted = self.project.identity["max_trials"]
        if self.num_refused > 5 * (wanted or 100) + 20:
            within = constraints.of(self.project.identity)
            parts = (
                f"{self.num_refused} settings were refused, the last: {record['error']}",
                constraints.nearest(self.project.trials.values(), within),
                "Narrow the space with --set, or raise the limit.",
            )
            raise BenchError(" ".join(part for part in parts if part))
        contract.allow_one_more(self.oracle)

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

    def close(self) -> None:
        """Deletes the models that nothing needs any longer."""
        self.project.drop_models([*self.running, *self._to_run_again])

    # --- going on -------------------------------------------------------------------------------

    def _repeat(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            number = event["number"]
            if number not in self._trials and not self._start_again(event):
                return
            if event["status"] != RUNNING:
                self._end(event)
        self._to_run_again.extend(sorted(self._trials))

    def _start_again(self, event: dict[str, Any]) -> bool:
        """Repeats a start; False if fewer trials are asked for than there are."""
        if contract.is_full(self.oracle):
            return False
        trial = self._create()
        values = None if trial is None else contract.values_of(trial)
        same_number = trial is not None and contract.number_of(trial) == event["number"]
        if not same_number or values != event["hyperparameters"]:
            raise BenchError(
                f"trial {event['number']} in {self.project.folder} is of another search: "
                f"{event['hyperparameters']}, not {values}. Choose another --output, or --fresh."
            )
        return True
