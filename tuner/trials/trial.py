"""One trial: its model is trained on the training split and measured on the validation split.

A trial runs in a process of its own, forked from one that has imported everything. So trials share
no memory, no seed and no dtype policy, and a trial that is killed is one row of the search.
"""

import dataclasses
import functools
import logging
import math
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner

import zoo
from bench.data import cache, tasks
from bench.data.dataset import Dataset
from bench.runs import models
from tuner.space.hypermodel import (
    OverBudgetError,
    RefusedError,
    ZooHyperModel,
    forward_macs,
    num_parameters,
)
from tuner.space.space import Space
from tuner.trials import costs, objectives
from tuner.trials.data import Data
from tuner.trials.watching import DivergedError, Measured, Watch
from zoo import checks
from zoo.persistence.saving import save

PRELOAD = (*models.modules(), "tuner.trials.trial")
_PROBE_STEPS = 8
Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Job:
    """All that a trial needs, as plain data; see `bench.execution.engine.Job`.

    Attributes:
        values: By parameter, as `keras_tuner` has them.
        image_shape: Of the data.
        arguments: Constructor arguments that follow from the data.
        initial_epoch: Epochs that `start_from` has behind it.
        seeds: One for each execution.
        models: Where the trained model of each execution goes, in the output folder.
        start_from: Models of an earlier trial that go on training; empty: from the start.
        costs: Names of `tuner.trials.costs` that are measured beside the objective.
        patience: Epochs without a better objective after which training ends; None: never.
        medians: See `watching.Measured`; None: no training ends by them.
        max_seconds: Limit of the time that all executions of the training would take.
    """

    number: int
    space: Space
    values: dict[str, Any]
    data: Data
    image_shape: tuple[int, ...]
    arguments: dict[str, Any]
    objective: str
    epochs: int
    precision: str
    seeds: tuple[int, ...]
    models: tuple[str, ...]
    costs: tuple[str, ...] = ()
    initial_epoch: int = 0
    start_from: tuple[str, ...] = ()
    patience: int | None = None
    medians: tuple[float, ...] | None = None
    max_parameters: int | None = None
    max_macs: int | None = None
    max_seconds: float | None = None

    @property
    def id(self) -> str:
        return f"trial {self.number}"

    @property
    def needs(self) -> tuple[str, ...]:
        return self.start_from

    @property
    def hyperparameters(self) -> keras_tuner.HyperParameters:
        """The values as `keras_tuner` takes them, anew each time."""
        hp = keras_tuner.HyperParameters()
        hp.values = dict(self.values)
        return hp

    def failure(self, run_id: str, error: str) -> dict[str, Any]:
        """Returns the result of a trial whose process could not send its own: it is lost."""
        return {"status": "failed", "error": error, "scores": [], "is_lost": True}

    def work(self, output: Path, report: Report, result: dict[str, Any]) -> None:
        """Does what the job is for, and adds to its result what comes of it."""
        _run(self, output, report, result)


