"""Timing of steps: synchronised, warmed up until stable, median with an interval."""

import dataclasses
import gc
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.profiling import steps
from bench.profiling.steps import TrainingStep
from bench.stats import intervals

GARBAGE_COLLECTION = "off while timing"
_STABLE_CHANGE = 0.05
_BUSY_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Timing:
    """What was measured of one kind of step.

    Attributes:
        median_seconds: Median of one call; `low_seconds` and `high_seconds` bound its 95 %
            interval from order statistics.
        iqr_seconds: Distance between the quartiles.
        first_call_seconds: The first call, with tracing and compilation.
        stable: Whether two windows in a row agreed within 5 % before measuring began, and nothing
            was traced again while it went on.
        images_per_call: Images that one call works on.
        p90_seconds, p95_seconds, p99_seconds: Percentiles; None for a sample too small to bound
            them: fewer than 29, 59 and 299.
        num_retraces: Traces while measuring; more than 0 means that the step is not steady.
    """

    median_seconds: float
    low_seconds: float
    high_seconds: float
    iqr_seconds: float
    num_samples: int
    first_call_seconds: float
    stable: bool
    images_per_call: int
    p90_seconds: float | None = None
    p95_seconds: float | None = None
    p99_seconds: float | None = None
    num_retraces: int = 0

    @property
    def images_per_second(self) -> float:
        return self.images_per_call / self.median_seconds

    @property
    def images_per_second_low(self) -> float:
        return self.images_per_call / self.high_seconds

    @property
    def images_per_second_high(self) -> float:
        return self.images_per_call / self.low_seconds


def synchronize(result: Any) -> None:
    """Waits until the device has computed `result`."""
    import tensorflow as tf

    tf.test.experimental.sync_devices()
    for leaf in tf.nest.flatten(result):
        if isinstance(leaf, tf.Tensor):
            if "CPU" not in leaf.device:  # copying all of it to the host is not the step's work
                leaf = tf.reshape(leaf, (-1,))[:1]
            leaf.numpy()
            break


def measure(
    step: Callable[[], Any],
    *,
    images_per_call: int,
    min_samples: int = 30,
    min_seconds: float = 1.0,
    warmup_calls: int = 10,
    warmup_limit_seconds: float = 30.0,
    window: int = 5,
    wait: Callable[[Any], None] = synchronize,
    tracing_count: Callable[[], int] | None = None,
) -> Timing:
    """Times a step.

    The warm-up has at least `warmup_calls` calls. It ends when the medians of two consecutive
    windows of `window` calls differ by less than 5 %, or after `warmup_limit_seconds`; `stable` is
    then False. At least `min_samples` calls are measured, for at least `min_seconds`, each
    synchronised before and after. Garbage collection is off meanwhile.

    Args:
        step: Does one unit of work and returns what to wait for.
        images_per_call: Images in one unit of work.
        window: Calls in a window of the warm-up; fewer than 5 suit long units of work.
        wait: Waits for the result; a test may give its own.
        tracing_count: Tells how often the step was traced so far, such as a `tf.function`'s
            `experimental_get_tracing_count`. A trace while measuring makes `stable` False.
    """

    def call() -> float:
        started = time.perf_counter_ns()
        wait(step())
        return (time.perf_counter_ns() - started) / 1e9

    first_call_seconds = call()
    collecting = gc.isenabled()
    gc.disable()
    try:
        stable, warmup, began = False, [], time.perf_counter()
        while time.perf_counter() - began < warmup_limit_seconds:
            warmup.append(call())
            if len(warmup) >= max(warmup_calls, 2 * window) and len(warmup) % window == 0:
                before = np.median(warmup[-2 * window : -window])
                if abs(np.median(warmup[-window:]) - before) < _STABLE_CHANGE * before:
                    stable = True
                    break
        num_traces = tracing_count() if tracing_count else 0
        samples, began = [], time.perf_counter()
        while len(samples) < min_samples or time.perf_counter() - began < min_seconds:
            samples.append(call())
        num_retraces = tracing_count() - num_traces if tracing_count else 0
    finally:
        if collecting:
            gc.enable()
    interval = intervals.median_interval(samples)
    quartiles = np.quantile(samples, [0.25, 0.75])
    percentiles = (
        float(np.percentile(samples, percent))
        if intervals.percentile_allowed(percent, len(samples))
        else None
        for percent in (90, 95, 99)
    )
    return Timing(
        interval.median,
        interval.low,
        interval.high,
        float(quartiles[1] - quartiles[0]),
        len(samples),
        first_call_seconds,
        stable and num_retraces == 0,
        images_per_call,
        *percentiles,
        num_retraces,
    )


def time_training(
    model, images, targets=None, *, batch_size: int, step: TrainingStep | None = None, **settings
) -> Timing:
    """Times training steps of a compiled model, on a few batches that lie on the device.

    One call is `model.steps_per_execution` steps. Weights, optimizer and metrics are put back
    afterwards: timing never changes the model, trained or not.

    Args:
        images, targets: As `fit` takes them.
        step: The compiled step, where it shall serve again; made afresh by default.
        **settings: See `measure`.

    Raises:
        ValueError: if the model has no optimizer.
    """
    step = step or TrainingStep(model)
    made = steps.training(model, images, targets, batch_size=batch_size, step=step)
    with step.unchanged():
        return measure(
            made.call,
            images_per_call=made.images_per_call,
            tracing_count=made.tracing_count,
            **{"min_samples": 50} | settings,
        )


def time_inference(model, images, *, batch_size: int, **settings) -> Timing:
    """Times `model(x, training=False)`, compiled, on a batch that lies on the device."""
    made = steps.inference(model, images, batch_size=batch_size)
    return measure(
        made.call,
        images_per_call=made.images_per_call,
        tracing_count=made.tracing_count,
        **settings,
    )


def time_latency(model, images, **settings) -> Timing:
    """Times inference on one image at a time."""
    return time_inference(model, images, batch_size=1, **settings)


class Disturbance:
    """Measures how much other processes took of the machine while it was open.

    After the `with` block, `share` is the part of all cores' time that others used or that the
    hypervisor withheld, in `[0, 1]` (None where `/proc/stat` is missing), and `noisy` tells
    whether it was above 10 %.
    """

    share: float | None = None

    def __enter__(self):
        self._start = self._now()
        return self

    def __exit__(self, *_):
        end = self._now()
        if self._start is None or end is None or end[1] <= self._start[1]:
            return
        busy, total, own = (e - s for e, s in zip(end, self._start, strict=True))
        self.share = min(max((busy - own) / total, 0.0), 1.0)

    @property
    def noisy(self) -> bool | None:
        return None if self.share is None else self.share > _BUSY_SHARE

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        """Returns busy, total and own seconds, summed over the cores."""
        try:
            with open("/proc/stat", encoding="ascii") as file:
                fields = [float(field) for field in file.readline().split()[1:9]]
        except OSError:
            return None
        per_second = os.sysconf("SC_CLK_TCK")
        idle = fields[3] + fields[4]
        own = time.process_time()
        return (sum(fields) - idle) / per_second, sum(fields) / per_second, own
