"""Measures the speed of a trained model: the timing fields of a record."""

import dataclasses
import os
from pathlib import Path
from typing import Any

from bench.data import tasks
from bench.profiling import epochs, peak_rate, roofline, timing
from bench.profiling import macs as mac_counter
from bench.profiling.macs import MacCount
from bench.profiling.steps import TrainingStep
from bench.profiling.timing import Timing
from bench.records.config import RunConfig
from zoo import checks


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is measured beside the speeds that every record has.

    Attributes:
        infer_batch_size: Images per call of inference, the same for all rows of a table.
        batch_sizes: Further batch sizes that inference is timed at, such as `(1, 32, 256)`.
        sweep_training: Whether training is timed at these, too.
        with_training: Whether training is timed; a model that is only used need not be compiled.
        folder: Output folder of the run, which keeps the machine's rate; None: not kept.
    """

    infer_batch_size: int = 128
    batch_sizes: tuple[int, ...] = ()
    sweep_training: bool = False
    with_training: bool = True
    folder: Path | None = None


def measure_model(
    model,
    task: str,
    dataset,
    config: RunConfig,
    settings: Settings | None = None,
    *,
    macs: MacCount | None = None,
    compiled_by_xla: bool | None = None,
) -> dict[str, Any]:
    """Times training steps, inference, single images and epochs of `fit`, in that order.

    All inputs are real images. The model is as before afterwards.

    Args:
        model: A compiled model, trained or not.
        task: Of the model; says what it is fed with.
        dataset: Its training split feeds the training, its test split inference.
        config: Gives batch size and augmentation.
        settings: Defaults to `Settings()`.
        macs: Count of one image, where it is known already.
        compiled_by_xla: Whether XLA compiled the training; None: as the model is compiled.

    Returns:
        Fields of a record. Those of `bench.profiling.epochs.time_fit`: the speed of training as a
        user calls it. For `train`, the bare step, and `infer`: `*_images_per_second`, the batch
        size by the median step, with `_low` and `_high`, its 95 % interval; `*_call_ms`, the median
        of one call (of `steps_per_execution` steps in training), with `_low`, `_high`, `_iqr`,
        `_p90`, `_p95` and `_p99` (None for too small a sample); `*_num_samples` and
        `*_first_call_seconds`, with tracing and compilation. For single images `latency_ms` with
        the same endings.
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
        step = TrainingStep(model) if settings.with_training else None
        train = None
        if step is not None:
            train = timing.time_training(model, x, y, batch_size=config.batch_size, step=step)
        infer = timing.time_inference(model, test_inputs, batch_size=settings.infer_batch_size)
        single = timing.time_latency(model, test_inputs)
        of_fit = {}
        if step is not None:
            with step.unchanged():
                of_fit = epochs.time_fit(
                    model,
                    x,
                    y,
                    batch_size=config.batch_size,
                    step_seconds=train.median_seconds / step.num_steps,
                    augment=config.augment,
                    compiled_by_xla=compiled_by_xla,
                )
    fields = {
        **of_fit,
        **({} if train is None else _speed("train", train)),
        **_speed("infer", infer),
        "infer_batch_size": settings.infer_batch_size,
        **_duration("latency_ms", single),
        "latency_num_samples": single.num_samples,
        "latency_first_call_seconds": single.first_call_seconds,
        **_shares(macs, train, infer, rate),
        "timing_stable": all(each.stable for each in (train, infer, single) if each is not None),
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
            line["error"] = checks.one_line(error, 200)
        else:
            line["images_per_second"] = timed.images_per_second
            line["low"], line["high"] = timed.images_per_second_low, timed.images_per_second_high
            line["stable"] = timed.stable
        lines.append({"batch_size": batch_size} | line)
    return lines


def _shares(
    macs: MacCount, train: Timing | None, infer: Timing, rate: peak_rate.Rate
) -> dict[str, Any]:
    return {
        "machine_gflops": rate.gflops,
        "machine_dtype": rate.dtype,
        "machine_noisy": rate.noisy,
        "train_mfu": train and roofline.training_share(macs, train.images_per_second, rate.gflops),
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
