"""One trial: its model is trained on the training split and measured on the validation split.

A trial runs in a process of its own, forked from one that has imported everything; it then shares
no memory, no seed and no dtype policy with the others, and one that is killed is one row.
"""

import contextlib
import dataclasses
import functools
import math
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner

import zoo
from bench import datasets, tasks
from tuner import objectives
from tuner.hypermodel import (
    OverBudgetError,
    RefusedError,
    ZooHyperModel,
    forward_macs,
    num_parameters,
)
from tuner.space import Space
from zoo.saving import save

_POLL_SECONDS = 0.2
_END_SECONDS = 5.0
Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Data:
    """What to load; see `bench.datasets.load`.

    Attributes:
        num_labels: Rows that keep their label in semi-supervised models; None: all.
        checksum: What the search began with.
    """

    dataset: str
    noise: str | None = None
    resize: tuple[int, int] | None = None
    limit: int | None = None
    num_labels: int | None = None
    checksum: str | None = None


@dataclasses.dataclass(frozen=True)
class Job:
    """All that a trial needs, as plain data.

    Attributes:
        values: By parameter, as `keras_tuner` has them.
        initial_epoch: Epochs that `start_from` has behind it.
        seeds: One for each execution.
        models: Where the trained model of each execution goes.
        start_from: Models of an earlier trial that go on training; empty: from the start.
    """

    space: Space
    values: dict[str, Any]
    data: Data
    objective: str
    epochs: int
    precision: str
    seeds: tuple[int, ...]
    models: tuple[Path, ...]
    initial_epoch: int = 0
    start_from: tuple[Path, ...] = ()
    max_parameters: int | None = None
    max_macs: int | None = None


class DivergedError(FloatingPointError):
    """A loss or predictions that are not finite."""


class _Watch(keras.callbacks.Callback):
    """Reports each epoch, and ends a training whose loss is no number."""

    def __init__(self, report: Report, title: str):
        super().__init__()
        self.report, self.title = report, title

    def on_epoch_end(self, epoch, logs=None):
        epochs, loss = self.params["epochs"], logs["loss"]
        self.report(f"{self.title}epoch {epoch + 1}/{epochs}, loss {loss:.4g}")
        if not math.isfinite(logs["loss"]):
            raise DivergedError(f"the loss became {logs['loss']} in epoch {epoch + 1}")


def run(job: Job, report: Report = lambda text: None) -> dict[str, Any]:
    """Trains and measures; whatever happens, there is a result.

    Returns:
        `status`: `"ok"`, `"over_budget"`, `"refused"` (the model does not take these values
        together), `"diverged"` or `"failed"`, with `error`; `scores`, one for each execution;
        `num_parameters`, `forward_macs`; `train_seconds` and `train_loss` of each execution.
    """
    found: dict[str, Any] = {"status": "failed", "error": None, "scores": []}
    try:
        _run(job, report, found)
        found["status"] = "ok"
    except OverBudgetError as error:
        found |= {"status": "over_budget", "error": str(error)}
    except RefusedError as error:
        found |= {"status": "refused", "error": str(error)}
    except FloatingPointError as error:
        found |= {"status": "diverged", "error": str(error)}
    except Exception as error:  # a failed trial is a row, whatever went wrong
        text = " ".join(str(error).split())
        found |= {"error": f"{type(error).__name__}: {text}"[:500], "trace": traceback.format_exc()}
    return found


def _run(job: Job, report: Report, found: dict[str, Any]) -> None:
    report("loading")
    dataset = _load(job.data)
    objective = objectives.OBJECTIVES[job.objective]
    task = zoo.get(job.space.model).model_class.task
    found |= {"train_seconds": [], "train_loss": []}
    for execution, seed in enumerate(job.seeds):
        hp = keras_tuner.HyperParameters()
        hp.values = dict(job.values)
        hypermodel = ZooHyperModel(
            job.space,
            dataset.image_shape,
            arguments=tasks.arguments(task, dataset),
            precision=job.precision,
            seed=seed,
            max_parameters=job.max_parameters,
            max_macs=job.max_macs,
        )
        report("building")
        keras.backend.clear_session()
        if job.start_from:
            keras.utils.set_random_seed(seed + job.initial_epoch)
            model = zoo.load(job.start_from[execution])
        else:
            model = hypermodel.build(hp)
        if execution == 0:
            found["num_parameters"] = num_parameters(model)
            found["forward_macs"] = forward_macs(model)
        title = f"seed {seed}, " if len(job.seeds) > 1 else ""
        started = time.perf_counter()
        history = hypermodel.fit(
            hp,
            model,
            *tasks.pairs(task, dataset.train, job.data.num_labels),
            epochs=job.epochs,
            initial_epoch=job.initial_epoch,
            callbacks=[_Watch(report, title)],
            verbose=0,
        )
        found["train_seconds"].append(time.perf_counter() - started)
        found["train_loss"].append(float(history.history["loss"][-1]))
        report("measuring")
        score = objective.measure(model, dataset.validation)
        if not math.isfinite(score):
            raise DivergedError(f"{objective.name} is {score}")
        found["scores"].append(score)
        trained_on = f"{job.data.dataset}, {dataset.num_train} images"
        model.card = dataclasses.replace(
            model.card, trained_on=trained_on, class_names=dataset.class_names
        )
        job.models[execution].parent.mkdir(parents=True, exist_ok=True)
        save(model, job.models[execution])


@functools.lru_cache(maxsize=1)
def _load(data: Data) -> datasets.Dataset:
    dataset = datasets.load(data.dataset, limit=data.limit, noise=data.noise, resize=data.resize)
    if data.checksum is not None and dataset.checksum != data.checksum:
        raise ValueError(f"the data of {data.dataset!r} changed while the search was going on")
    return dataset


# --- processes ----------------------------------------------------------------------------------


@contextlib.contextmanager
def process_context() -> Iterator[Any]:
    """Gives the context whose processes are forked from one that has imported everything."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        yield multiprocessing.get_context("spawn")
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tuner.trials"])
    yield context


def run_in_process(
    job: Job, report: Report, context, timeout_seconds: float | None = None
) -> dict[str, Any]:
    """Runs a trial in a process of its own; its death or its lateness is a failure.

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the process has been ended.
    """
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(job, sender), daemon=True)
    started = time.monotonic()
    process.start()
    sender.close()
    result = None
    try:
        while result is None:
            if timeout_seconds is not None and time.monotonic() - started > timeout_seconds:
                result = _failure(f"took over {timeout_seconds:g} seconds")
                process.kill()
            elif receiver.poll(_POLL_SECONDS):
                kind, content = receiver.recv()
                if kind == "result":
                    result = content
                else:
                    report(content)
    except EOFError:
        process.join()
        killed = process.exitcode == -signal.SIGKILL if os.name == "posix" else False
        cause = "killed (out of memory, or by hand)" if killed else "without a result"
        result = _failure(f"the process ended with exit code {process.exitcode}, {cause}")
    finally:
        if process.is_alive():
            process.join(_END_SECONDS if result is not None else 0)
        if process.is_alive():
            process.kill()
            process.join()
        receiver.close()
    return result


def _send(job: Job, connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    result = run(job, lambda text: connection.send(("report", text)))
    connection.send(("result", result))
    connection.close()


def _failure(error: str) -> dict[str, Any]:
    return {"status": "failed", "error": error, "scores": []}
