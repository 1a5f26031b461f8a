"""Measures the speed of a trained model: the timing fields of a record."""

import dataclasses
import itertools
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import tasks
from bench.profiling import macs as mac_counter
from bench.profiling import peak_rate, roofline, timing
from bench.profiling.macs import MacCount
from bench.profiling.steps import TrainingStep
from bench.profiling.timing import Timing
from bench.records.config import RunConfig
from zoo import checks

_EPOCH_SECONDS = 0.2  # of training from a pipeline; several are timed


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is measured beside the speeds that every record has.

    Attributes:
        infer_batch_size: Images per call of inference, the same for all rows of a table.
        batch_sizes: Further batch sizes that inference is timed at, such as `(1, 32, 256)`.
        sweep_training: Whether training is timed at these, too.
        folder: Output folder of the run, which keeps the machine's rate; None: not kept.
    """

    infer_batch_size: int = 128
    batch_sizes: tuple[int, ...] = ()
    sweep_training: bool = False
    folder: Path | None = None


def measure_model(
    model,
    task: str,
    dataset,
    config: RunConfig,
    settings: Settings | None = None,
    *,
    macs: MacCount | None = None,
) -> dict[str, Any]:
    """Times training steps, inference, single images and training from a pipeline, in that order.

    All inputs are real images. The model is as before afterwards.

    Args:
        model: A compiled model, trained or not.
        task: Of the model; says what it is fed with.
        dataset: Its training split feeds the training, its test split inference.
        config: Gives batch size and augmentation.
        settings: Defaults to `Settings()`.
        macs: Count of one image, where it is known already.

    Returns:
        Fields of a record. For `train` and `infer`: `*_images_per_second`, the batch size by the
        median step, with `_low` and `_high`, its 95 % interval; `*_call_ms`, the median of one call
        (of `steps_per_execution` steps in training), with `_low`, `_high`, `_iqr`, `_p90`, `_p95`
        and `_p99` (None for too small a sample); `*_num_samples` and `*_first_call_seconds`, with
        tracing and compilation. For single images `latency_ms` with
        the same endings. `end_to_end_images_per_second` is that of training from `tf.data`.
        `train_mfu` and `infer_mfu` are shares of `machine_gflops`, None with `mfu_unknown_reason`.
        `infer_sweep` and `train_sweep` hold one dict for each of `settings.batch_sizes`.
    """
    settings = settings or Settings()
    macs = macs or mac_counter.count_macs(model)
    x, *y = tasks.pairs(task, dataset.train, config.num_labels)
    y = y[0] if y else None
    test_inputs = tasks.inputs(task, dataset.test)
    rate = peak_rate.matmul_rate(model.compute_dtype, settings.folder)
    with timing.Disturbance() as disturbance:
        step = TrainingStep(model)
        train = timing.time_training(model, x, y, batch_size=config.batch_size, step=step)
        infer = timing.time_inference(model, test_inputs, batch_size=settings.infer_batch_size)
        single = timing.time_latency(model, test_inputs)
        end_to_end = _time_pipeline(step, x, y, config, train.median_seconds)
    fields = {
        **_speed("train", train),
        **_speed("infer", infer),
        "infer_batch_size": settings.infer_batch_size,
        **_duration("latency_ms", single),
        "latency_num_samples": single.num_samples,
        "latency_first_call_seconds": single.first_call_seconds,
        **_throughput("end_to_end", end_to_end),
        "end_to_end_num_epochs": end_to_end.num_samples,
        "end_to_end_images_per_epoch": end_to_end.images_per_call,
        "end_to_end_stable": end_to_end.stable,
        **_shares(macs, train, infer, rate),
        "timing_stable": train.stable and infer.stable and single.stable,
        "noisy": disturbance.noisy,
        "disturbance_share": disturbance.share,
        "load_average_after": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "garbage_collection": timing.GARBAGE_COLLECTION,
    }
    if settings.batch_sizes:
        fields["infer_sweep"] = sweep(
            lambda size: timing.time_inference(model, test_inputs, batch_size=size),
            settings.batch_sizes,
        )
        if settings.sweep_training:
            fields["train_sweep"] = sweep(
                lambda size: timing.time_training(model, x, y, batch_size=size),
                settings.batch_sizes,
            )
    return fields


def sweep(measure, batch_sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Times at several batch sizes; one that fails, for want of memory say, does not end it.

    Args:
        measure: Function from a batch size to a `Timing`.
        batch_sizes: Positive ints; each is used once.

    Returns:
        For each batch size, in rising order, a dict of `batch_size`, `images_per_second`, `low`,
        `high`, `stable` and `error`; the figures are None where there is an error.
    """
    import tensorflow as tf

    lines = []
    for batch_size in sorted(set(batch_sizes)):
        line = dict.fromkeys(("images_per_second", "low", "high", "stable", "error"))
        try:
            timed = measure(batch_size)
        except (tf.errors.OpError, MemoryError, ValueError) as error:
            line["error"] = checks.one_line(error)[:200]
        else:
            line["images_per_second"] = timed.images_per_second
            line["low"], line["high"] = timed.images_per_second_low, timed.images_per_second_high
            line["stable"] = timed.stable
        lines.append({"batch_size": batch_size} | line)
    return lines


