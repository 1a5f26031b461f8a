"""Timing: properties that hold on any machine, however slow."""

import gc
import itertools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from bench.profiling import timing
from bench.profiling.steps import TrainingStep

QUICK = {"min_samples": 30, "min_seconds": 0.0, "warmup_limit_seconds": 5.0}


def no_wait(_):
    pass


def test_a_sleep_takes_its_time():
    found = timing.measure(lambda: time.sleep(0.005), images_per_call=10, wait=no_wait, **QUICK)
    assert 0.005 <= found.low_seconds <= found.median_seconds <= found.high_seconds < 0.05
    assert found.num_samples >= 30
    assert found.images_per_second == pytest.approx(10 / found.median_seconds)
    assert found.images_per_second_low == pytest.approx(10 / found.high_seconds)
    assert found.images_per_second_high == pytest.approx(10 / found.low_seconds)


def test_first_call_and_warm_up_are_apart():
    durations = itertools.chain([0.08], [0.03] * 4, itertools.repeat(0.002))
    found = timing.measure(
        lambda: time.sleep(next(durations)), images_per_call=1, wait=no_wait, **QUICK
    )
    assert found.first_call_seconds >= 0.08
    assert found.median_seconds < 0.02


def test_what_does_not_settle_is_flagged():
    durations = itertools.count(1)  # each call longer than the one before
    found = timing.measure(
        lambda: time.sleep(0.002 * 1.3 ** min(next(durations), 25)),
        images_per_call=1,
        min_samples=5,
        min_seconds=0.0,
        warmup_limit_seconds=0.1,
        wait=no_wait,
    )
    assert not found.stable


def test_a_step_that_is_traced_again_is_not_stable():
    traces = itertools.count()
    found = timing.measure(
        lambda: time.sleep(0.001),
        images_per_call=1,
        wait=no_wait,
        tracing_count=lambda: next(traces),  # one more at the second look
        **QUICK,
    )
    assert found.num_retraces == 1
    assert not found.stable


@pytest.mark.parametrize(
    ("num", "p90", "p95", "p99"), [(28, 0, 0, 0), (30, 1, 0, 0), (60, 1, 1, 0), (300, 1, 1, 1)]
)
def test_percentiles_only_where_the_sample_bounds_them(num, p90, p95, p99):
    found = timing.measure(
        lambda: None, images_per_call=1, wait=no_wait, **(QUICK | {"min_samples": num})
    )
    assert found.num_samples == num
    percentiles = (found.p90_seconds, found.p95_seconds, found.p99_seconds)
    assert tuple(value is not None for value in percentiles) == (p90, p95, p99)
    if p99:
        assert found.median_seconds <= percentiles[0] <= percentiles[1] <= percentiles[2]


def test_garbage_collection_is_put_back():
    def fail():
        raise RuntimeError("no")

    steps = itertools.chain([lambda: None], itertools.repeat(fail))
    with pytest.raises(RuntimeError, match="no"):
        timing.measure(lambda: next(steps)(), images_per_call=1, wait=no_wait)
    assert gc.isenabled()


def test_at_least_the_asked_time():
    started = time.perf_counter()
    timing.measure(lambda: None, images_per_call=1, min_samples=5, min_seconds=0.3, wait=no_wait)
    assert time.perf_counter() - started >= 0.3


@pytest.mark.parametrize("name", ["vae", "upae"])
def test_timing_does_not_change_the_model(digits, name):
    """Not its weights, statistics, optimizer or noise."""
    model = zoo.create(name, (8, 8, 1), preset="tiny")
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(digits[:64], batch_size=32, verbose=0)
    variables = [*model.variables, *model.optimizer.variables]
    before = [variable.numpy() for variable in variables]
    found = timing.time_training(model, digits, batch_size=32, **QUICK)
    assert found.images_per_call == 32
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert timing.time_latency(model, digits, **QUICK).images_per_call == 1
    assert timing.time_inference(model, digits[:5], batch_size=16, **QUICK).images_per_call == 16


def test_training_after_timing_is_as_without():
    """Also of a model that was never trained, whose optimizer has no slots yet."""
    images = np.random.default_rng(0).random((64, 8, 8, 1), "float32")

    def trained(timed):
        keras.utils.set_random_seed(3)
        model = zoo.create("autoencoder", (8, 8, 1), preset="tiny", seed=3)
        model.compile(keras.optimizers.Adam(0.01))
        if timed:
            short = {"warmup_limit_seconds": 0.2, "min_samples": 5, "min_seconds": 0.0}
            timing.time_training(model, images, images, batch_size=32, **short)
        history = model.fit(images, batch_size=32, epochs=2, shuffle=False, verbose=0).history
        return model.get_weights(), history["loss"]

    (weights, losses), (weights_timed, losses_timed) = trained(False), trained(True)
    assert losses == losses_timed
    for weight, weight_timed in zip(weights, weights_timed, strict=True):
        np.testing.assert_array_equal(weight, weight_timed)


def test_training_needs_an_optimizer(digits):
    model = zoo.create("autoencoder", (8, 8, 1), preset="tiny")
    with pytest.raises(ValueError, match="model must be compiled"):
        timing.time_training(model, digits, batch_size=8)


def test_a_smaller_window_settles_sooner():
    calls = {}
    for window in (1, 5):
        durations = itertools.chain([0.0], itertools.repeat(0.004))
        counter = itertools.count(1)

        def step(durations=durations, counter=counter):
            time.sleep(next(durations))
            return next(counter)

        settings = QUICK | {"min_samples": 1, "warmup_calls": 2, "window": window}
        timing.measure(step, images_per_call=1, wait=no_wait, **settings)
        calls[window] = next(counter) - 1
    assert calls[1] >= 4  # the first, two that agree, one sample
    assert calls[5] >= 12


SHORT = {"min_samples": 5, "min_seconds": 0.0, "warmup_limit_seconds": 0.3}


def dense(**compiled):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adam(0.01), "mse", **compiled)
    return model


@pytest.mark.parametrize(("num_steps", "jit"), [(1, False), (3, False), (2, True)])
def test_a_call_is_as_many_updates_as_fit_makes(num_steps, jit):
    """The weights after it are those of `fit` on the same batches."""
    x, y = np.random.default_rng(0).random((2, 16 * num_steps, 4), "float32")
    y = y[:, :3]
    expected, model = (dense(steps_per_execution=num_steps, jit_compile=jit) for _ in range(2))
    expected.fit(x, y, batch_size=16, shuffle=False, verbose=0)
    step = TrainingStep(model)
    step(step.group((tf.constant(x), tf.constant(y))))
    assert int(model.optimizer.iterations) == num_steps
    for weight, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)
    timed = timing.time_training(model, x, y, batch_size=16, step=step, **SHORT)
    assert timed.images_per_call == 16 * num_steps
    assert int(model.optimizer.iterations) == num_steps  # timing puts it back


def test_disturbance_is_a_share():
    with timing.Disturbance() as disturbance:
        deadline = time.perf_counter() + 0.3
        while time.perf_counter() < deadline:
            sum(range(1000))
    if disturbance.share is not None:
        assert 0 <= disturbance.share <= 1
        assert disturbance.noisy == (disturbance.share > 0.1)
