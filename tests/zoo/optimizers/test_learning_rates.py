"""Rates that are set on a compiled optimizer, and schedules that have come to their end."""

import warnings

import keras
import numpy as np
import pytest

import zoo
from bench.data import catalog
from zoo.optimizers import learning_rates


def cosine(steps):
    return keras.optimizers.schedules.CosineDecay(3e-3, steps)


def made():
    """Optimizers of a number and of schedules, plain and wrapped as mixed precision does."""
    for rate in (3e-3, cosine(4)):
        yield keras.optimizers.Adam(rate)
        yield keras.optimizers.SGD(rate)
        yield keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(rate))


@pytest.mark.parametrize("optimizer", made(), ids=lambda each: type(each).__name__)
def test_a_rate_takes_the_place_of_any_other(optimizer):
    variable = keras.Variable(np.ones(3, "float32"))
    for _ in range(2):
        optimizer.apply([keras.ops.ones(3)], [variable])
    state = [each.numpy() for each in optimizer.variables if "learning_rate" not in each.path]
    learning_rates.set_rate(optimizer, 0.25)
    assert float(optimizer.learning_rate) == 0.25
    kept = [each.numpy() for each in optimizer.variables if "learning_rate" not in each.path]
    for before, after in zip(state, kept, strict=True):
        np.testing.assert_array_equal(before, after)
    for _ in range(9):  # beyond the schedule's end
        optimizer.apply([keras.ops.ones(3)], [variable])
    assert float(optimizer.learning_rate) == 0.25
    learning_rates.set_rate(optimizer, 0.5)
    assert float(optimizer.learning_rate) == 0.5


def test_only_a_schedule_ends():
    model = zoo.create("autoencoder", (8, 8, 1), preset="tiny")
    images = np.random.default_rng(0).uniform(size=(32, 8, 8, 1)).astype("float32")
    for rate, has_ended in ((cosine(2), True), (cosine(20), False), (0.0, False)):
        model.compile(keras.optimizers.Adam(rate))
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            model.fit(images, batch_size=16, verbose=0)  # two updates
        assert learning_rates.has_ended(model.optimizer) is has_ended
    model.compile(keras.optimizers.Adam(cosine(2)))
    model.fit(images, batch_size=16, verbose=0)
    with pytest.warns(
        UserWarning, match=r"Autoencoder: .* by its schedule, after 2 updates"
    ) as told:
        model.fit(images, batch_size=16, verbose=0)
    assert told[0].filename == __file__  # the line that called fit


def test_shipped_weights_learn_on_at_a_constant_rate():
    """The schedule of their training belongs to that one."""
    images = catalog.load("fashion_mnist_small").train.images[:32]
    for name, weights in zoo.pretrained().items():
        assert "CosineDecay" in str(weights.header()), name  # as it was trained
        model = zoo.load(name)
        assert not learning_rates.is_scheduled(model.optimizer), name
        assert float(model.optimizer.learning_rate) == pytest.approx(1e-3), name
    model = zoo.load("fashion_mnist/vae")
    before = [weight.numpy() for weight in model.trainable_weights]
    model.optimizer.learning_rate = 1e-4  # as users do
    model.fit(images, verbose=0)
    after = [weight.numpy() for weight in model.trainable_weights]
    moved = [np.abs(a - b).max() for a, b in zip(after, before, strict=True)]
    assert min(moved) == pytest.approx(1e-4, rel=0.1)  # Adam's first update is the rate