def _time_pipeline(step: TrainingStep, x, y, config: RunConfig, step_seconds: float) -> Timing:
    """Times epochs of as many images as take about 0.2 seconds, all images where they are few."""
    import tensorflow as tf

    num_images = len(tf.nest.flatten(x)[0])
    per_call = config.batch_size * step.num_steps
    fitting = max(1, num_images // per_call)
    num_calls = min(max(2, math.ceil(_EPOCH_SECONDS / step_seconds)), fitting)
    rows = np.arange(num_calls * per_call) % num_images  # too few for a batch: some repeat
    pair = (x,) if y is None else (x, y)
    pair = tf.nest.map_structure(lambda part: part[rows], pair)
    batches = pipeline(pair, per_call, config.augment)
    return timing.time_pipeline(step, batches, images_per_epoch=len(rows))


def pipeline(pair: tuple, batch_size: int, augment: str | None = None):
    """Returns a `tf.data` pipeline as a user would write it for `fit`.

    Rows are shuffled anew in each epoch over all images, set into full batches, augmented if
    asked for, and prefetched while the device works.

    Args:
        pair: `(x,)` or `(x, y)` of numpy arrays, or of dicts of them.
        batch_size: Images per batch.
        augment: As in `RunConfig`.
    """
    import tensorflow as tf

    num_images = len(tf.nest.flatten(pair)[0])
    if augment is None:
        batches = tf.data.Dataset.from_tensor_slices(pair).shuffle(num_images)
        batches = batches.batch(batch_size, drop_remainder=True)
    else:
        batches = _augmented(pair, batch_size, augment)
    return batches.prefetch(tf.data.AUTOTUNE)


def _augmented(pair: tuple, batch_size: int, augment: str):
    import tensorflow as tf

    from zoo.data import augmentation
    from zoo.inputs.augmented_batches import AugmentedBatches

    source = AugmentedBatches(
        *pair, augmentation=augmentation.parse(augment), batch_size=batch_size
    )

    def batches():
        source.on_epoch_begin()
        yield from itertools.islice(source, len(source))
        source.on_epoch_end()

    kinds = tf.nest.map_structure(
        lambda part: tf.TensorSpec(part.shape, tf.as_dtype(part.dtype)), source[0]
    )
    return tf.data.Dataset.from_generator(batches, output_signature=kinds)


def _shares(macs: MacCount, train: Timing, infer: Timing, rate: peak_rate.Rate) -> dict[str, Any]:
    return {
        "machine_gflops": rate.gflops,
        "machine_dtype": rate.dtype,
        "machine_noisy": rate.noisy,
        "train_mfu": roofline.training_share(macs, train.images_per_second, rate.gflops),
        "infer_mfu": roofline.inference_share(macs, infer.images_per_second, rate.gflops),
        "mfu_unknown_reason": roofline.reason_unknown(macs),
    }


def _speed(name: str, measured: Timing) -> dict[str, Any]:
    steps = _duration(f"{name}_call_ms", measured)
    return {
        **_throughput(name, measured),
        **steps,
        f"{name}_num_samples": measured.num_samples,
        f"{name}_first_call_seconds": measured.first_call_seconds,
    }


def _throughput(name: str, measured: Timing) -> dict[str, float]:
    return {
        f"{name}_images_per_second": measured.images_per_second,
        f"{name}_images_per_second_low": measured.images_per_second_low,
        f"{name}_images_per_second_high": measured.images_per_second_high,
    }


def _duration(name: str, measured: Timing) -> dict[str, float | None]:
    """Returns the fields of the time of one call, in milliseconds."""
    seconds = {
        name: measured.median_seconds,
        f"{name}_low": measured.low_seconds,
        f"{name}_high": measured.high_seconds,
        f"{name}_iqr": measured.iqr_seconds,
        f"{name}_p90": measured.p90_seconds,
        f"{name}_p95": measured.p95_seconds,
        f"{name}_p99": measured.p99_seconds,
    }
    return {key: None if value is None else 1e3 * value for key, value in seconds.items()}
