"""Runs one case in a process of its own and gives its record.

The process is forked from a server that has imported everything, so that a case starts at once
and still shares no state with the others.
"""

import math
import os
import signal
import time
import traceback
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from bench import baselines, cases, datasets, environment, flops, memory, metrics, timing
from bench.cases import Case
from bench.errors import BenchError

NUM_SAMPLES = 8
TEST_BATCH_SIZE = 256
INFER_BATCH_SIZE = 128


def choose(connection, models: list[str] | None, suite: str, preset: str) -> None:
    """Sends the models of a run, or the error: the parent need not import the zoo itself."""
    catalogue = {name: zoo.get(name).presets for name in zoo.names()}
    try:
        connection.send(cases.select(models, suite, preset, catalogue))
    except BenchError as error:
        connection.send(error)
    connection.close()


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
    except Exception as error:  # a failed case is a row, whatever went wrong
        record["error"] = one_line(error)
        connection.send(("trace", traceback.format_exc()))
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


def quality(case: Case, dataset, reconstruct, output: Path) -> dict[str, Any]:
    """Measures reconstruction on the test split and keeps the first images for pictures."""
    test = dataset.test
    reconstructions = np.asarray(reconstruct(test.images), dtype="float32")
    if not np.isfinite(reconstructions).all():
        raise FloatingPointError("the reconstructions hold NaN or infinity; the training diverged")
    summary = metrics.reconstruction_summary(test.target, reconstructions)
    samples = Path("samples") / f"{case.id}.npz"
    (output / "samples").mkdir(exist_ok=True)
    temporary = output / f".{case.id}.{os.getpid()}.npz"
    np.savez_compressed(
        temporary,
        inputs=test.images[:NUM_SAMPLES],
        targets=test.target[:NUM_SAMPLES],
        reconstructions=np.clip(reconstructions[:NUM_SAMPLES], 0, 1),
    )
    os.replace(temporary, output / samples)
    return {f"test_{name}": value for name, value in summary.items()} | {
        "samples_file": str(samples)
    }


def run_baseline(case: Case, dataset, output: Path, connection) -> dict[str, Any]:
    """Fits a closed-form baseline on the training split and measures it."""
    connection.send(("stage", "fitting"))
    baseline = baselines.create(case.model, case.code_size)
    baseline.fit(dataset.train.images, dataset.train.targets)
    connection.send(("stage", "testing"))
    return {
        **quality(case, dataset, baseline.reconstruct, output),
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
    plan = case.plan
    connection.send(("stage", "building"))
    keras.utils.set_random_seed(case.seed)
    started = time.perf_counter()
    model = zoo.create(
        case.model,
        image_shape=dataset.image_shape,
        preset=case.preset,
        dtype=plan.precision,
        seed=case.seed,
    )
    model.compile(keras.optimizers.Adam(plan.learning_rate))
    build_seconds = time.perf_counter() - started

    def pairs(split):
        return (split.images,) if split.targets is None else (split.images, split.targets)

    connection.send(("stage", "training"))
    reporter = _Reporter(connection)
    started = time.perf_counter()
    with memory.PeakMemory() as peak:
        history = model.fit(
            *pairs(dataset.train),
            batch_size=plan.batch_size,
            epochs=plan.epochs,
            validation_data=pairs(dataset.validation),
            validation_batch_size=max(plan.batch_size, TEST_BATCH_SIZE),
            callbacks=[reporter],
            verbose=0,
        )
    train_seconds = time.perf_counter() - started
    curves = {name: [float(f"{v:.6g}") for v in values] for name, values in history.history.items()}

    connection.send(("stage", "testing"))
    found = quality(
        case, dataset, lambda x: model.reconstruct(x, batch_size=TEST_BATCH_SIZE), output
    )
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
        found |= time_model(model, dataset, plan.batch_size)
    return found


def plain_config(model) -> dict[str, Any]:
    """Returns the constructor's arguments, less what is not the model's own."""
    config = model.get_config()
    return {key: config[key] for key in model.argument_names() if key != "image_shape"}


def num_values(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def time_model(model, dataset, batch_size: int) -> dict[str, Any]:
    """Times training steps, inference and single images, in that order."""
    train_split, test_images = dataset.train, dataset.test.images
    with timing.Disturbance() as disturbance:
        train = timing.time_training(
            model, train_split.images, train_split.targets, batch_size=batch_size
        )
        infer = timing.time_inference(model, test_images, batch_size=INFER_BATCH_SIZE)
        single = timing.time_latency(model, test_images)
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
