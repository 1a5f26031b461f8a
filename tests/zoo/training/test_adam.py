"""The fused update computes what Keras's Adam does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo


def _compiled(optimizer, **arguments):
    small = {"widths": (), "hidden_units": (16,), "latent_dim": 4} | arguments
    model = zoo.create("autoencoder", image_shape=(8, 8, 1), seed=0, **small)
    model.compile(optimizer)
    model.build_optimizers()
    return model


class OtherAdam(keras.optimizers.Adam):
    """Adam for Keras, something else for us: it takes the ordinary path."""


def _schedule():
    return keras.optimizers.schedules.ExponentialDecay(1e-2, 2, 0.5)


@pytest.mark.parametrize("settings", [{}, {"beta_1": 0.5, "epsilon": 1e-3, "schedule": True}])
def test_adam_is_that_of_keras(digits, settings):
    settings = dict(settings)
    histories, weights, moments = [], [], []
    for optimizer_class in (OtherAdam, keras.optimizers.Adam):
        keras.utils.set_random_seed(0)
        rate = _schedule() if "schedule" in settings else 1e-2
        others = {key: value for key, value in settings.items() if key != "schedule"}
        model = _compiled(optimizer_class(rate, **others), normalization="batch")
        history = model.fit(digits[:200], batch_size=32, epochs=2, verbose=0)
        histories.append(history.history["loss"])
        weights.append([np.asarray(weight) for weight in model.weights])
        moments.append([np.asarray(part) for part in model.optimizer.variables])
    np.testing.assert_allclose(*histories, rtol=1e-4)
    for first, second in zip(weights[0] + moments[0], weights[1] + moments[1], strict=True):
        np.testing.assert_allclose(second, first, rtol=2e-2, atol=2e-4)
    assert moments[1][0] == 14  # iterations: seven batches, twice


@pytest.mark.parametrize(
    ("optimizer", "is_fused"),
    [
        (keras.optimizers.Adam(), True),
        (OtherAdam(), False),
        (keras.optimizers.AdamW(), False),
        (keras.optimizers.SGD(), False),
        (keras.optimizers.Adam(clipnorm=1.0), False),
        (keras.optimizers.Adam(weight_decay=0.1), False),
        (keras.optimizers.Adam(use_ema=True), False),
        (keras.optimizers.Adam(amsgrad=True), False),
        (keras.optimizers.Adam(gradient_accumulation_steps=2), False),
    ],
)
def test_only_plain_adam_is_fused(optimizer, is_fused, digits, monkeypatch):
    calls = []
    kernel = tf.raw_ops.ResourceApplyAdam
    monkeypatch.setattr(
        tf.raw_ops, "ResourceApplyAdam", lambda **given: calls.append(1) or kernel(**given)
    )
    model = _compiled(optimizer)
    before = [np.asarray(weight) for weight in model.trainable_weights]
    model.fit(digits[:64], batch_size=32, verbose=0)
    assert bool(calls) == is_fused
    assert int(optimizer.iterations) == 2 // (optimizer.gradient_accumulation_steps or 1)
    after = [np.asarray(weight) for weight in model.trainable_weights]
    assert any(not np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_layers_of_the_same_name_have_moments_of_their_own(digits, monkeypatch):
    """The encoder and the decoder both have a `hidden1`, here with weights of the same shapes."""
    kernel, updated = tf.raw_ops.ResourceApplyAdam, []

    def record(**given):
        updated.append(given["m"])
        return kernel(**given)

    monkeypatch.setattr(tf.raw_ops, "ResourceApplyAdam", record)
    trained = []
    for optimizer_class in (OtherAdam, keras.optimizers.Adam):
        keras.utils.set_random_seed(0)
        model = _compiled(optimizer_class(1e-2), latent_dim=64, hidden_units=(64,))
        names = [weight.path for weight in model.trainable_weights]
        assert len(set(names)) < len(names)
        model.fit(digits[:96], batch_size=32, shuffle=False, verbose=0)
        trained.append([np.asarray(weight) for weight in model.trainable_weights])
    assert len(updated) >= len(names)
    for first, second in zip(*trained, strict=True):
        np.testing.assert_allclose(second, first, rtol=2e-2, atol=2e-4)


def test_frozen_weights_stay(digits):
    model = _compiled(keras.optimizers.Adam(1e-2))
    model.fit(digits[:64], batch_size=32, verbose=0)
    model.encoder.trainable = False
    frozen = [np.asarray(weight) for weight in model.encoder.weights]
    decoder = [np.asarray(weight) for weight in model.decoder.weights]
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(digits[:64], batch_size=32, verbose=0)
    for before, now in zip(frozen, model.encoder.weights, strict=True):
        np.testing.assert_array_equal(before, now)
    assert any(
        not np.array_equal(*pair) for pair in zip(decoder, model.decoder.weights, strict=True)
    )