def run_job(job: Job, output: Path, run_id: str, connection) -> None:
    """Runs a trial in this process and sends what there is to tell, the record last."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # not a word on each tracing
    connection.send(("record", run(job, output, lambda text: connection.send(("stage", text)))))
    connection.close()


def run(job: Job, output: Path, report: Report = lambda text: None) -> dict[str, Any]:
    """Trains and measures; whatever happens, there is a result.

    Returns:
        `status`: `"ok"`, `"over_budget"`, `"refused"` (the model does not take these values
        together), `"diverged"` or `"failed"`, with `error`; `scores`, one for each execution;
        `num_parameters`, `forward_macs`, `process`; `train_seconds`, `train_loss` and
        `num_epochs` (of the weights that are kept) of each execution, and `curves`, the objective
        after each epoch, where `medians` are given; `costs` by name, where the job names any.
    """
    result: dict[str, Any] = {
        "status": "failed",
        "error": None,
        "scores": [],
        "process": os.getpid(),
    }
    try:
        job.work(output, report, result)
        result["status"] = "ok"
    except OverBudgetError as error:
        result |= {"status": "over_budget", "error": str(error), **error.sizes}
    except RefusedError as error:
        result |= {"status": "refused", "error": str(error)}
    except FloatingPointError as error:
        result |= {"status": "diverged", "error": str(error)}
    except Exception as error:  # a failed trial is a row, whatever went wrong
        result |= {"error": checks.one_line(error), "trace": traceback.format_exc()}
    return result


def _run(job: Job, output: Path, report: Report, result: dict[str, Any]) -> None:
    if job.max_parameters is not None or job.max_macs is not None:
        report("building")
        hypermodel_of(job, job.seeds[0]).build(job.hyperparameters)  # refused before data are read
    report("loading")
    dataset = load(job.data, output)
    result |= {"train_seconds": [], "train_loss": [], "num_epochs": []}
    for execution, seed in enumerate(job.seeds):
        hypermodel = hypermodel_of(job, seed)
        training = Training(job, hypermodel, dataset, report)
        report("building")
        if execution == 0 and job.max_seconds is not None:
            result["expected_seconds"] = seconds = training.expected_seconds()
            if seconds > job.max_seconds:
                text = f"{costs.seconds_text(seconds)} > limit {job.max_seconds:g}."
                raise OverBudgetError(f"Over budget: {text}")
        model = training.model(output / job.start_from[execution] if job.start_from else None)
        if execution == 0:
            result["num_parameters"] = num_parameters(model)
            result["forward_macs"] = forward_macs(model)
        for name, value in training.run(model).items():
            result.setdefault(name, []).append(value)
        if execution == 0 and job.costs:
            result["costs"] = _costs(job, result, model, dataset)
        trained_on = f"{job.data.dataset}, {dataset.num_train} images"
        model.card = dataclasses.replace(
            model.card,
            trained_on=trained_on,
            class_names=dataset.class_names,
            data=dataset.description,
        )
        path = output / job.models[execution]
        path.parent.mkdir(parents=True, exist_ok=True)
        save(model, path)


def hypermodel_of(job: Job, seed: int) -> ZooHyperModel:
    return ZooHyperModel(
        job.space,
        job.image_shape,
        arguments=job.arguments,
        precision=job.precision,
        seed=seed,
        max_parameters=job.max_parameters,
        max_macs=job.max_macs,
    )


class Training:
    """One execution of a trial."""

    def __init__(self, job: Job, hypermodel: ZooHyperModel, dataset, report: Report):
        self.job, self.hypermodel, self.dataset, self.report = job, hypermodel, dataset, report
        self.hp = job.hyperparameters
        self.task = zoo.get(job.space.model).model_class.task
        self.pairs = tasks.pairs(self.task, dataset.train, job.data.num_labels)

    def model(self, start_from: Path | None = None):
        """Returns the model before its training."""
        keras.backend.clear_session()
        if start_from is None:
            return self.hypermodel.build(self.hp)
        keras.utils.set_random_seed(self.hypermodel.seed + self.job.initial_epoch)
        return zoo.load(start_from)

    def run(self, model) -> dict[str, Any]:
        """Trains and measures; returns score, seconds, loss and number of epochs."""
        job, validation = self.job, self.dataset.validation
        objective = objectives.OBJECTIVES[job.objective]
        seed = self.hypermodel.seed
        watch = Watch(self.report, f"seed {seed}, " if len(job.seeds) > 1 else "")
        stop = None
        if job.patience is not None or job.medians is not None:
            stop = Measured(objective, validation, job.patience, job.medians or ())
        started = time.perf_counter()
        history = self.hypermodel.fit(
            self.hp,
            model,
            *self.pairs,
            epochs=job.epochs,
            initial_epoch=job.initial_epoch,
            callbacks=[watch, *([] if stop is None else [stop])],
            verbose=0,
        )
        seconds = time.perf_counter() - started
        self.report("measuring")
        score = objective.measure(model, validation) if stop is None else stop.score
        if not math.isfinite(score):
            raise DivergedError(f"{objective.name} is {score}")
        losses = history.history["loss"]
        epochs = job.initial_epoch + len(losses)
        found = {
            "scores": score,
            "train_seconds": seconds,
            "train_loss": float(losses[-1]),
            "num_epochs": epochs if job.patience is None else stop.best_epoch + 1,
        }
        return found if job.medians is None else found | {"curves": stop.curve}

    def expected_seconds(self) -> float:
        """Returns how long all executions would take, by a few steps of a model of its own."""
        job = self.job
        batch_size = job.space.training(job.values)["batch_size"]
        steps = math.ceil(self.dataset.num_train / batch_size)
        num_steps = min(_PROBE_STEPS, steps)
        some = [
            keras.tree.map_structure(lambda values: values[: num_steps * batch_size], part)
            for part in self.pairs
        ]
        model, seconds = self.model(), []
        for _ in range(2):  # the first with tracing
            started = time.perf_counter()
            self.hypermodel.fit(self.hp, model, *some, epochs=1, verbose=0)
            seconds.append(time.perf_counter() - started)
        epochs = (job.epochs - job.initial_epoch) * len(job.seeds)
        return seconds[0] + seconds[1] * steps / num_steps * epochs


def _costs(job: Job, result: dict[str, Any], model, dataset) -> dict[str, float]:
    from bench.profiling import timing

    if "latency" in job.costs:
        inputs = tasks.inputs(model.task, dataset.validation)
        result["latency_ms"] = 1e3 * timing.time_latency(model, inputs).median_seconds
    return costs.from_record(result, job.costs)


@functools.lru_cache(maxsize=1)
def load(data: Data, output: Path) -> Dataset:
    return data.load(cache.DatasetCache(output))
