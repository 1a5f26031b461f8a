"""Runs one case in a process of its own and gives its record.

The process is forked from a server that has imported everything, so that a case starts at once
and still shares no state with the others.
"""

import contextlib
import math
import signal
import time
import traceback
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from bench import (
    augmentation,
    baselines,
    datasets,
    environment,
    flops,
    memory,
    quality,
    segmentation,
    tasks,
    timing,
)
from bench.augmented_batches import AugmentedBatches
from bench.cases import Case, Known

INFER_BATCH_SIZE = 128


def send_catalogue(connection) -> None:
    """Sends what is known of each model: the parent need not import the zoo itself."""
    connection.send(catalogue())
    connection.close()


def catalogue() -> dict[str, Known]:
    """Returns what is known of each registered model."""
    found = {}
    for name in zoo.names():
        entry = zoo.get(name)
        arguments = set(entry.model_class.argument_names()) - {"image_shape", "seed"}
        presets, task = tuple(entry.presets), entry.model_class.task
        found[name] = Known(presets, tuple(sorted(arguments)), task)
    return found


def run(case: Case, output: str, run_id: str, connection) -> None:
    """Runs a case and sends messages: `("stage", text)`, `("epoch", n, logs)`, `("record", dict)`.

    A failure is a record too, with the error's last line.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    record = case.start_record(run_id)
    try:
        record |= environment.describe()
        connection.send(("stage", "loading"))
        dataset = load(case)
        record |= describe(dataset)
        measure = run_model if case.kind == "model" else run_baseline
        record |= measure(case, dataset, Path(output), connection)
        record["status"] = "ok"
    except BrokenPipeError:  # the parent is gone, and with it who would keep a record
        return
    except Exception as error:  # a failed case is a row, whatever went wrong
        record["error"] = one_line(error)
        with contextlib.suppress(BrokenPipeError):
            connection.send(("trace", traceback.format_exc()))
    with contextlib.suppress(BrokenPipeError):
        connection.send(("record", record))
    connection.close()


def one_line(error: BaseException) -> str:
    """Returns an exception as one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]


def load(case: Case):
    """Loads the data of a case and checks that they are those that the run began with."""
    plan = case.plan
    dataset = datasets.load(plan.dataset, limit=plan.limit, noise=plan.noise, resize=plan.resize)
    if dataset.checksum != case.dataset_checksum:
        raise ValueError(f"the data of {plan.dataset!r} changed while the run was going on")
    return dataset


def describe(dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "task": dataset.task,
        "image_shape": list(dataset.image_shape),
        "num_train": dataset.num_train,
        "num_validation": dataset.num_validation,
        "num_test": dataset.num_test,
    }


def run_baseline(case: Case, dataset, output: Path, connection) -> dict[str, Any]:
    """Fits a closed-form baseline on the training split and measures it."""
    connection.send(("stage", "fitting"))
    if case.model in segmentation.BASELINES:
        baseline = segmentation.BASELINES[case.model]()
        baseline.fit(quality.as_masks(dataset.train.targets, dataset.num_mask_classes))
        found = quality.of_masks(case, dataset, lambda split: baseline.predict(len(split)), output)
    else:
        baseline = baselines.create(case.model, case.code_size)
        baseline.fit(dataset.train.images, dataset.train.targets)
        connection.send(("stage", "testing"))
        found = quality.of_images(
            case, dataset, lambda split: baseline.reconstruct(split.images), output
        )
    return {
        **found,
        "params_total": baseline.num_parameters,
        "forward_macs": baseline.forward_macs,
    }


class _Reporter(keras.callbacks.Callback):
    """Sends the progress of each epoch and notes when the first step was done."""

    def __init__(self, connection):
        super().__init__()
        self.connection = connection
        self.first_step_seconds = None

    def on_train_begin(self, logs=None):
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if self.first_step_seconds is None:
            self.first_step_seconds = time.perf_counter() - self.started

    def on_epoch_end(self, epoch, logs=None):
        self.connection.send(("epoch", epoch + 1, {k: float(v) for k, v in logs.items()}))
        if not math.isfinite(logs["loss"]):
            raise FloatingPointError(f"the loss became {logs['loss']} in epoch {epoch + 1}")


