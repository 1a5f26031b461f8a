"""How a job's model is trained: the optimizer, and the learning rate of each update."""

import math
import types

import keras
import numpy as np
import pytest

from bench.evaluation import fit
from bench.introspection import summary
from bench.records.config import RunConfig
from bench.runs.job import Job

NUM_TRAIN, EPOCHS, BATCH_SIZE, RATE = 70, 2, 32, 0.5
NUM_UPDATES = 6  # of 32, 32 and 6 images, twice


def optimizer(**options):
    config = RunConfig(
        "digits", epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=RATE, **options
    )
    job = Job(config, "ab", "model", "autoencoder", "tiny", 0)
    return fit.optimizer(job, types.SimpleNamespace(num_train=NUM_TRAIN))


def rates(adam, count):
    """Returns the learning rate of each update: Adam's first step is as long as its rate."""
    weight = keras.Variable([0.0])
    adam.build([weight])
    found = []
    for _ in range(count):
        before = float(weight[0])
        adam.apply([keras.ops.ones(1)], [weight])  # of equal gradients all steps are like the first
        found.append(before - float(weight[0]))
    return found


def test_the_rate_falls_along_half_a_cosine_to_zero_after_the_last_update():
    expected = [RATE * (1 + math.cos(math.pi * t / NUM_UPDATES)) / 2 for t in range(NUM_UPDATES)]
    assert rates(optimizer(decay="cosine"), NUM_UPDATES + 1) == pytest.approx(
        [*expected, 0.0], abs=1e-5
    )


def test_the_rate_stays_without_a_decay():
    assert rates(optimizer(), 4) == pytest.approx([RATE] * 4, abs=1e-5)


def test_cuts_of_an_image_count_as_images():
    adam = optimizer(decay="cosine", crop=(8, 8), crops_per_image=4)
    assert adam.get_config()["learning_rate"]["config"]["decay_steps"] == 2 * math.ceil(280 / 32)


def test_what_is_recorded_names_the_schedule():
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer(decay="cosine"), loss="mse")
    model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)
    assert summary.optimizer_settings(model)["learning_rate"] == (
        "CosineDecay(initial_learning_rate=0.5, decay_steps=6)"
    )


@pytest.mark.parametrize("decay, most", [("none", math.inf), ("cosine", 0.0151)])
def test_a_model_of_the_zoo_follows_the_rate_in_its_own_update(decay, most):
    """Two updates at 0.01 and 0.005 and six at 0, or eight at 0.01."""
    config = RunConfig("digits", epochs=1, batch_size=8, learning_rate=1e-2, decay=decay)
    job = Job(config, "ab", "model", "autoencoder", "dense", 0)
    data = types.SimpleNamespace(num_train=16, image_shape=(8, 8, 1))
    model = fit._build(job, data, "reconstruction")
    model.start_at_mean = False
    images = np.random.default_rng(0).random((16, 8, 8, 1), "float32")
    first = [np.array(weight) for weight in model.trainable_weights]
    model.fit(images, batch_size=8, epochs=4, verbose=0)
    pairs = zip(model.trainable_weights, first, strict=True)
    moved = max(np.abs(np.array(weight) - start).max() for weight, start in pairs)
    assert moved <= most
    assert decay == "cosine" or moved > 0.03
