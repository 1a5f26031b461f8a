"""A replica that gets no rows of the last batch adds nothing, and is no reason for a NaN."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.testing import tensors

SHAPE = (6,)
X = np.random.default_rng(0).uniform(size=(5, *SHAPE)).astype("float32")
NAMES = ("autoencoder", "sparse", "vae", "beta_tc_vae", "factor_vae", "vq_vae", "wae_mmd")


def make(name):
    model = zoo.create(name, SHAPE, hidden_units=(5,), latent_dim=2, seed=1)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_a_step_on_no_rows_leaves_model_and_logs(name):
    model = make(name)
    before = [weight.numpy() for weight in model.trainable_weights]
    model.evaluate(X, verbose=0)
    logs = {key: float(value) for key, value in model.get_metrics_result().items()}
    model.train_step((tf.zeros((0, *SHAPE)),))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    found = {key: float(value) for key, value in model.get_metrics_result().items()}
    assert found == pytest.approx(logs, rel=1e-6)


def test_an_odd_row_on_two_replicas_leaves_the_history_finite():
    with tensors.two_replicas():
        model = zoo.create("autoencoder", SHAPE, hidden_units=(), latent_dim=2)
        model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    loss = model.fit(X, batch_size=4, shuffle=False, verbose=0).history["loss"]
    assert loss == pytest.approx([np.mean((model.reconstruct(X) - X) ** 2)], rel=1e-5)