def run_model(case: Case, dataset, output: Path, connection) -> dict[str, Any]:
    """Trains a model, measures its quality on the test split, then its cost."""
    plan, task = case.plan, zoo.get(case.model).model_class.task
    connection.send(("stage", "building"))
    keras.utils.set_random_seed(case.seed)
    started = time.perf_counter()
    model = zoo.create(
        case.model,
        image_shape=dataset.image_shape,
        preset=case.preset,
        dtype=plan.precision,
        seed=case.seed,
        **(tasks.arguments(task, dataset) | dict(case.arguments)),
    )
    model.compile(
        keras.optimizers.Adam(plan.learning_rate),
        jit_compile=plan.jit_compile,
        steps_per_execution=plan.steps_per_execution,
    )
    build_seconds = time.perf_counter() - started

    connection.send(("stage", "training"))
    reporter = _Reporter(connection)
    started = time.perf_counter()
    with memory.PeakMemory() as peak:
        history = model.fit(
            *training_data(case, dataset, task),
            epochs=plan.epochs,
            validation_data=tasks.pairs(task, dataset.validation),
            validation_batch_size=max(plan.batch_size, quality.TEST_BATCH_SIZE),
            callbacks=[reporter],
            verbose=0,
            **({} if plan.augment else {"batch_size": plan.batch_size}),
        )
    train_seconds = time.perf_counter() - started
    curves = {name: [float(f"{v:.6g}") for v in values] for name, values in history.history.items()}

    connection.send(("stage", "testing"))
    found = quality.of_model(case, model, dataset, output)
    macs = flops.count_macs(model)
    found |= {
        "config": plain_config(model),
        "code_size": int(np.prod(model.code_shape)) if hasattr(model, "code_shape") else None,
        "paper": zoo.get(case.model).paper,
        "samples_seen": plan.epochs * dataset.num_train,
        "jit_compile": bool(model.jit_compile),
        "steps_per_execution": model.steps_per_execution,
        "params_total": num_values(model.weights),
        "params_trainable": num_values(model.trainable_weights),
        "forward_macs": macs.total,
        "uncounted_layers": list(macs.uncounted_layers),
        "build_seconds": build_seconds,
        "first_step_seconds": reporter.first_step_seconds,
        "train_seconds": train_seconds,
        "peak_memory_mib": peak.mib,
        "train_loss": curves["loss"][-1],
        "val_loss": curves["val_loss"][-1],
        "history": curves,
    }
    if case.timing:
        connection.send(("stage", "timing"))
        found |= time_model(model, task, dataset, plan.batch_size)
    return found


def training_data(case: Case, dataset, task: str) -> tuple:
    """Returns the arguments of `fit`: arrays, or batches that are augmented afresh."""
    plan = case.plan
    found = tasks.pairs(task, dataset.train, plan.num_labels)
    if plan.augment is None:
        return found
    return (
        AugmentedBatches(
            *found,
            augmentation=augmentation.parse(plan.augment),
            batch_size=plan.batch_size,
            seed=case.seed,
        ),
    )


def plain_config(model) -> dict[str, Any]:
    """Returns the constructor's arguments, less what is not the model's own."""
    config = model.get_config()
    return {key: config[key] for key in model.argument_names() if key != "image_shape"}


def num_values(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def time_model(model, task: str, dataset, batch_size: int) -> dict[str, Any]:
    """Times training steps, inference and single images, in that order."""
    x, *y = tasks.pairs(task, dataset.train)
    test_inputs = tasks.inputs(task, dataset.test)
    with timing.Disturbance() as disturbance:
        train = timing.time_training(model, x, y[0] if y else None, batch_size=batch_size)
        infer = timing.time_inference(model, test_inputs, batch_size=INFER_BATCH_SIZE)
        single = timing.time_latency(model, test_inputs)
    return {
        **_speed("train", train),
        **_speed("infer", infer),
        "infer_batch_size": INFER_BATCH_SIZE,
        "latency_ms": 1e3 * single.median_seconds,
        "latency_ms_low": 1e3 * single.low_seconds,
        "latency_ms_high": 1e3 * single.high_seconds,
        "timing_stable": train.stable and infer.stable and single.stable,
        "noisy": disturbance.noisy,
    }


def _speed(name: str, measured: timing.Timing) -> dict[str, float]:
    return {
        f"{name}_images_per_second": measured.images_per_second,
        f"{name}_images_per_second_low": measured.images_per_second_low,
        f"{name}_images_per_second_high": measured.images_per_second_high,
    }
