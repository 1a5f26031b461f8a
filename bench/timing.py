"""Timing of steps: synchronised, warmed up until stable, median with an interval."""

import dataclasses
import gc
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench import stats

_WINDOW = 5
_STABLE_CHANGE = 0.05
_BUSY_SHARE = 0.1
_BUSY_LOAD_PER_CORE = 0.3


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
        p90_seconds, p95_seconds: Percentiles; None for a sample too small to bound them.
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
    wait: Callable[[Any], None] = synchronize,
    tracing_count: Callable[[], int] | None = None,
) -> Timing:
    """Times a step.

    Warm-up is at least `warmup_calls` calls and goes on until the medians of two windows of 5
    calls in a row differ by less than 5 %, or until `warmup_limit_seconds`: then `stable` is
    False. Then at least `min_samples` calls, for at least `min_seconds`, each synchronised before
    and after. Garbage collection is off meanwhile.

    Args:
        step: Does one unit of work and returns what to wait for.
        images_per_call: Images in one unit of work.
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
            if len(warmup) >= max(warmup_calls, 2 * _WINDOW) and len(warmup) % _WINDOW == 0:
                before = np.median(warmup[-2 * _WINDOW : -_WINDOW])
                if abs(np.median(warmup[-_WINDOW:]) - before) < _STABLE_CHANGE * before:
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
    interval = stats.median_interval(samples)
    quartiles = np.quantile(samples, [0.25, 0.75])
    p90_seconds, p95_seconds = (
        float(np.percentile(samples, percent))
        if stats.percentile_allowed(percent, len(samples))
        else None
        for percent in (90, 95)
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
        p90_seconds,
        p95_seconds,
        num_retraces,
    )


def time_training(model, images, targets=None, *, batch_size: int, **settings) -> Timing:
    """Times training steps of a compiled model, on a few batches that lie on the device.

    The step is `model.train_step`, compiled as `fit` compiles it (`model.jit_compile`). Weights,
    optimizer and metrics are put back afterwards: timing never changes the model, trained or not.

    Raises:
        ValueError: if the model has no optimizer.
    """
    import tensorflow as tf

    if getattr(model, "optimizer", None) is None:
        raise ValueError(
            "time_training: model must be compiled. "
            f"Received: model={model.name!r} without an optimizer. Call model.compile first."
        )
    if not model.optimizer.built:  # else its slots would come into being in the timed steps
        model.optimizer.build(model.trainable_variables)

    batches = [
        tuple(tf.nest.map_structure(tf.constant, part) for part in (x, y) if part is not None)
        for x, y in _batches(images, targets, batch_size, limit=4)
    ]
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    before = [variable.numpy() for variable in variables]
    step = tf.function(model.train_step, jit_compile=model.jit_compile, autograph=False)
    calls = 0

    def next_step():
        nonlocal calls
        calls += 1
        return step(batches[calls % len(batches)])

    try:
        settings = {"min_samples": 50} | settings
        timing = measure(
            next_step,
            images_per_call=batch_size,
            tracing_count=step.experimental_get_tracing_count,
            **settings,
        )
    finally:
        model.reset_metrics()  # those that the first step made
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
    return timing


def time_inference(model, images, *, batch_size: int, **settings) -> Timing:
    """Times `model(x, training=False)`, compiled, on a batch that lies on the device."""
    import tensorflow as tf

    (batch, _), *_ = _batches(images, None, batch_size, limit=1)
    batch = tf.nest.map_structure(tf.constant, batch)

    @tf.function(jit_compile=model.jit_compile, autograph=False)
    def infer(x):
        return model(x, training=False)

    return measure(
        lambda: infer(batch),
        images_per_call=batch_size,
        tracing_count=infer.experimental_get_tracing_count,
        **settings,
    )


def time_latency(model, images, **settings) -> Timing:
    """Times inference on one image at a time."""
    return time_inference(model, images, batch_size=1, **settings)


def _batches(images, targets, batch_size: int, limit: int):
    """Returns up to `limit` full batches of real images; few images are repeated to fill one."""
    import tensorflow as tf

    num_images = len(tf.nest.flatten(images)[0])
    order = np.arange(max(batch_size, min(num_images, limit * batch_size))) % num_images
    order = order[: len(order) // batch_size * batch_size].reshape(-1, batch_size)
    return [
        tf.nest.map_structure(lambda part: None if part is None else part[rows], (images, targets))  # noqa: B023
        for rows in order
    ]


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
