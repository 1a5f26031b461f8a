"""Batch normalisation by a fused kernel is that of Keras's layer, whatever its arguments."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.batch_normalization import BatchNormalization

# A value of each argument of Keras's layer that is not its default, and what it needs beside it.
OTHER_VALUES = {
    "axis": {"axis": 1},
    "momentum": {"momentum": 0.5},
    "epsilon": {"epsilon": 0.3},
    "center": {"center": False},
    "scale": {"scale": False},
    "beta_initializer": {"beta_initializer": keras.initializers.Constant(0.7)},
    "gamma_initializer": {"gamma_initializer": keras.initializers.Constant(1.7)},
    "moving_mean_initializer": {"moving_mean_initializer": "ones"},
    "moving_variance_initializer": {
        "moving_variance_initializer": keras.initializers.Constant(4.0)
    },
    "beta_regularizer": {"beta_regularizer": "l2"},
    "gamma_regularizer": {"gamma_regularizer": "l2"},
    "beta_constraint": {"beta_constraint": "non_neg"},
    "gamma_constraint": {"gamma_constraint": "non_neg"},
    "renorm": {"renorm": True},
    "renorm_clipping": {"renorm": True, "renorm_clipping": {"rmax": 1.1, "rmin": 0.9, "dmax": 0.1}},
    "renorm_momentum": {"renorm": True, "renorm_momentum": 0.5},
    "synchronized": {"synchronized": True},
}
ARGUMENTS = [
    name
    for name, parameter in inspect.signature(
        keras.layers.BatchNormalization.__init__
    ).parameters.items()
    if parameter.default is not parameter.empty
]


def steps_of(layer, x, mask=None):
    """Returns all that two training calls and one of inference give, gradients included."""
    layer.build(x.shape)
    inputs, found = tf.constant(x), []
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True, mask=mask)
            loss = tf.reduce_sum(tf.sin(outputs) * x) + sum(layer.losses)
        watched = [inputs, *(weight.value for weight in layer.trainable_weights)]
        found += [outputs, *tape.gradient(loss, watched)]
        found += [np.array(weight) for weight in layer.weights]
    return [np.asarray(part) for part in (*found, layer(inputs, training=False))]


def assert_is_that_of_keras(arguments, x, mask=None):
    expected, values = (
        steps_of(layer_class(**arguments), x, mask)
        for layer_class in (keras.layers.BatchNormalization, BatchNormalization)
    )
    assert len(expected) == len(values)
    for one, other in zip(expected, values, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_argument_of_keras_is_honoured(name):
    assert name in OTHER_VALUES, "a new argument of Keras: say here how to set it"
    x = np.random.default_rng(0).normal(1, 2, (6, 3, 3, 4)).astype("float32")
    assert_is_that_of_keras(OTHER_VALUES[name], x)


def test_a_mask_is_honoured():
    x = np.random.default_rng(0).normal(1, 2, (6, 5, 4)).astype("float32")
    mask = tf.constant(np.arange(30).reshape(6, 5) % 3 > 0)
    assert_is_that_of_keras({}, x, mask)


def test_plain_layers_take_the_kernel_and_others_do_not(monkeypatch):
    calls = []
    kernel = tf.raw_ops.FusedBatchNormV3
    monkeypatch.setattr(
        tf.raw_ops, "FusedBatchNormV3", lambda **given: calls.append(1) or kernel(**given)
    )
    x = tf.ones((2, 3, 3, 4))
    BatchNormalization(momentum=0.9, epsilon=1e-2, name="plain")(x, training=True)
    assert calls == [1]
    if "renorm" in ARGUMENTS:
        BatchNormalization(renorm=True)(x, training=True)
    BatchNormalization(axis=1)(x, training=True)
    assert calls == [1]


def _normalised(layer, x):
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(tf.sin(layer(inputs, training=True)) * x)
    gradients = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
    return [np.asarray(part) for part in (*gradients, layer.moving_mean, layer.moving_variance)]


@pytest.mark.parametrize("shape", [(8, 6, 6, 5), (16, 7), (4, 9, 3), (2, 1, 1, 4)])
def test_batch_normalisation_is_that_of_keras(shape):
    x = (np.random.default_rng(0).normal(1, 2, shape)).astype("float32")
    found = []
    for layer_class in (keras.layers.BatchNormalization, BatchNormalization):
        layer = layer_class(momentum=0.9, epsilon=1e-5)
        layer.build(shape)
        layer.gamma.assign(np.arange(shape[-1]) + 0.5)
        layer.beta.assign(np.arange(shape[-1]) * 0.3)
        found.append(_normalised(layer, x))
        np.testing.assert_allclose(  # with the averages, as at inference
            layer(x),
            (x - layer.moving_mean)
            / np.sqrt(np.asarray(layer.moving_variance) + 1e-5)
            * np.asarray(layer.gamma)
            + np.asarray(layer.beta),
            rtol=1e-3,
            atol=1e-4,
        )
    for expected, value in zip(*found, strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_takes_the_kernel_too(policy, monkeypatch):
    """Values are those of Keras's layer but for one rounding; weights and averages are float32."""
    calls, kernel = [], tf.raw_ops.FusedBatchNormV3
    monkeypatch.setattr(
        tf.raw_ops, "FusedBatchNormV3", lambda **given: calls.append(given) or kernel(**given)
    )
    x = np.random.default_rng(0).normal(1, 2, (8, 6, 6, 5)).astype("float32")
    found = []
    for layer_class in (keras.layers.BatchNormalization, BatchNormalization):
        layer = layer_class(momentum=0.9, epsilon=1e-5, dtype=policy)
        layer.build(x.shape)
        layer.gamma.assign(np.arange(5) + 0.5)
        assert layer(x, training=True).dtype == layer.compute_dtype
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.sin(tf.cast(layer(inputs, training=True), "float32")) * x)
        gradients = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        outputs = tf.cast(layer(x), "float32")
        assert layer.gamma.dtype == layer.moving_mean.dtype == "float32"
        found.append([*gradients, layer.moving_mean, layer.moving_variance, outputs])
    assert len(calls) == 3
    assert all(given["x"].dtype == layer.compute_dtype for given in calls)
    for expected, value in zip(*found, strict=True):
        expected, value = np.asarray(expected), np.asarray(value)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(value, expected, atol=0.02 * scale)


def test_batch_of_one_row():
    layer = BatchNormalization()
    x = np.array([[3.0, -1.0]], "float32")
    np.testing.assert_allclose(layer(x, training=True), np.zeros((1, 2)), atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [0.99, 0.99], rtol=1e-5)


def test_a_frozen_layer_uses_and_keeps_its_averages():
    layer = BatchNormalization()
    x = np.random.default_rng(0).normal(3, 2, (6, 4, 4, 2)).astype("float32")
    layer.build(x.shape)
    layer.moving_mean.assign([1.0, -2.0])
    layer.moving_variance.assign([4.0, 0.25])
    layer.trainable = False
    expected = (x - [1, -2]) / np.sqrt(np.array([4, 0.25]) + layer.epsilon)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, [1, -2])
