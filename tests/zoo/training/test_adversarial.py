"""Two players share one pass: what a step leaves behind is that of one look at the images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

SHAPE = (6,)
X = np.random.default_rng(0).uniform(size=(32, *SHAPE)).astype("float32")


def make(name):
    model = zoo.create(
        name,
        SHAPE,
        hidden_units=(5,),
        latent_dim=2,
        normalization="batch",
        seed=1,
        discriminator_units=(4,),
    )
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


@pytest.mark.parametrize("name", ["factor_vae", "adversarial_autoencoder"])
def test_batch_statistics_move_once_a_step(name):
    """From 0 with momentum 0.9 one step leaves a tenth of the batch's mean, by NumPy."""
    model = make(name)
    hidden = model.encoder.get_layer("hidden1")
    batch_mean = (X @ hidden.kernel.numpy()).mean(axis=0)
    model.fit(X, batch_size=32, verbose=0)
    found = model.encoder.get_layer("hidden1_norm").moving_mean.numpy()
    np.testing.assert_allclose(found, 0.1 * batch_mean, atol=1e-6)


@pytest.mark.parametrize("name", ["factor_vae", "adversarial_autoencoder"])
def test_the_discriminator_sees_the_codes_of_the_step(name, monkeypatch):
    model = make(name)
    seen = []
    forward, step = model.forward, model.train_discriminator
    monkeypatch.setattr(
        model, "forward", lambda *args, **more: seen.append(forward(*args, **more)) or seen[-1]
    )
    monkeypatch.setattr(
        model, "train_discriminator", lambda *args: seen.append(args) or step(*args)
    )
    model.train_on_batch(X)
    outputs, (first, second, weight) = seen
    for mine, theirs in zip((first, second), model.discriminator_inputs(outputs), strict=True):
        assert mine is theirs
    assert weight is None
    assert tf.rank(first) == 2
