"""Convolutions of one output channel by products of matrices."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate2d

import zoo
from zoo.training import predict, single_channel


def _model(**changes):
    settings = {"filters": 1, "kernel_size": 3, "padding": "same"} | changes
    model = keras.Sequential([keras.Input((5, 6, 16)), keras.layers.Conv2D(**settings)])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def _convolves(model) -> bool:
    """Tells whether the graph that is traced in the context has a convolution."""
    with single_channel.by_products(model):
        graph = tf.function(model).get_concrete_function(tf.TensorSpec((None, 5, 6, 16))).graph
    return any(operation.type == "Conv2D" for operation in graph.get_operations())


@pytest.mark.parametrize("size", [3, 5, (1, 3)])
def test_values_are_those_of_the_convolution(size):
    model = _model(kernel_size=size, activation="sigmoid")
    x = np.random.default_rng(1).random((2, 5, 6, 16), "float32")
    kernel, bias = model.get_weights()
    sums = [
        [correlate2d(image[..., c], kernel[..., c, 0], mode="same") for c in range(16)]
        for image in x
    ]
    expected = 1 / (1 + np.exp(-(np.sum(sums, axis=1) + bias)))
    with single_channel.by_products(model):
        found = np.asarray(model(x))
    np.testing.assert_allclose(found[..., 0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found, np.asarray(model(x)), rtol=1e-5, atol=1e-6)
    assert not _convolves(model)


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": 2},
        {"kernel_size": 1},
        {"kernel_size": 2},
        {"strides": 2},
        {"padding": "valid"},
        {"dilation_rate": 2},
        {"dtype": "mixed_bfloat16"},
    ],
)
def test_other_convolutions_are_left_as_they_are(changes):
    assert _convolves(_model(**changes))


def test_predict_uses_them_and_xla_does_not(monkeypatch):
    asked = []
    plain = single_channel.by_products
    monkeypatch.setattr(single_channel, "by_products", lambda m: asked.append(m) or plain(m))
    model = zoo.create("autoencoder", (8, 8, 1), widths=(16,), latent_dim=2, seed=0)
    model.compile("adam")
    images = np.random.default_rng(0).random((6, 8, 8, 1), "float32")
    expected = np.asarray(model(images))
    found = model.predict(images, batch_size=4, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert asked
    asked.clear()
    np.testing.assert_allclose(model.predict_on_batch(images), expected, rtol=1e-5, atol=1e-6)
    assert asked
    asked.clear()
    monkeypatch.setattr(predict, "_is_by_xla", lambda model: True)  # as on a GPU
    model.predict(images[:4], batch_size=4, verbose=0)
    assert not asked
