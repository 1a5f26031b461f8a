"""The check of data: what it adds to an epoch of the dense network, the fastest to train."""

import time

import keras
import numpy as np
import pytest

import zoo
from bench.stats import intervals
from zoo.inputs import checking

IMAGE_SHAPE = (28, 28, 1)
NUM_BATCHES = 100
EPOCHS = 3  # of a call of fit: arrays are checked once a call
ROUNDS = 12
WAYS = ("arrays", "tf.data", "generator")


@pytest.fixture
def dense():
    keras.utils.set_random_seed(0)
    built = zoo.create("autoencoder", image_shape=IMAGE_SHAPE, preset="tf_tutorial_dense")
    built.compile(keras.optimizers.Adam(1e-3))
    return built


def fitting(model, way: str, batch_size: int):
    """Returns a function that trains some epochs on data that come in one way."""
    import tensorflow as tf

    images = np.random.default_rng(0).random((NUM_BATCHES * batch_size, *IMAGE_SHAPE), "float32")
    settings = {"epochs": EPOCHS, "verbose": 0}
    if way == "arrays":
        return lambda: model.fit(images, batch_size=batch_size, **settings)
    if way == "tf.data":
        batches = tf.data.Dataset.from_tensor_slices((images,)).batch(batch_size)
        return lambda: model.fit(batches, **settings)

    def endless():
        while True:
            for start in range(0, len(images), batch_size):
                yield (images[start : start + batch_size],)

    return lambda: model.fit(endless(), steps_per_epoch=NUM_BATCHES, **settings)


@pytest.mark.parametrize("batch_size", [32, 128])
@pytest.mark.parametrize("way", WAYS)
def test_check(way, batch_size, dense, benchmark, measured, monkeypatch):
    """Epochs of `fit` with the check; `share` is what it adds to the time of those without.

    The share is the median over pairs, one after the other, with its 95 % interval; `cpu_share` is
    that of the processor's time, in which other programs do not show.
    """
    fit = fitting(dense, way, batch_size)

    def unchecked():
        with monkeypatch.context() as patch:
            patch.setattr(checking.Check, "whole", lambda *_, **__: None)
            patch.setattr(checking.Check, "source", lambda _, source: source)
            fit()

    def seconds(work):
        started = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - started[0], time.process_time() - started[1]

    facts = {"batch_size": batch_size, "images_per_call": NUM_BATCHES * batch_size * EPOCHS}
    unchecked()
    measured(fit, facts, rounds=ROUNDS)
    pairs = np.array([(seconds(fit), seconds(unchecked)) for _ in range(ROUNDS)])
    shares = pairs[:, 0] / pairs[:, 1] - 1
    wall, cpu = (intervals.median_interval(values) for values in shares.T)
    benchmark.extra_info.update(share=wall.median, share_low=wall.low, share_high=wall.high)
    benchmark.extra_info.update(cpu_share=cpu.median, cpu_low=cpu.low, cpu_high=cpu.high)
