"""Epochs of `fit`, as a user calls it, are what is timed."""

import time

import keras
import numpy as np
import pytest

import zoo
from bench.profiling import epochs


class _Slow(keras.Model):
    """A model whose epochs take 20 ms for each batch of data, and 300 ms more in the first."""

    jit_of_fit = None

    def __init__(self):
        super().__init__()
        self.sizes = []

    def fit(self, x, y=None, *, epochs, callbacks, verbose, batch_size):
        (clock,) = callbacks
        clock.set_model(self)
        self.stop_training, self.jit_of_fit = False, self.jit_compile
        self.sizes.append(len(x))
        for epoch in range(epochs):
            time.sleep(0.02 * -(-len(x) // batch_size) + 0.3 * (epoch == 0))
            clock.on_epoch_end(epoch)
            if self.stop_training:
                return


@pytest.mark.parametrize(("step_seconds", "num_images"), [(0.02, 30), (0.25, 16)])
def test_the_first_epoch_is_left_out(step_seconds, num_images):
    """Four batches of 8 take 80 ms; of slow ones so many are taken as half a second has."""
    model = _Slow()
    x = np.zeros((30, 4), "float32")
    found = epochs.time_fit(model, x, batch_size=8, step_seconds=step_seconds)
    assert model.sizes == [num_images]
    assert found["fit_images_per_epoch"] == num_images
    seconds = 0.02 * -(-num_images // 8)
    assert found["fit_num_epochs"] >= 6
    assert found["fit_images_per_second"] <= num_images / seconds
    assert found["fit_images_per_second"] > num_images / (seconds + 0.1)  # not the first


def test_it_is_compiled_as_the_training_was():
    model = _Slow()
    model.jit_compile = False
    x = np.zeros((8, 4), "float32")
    epochs.time_fit(model, x, batch_size=8, step_seconds=0.02, compiled_by_xla=True)
    assert model.jit_of_fit is True
    assert model.jit_compile is False


def test_augmented_images_are_changed_on_the_way(monkeypatch):
    seen = []
    real = epochs.AugmentedBatches.__getitem__
    monkeypatch.setattr(
        epochs.AugmentedBatches,
        "__getitem__",
        lambda self, index: seen.append(index) or real(self, index),
    )
    model = zoo.create("autoencoder", (8, 8, 1), preset="tiny")
    model.compile("adam")
    x = np.random.default_rng(0).random((24, 8, 8, 1), "float32")
    found = epochs.time_fit(model, x, batch_size=8, step_seconds=0.01, augment="flip")
    assert found["fit_images_per_epoch"] == 24
    assert len(seen) >= 3 * found["fit_num_epochs"]
