"""The check of data: what it adds to an epoch of the dense network, the fastest to train.

    python -m pytest bench/suites/test_checks.py --benchmark-only --benchmark-json checks.json

Calls with the check and without it take turns; `share` is what the check adds.
"""

import contextlib
import time

import keras
import numpy as np
import pytest

import zoo
from bench.stats import intervals
from zoo.inputs import checking

IMAGE_SHAPE = (28, 28, 1)
NUM_IMAGES = 60_000  # of an epoch, as in MNIST
ROUNDS = 12
WAYS = ("arrays", "tf.data", "generator")


@pytest.fixture
def dense():
    keras.utils.set_random_seed(0)
    built = zoo.create("autoencoder", image_shape=IMAGE_SHAPE, preset="tf_tutorial_dense")
    built.compile(keras.optimizers.Adam(1e-3))
    return built


def fitting(model, way: str, batch_size: int):
    """Returns a function that trains an epoch on data that come in one way."""
    import tensorflow as tf

    images = np.random.default_rng(0).random((NUM_IMAGES, *IMAGE_SHAPE), "float32")
    if way == "arrays":
        return lambda: model.fit(images, batch_size=batch_size, verbose=0)
    if way == "tf.data":
        batches = tf.data.Dataset.from_tensor_slices((images,)).batch(batch_size)
        return lambda: model.fit(batches, verbose=0)

    def endless():
        while True:
            for start in range(0, len(images), batch_size):
                yield (images[start : start + batch_size],)

    num_batches = -(-len(images) // batch_size)
    return lambda: model.fit(endless(), steps_per_epoch=num_batches, verbose=0)


@contextlib.contextmanager
def no_check(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checking.Check, "whole", lambda *_, **__: None)
        patch.setattr(checking.Check, "source", lambda _, source: source)
        yield


@pytest.mark.parametrize("batch_size", [32, 128])
@pytest.mark.parametrize("way", WAYS)
def test_check(way, batch_size, dense, benchmark, monkeypatch):
    """An epoch of `fit` with the check, as a share of those without it just before and after.

    `share` is the median with its 95 % interval; `cpu_share` is that of the processor's time, and
    `fastest_share` compares the fastest calls: other programs of the machine show less in both.
    """
    checked, unchecked = dense, keras.models.clone_model(dense)
    unchecked.compile(keras.optimizers.Adam(1e-3))
    fits = fitting(checked, way, batch_size), fitting(unchecked, way, batch_size)
    seconds = ([], [])

    def timed(with_check: bool) -> None:
        started = time.perf_counter(), time.process_time()
        fits[0 if with_check else 1]()
        ended = time.perf_counter(), time.process_time()
        seconds[0 if with_check else 1].append(np.subtract(ended, started))

    def before():
        with no_check(monkeypatch):
            timed(False)

    for _ in range(2):  # traced, and warm
        before()
        timed(True)
    for each in seconds:
        each.clear()
    benchmark.pedantic(lambda: timed(True), setup=before, rounds=ROUNDS)
    before()
    taken, without = map(np.array, seconds)
    shares = taken / ((without[:-1] + without[1:]) / 2) - 1
    wall, cpu = (intervals.median_interval(values) for values in shares.T)
    benchmark.extra_info.update(batch_size=batch_size, images_per_call=NUM_IMAGES)
    benchmark.extra_info.update(share=wall.median, share_low=wall.low, share_high=wall.high)
    fastest = taken.min(axis=0) / without.min(axis=0) - 1
    benchmark.extra_info.update(fastest_share=fastest[0], fastest_cpu_share=fastest[1])
    benchmark.extra_info.update(cpu_share=cpu.median, cpu_low=cpu.low, cpu_high=cpu.high)
