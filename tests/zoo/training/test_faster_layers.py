"""Layers computed another way at inference."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate2d

import zoo
from zoo.training import faster_layers, predict

CHANNELS = 16


def _model(kind, **settings):
    model = keras.Sequential([keras.Input((5, 6, CHANNELS)), kind(**settings)])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def _convolution(**changes):
    settings = {"filters": 1, "kernel_size": 3, "padding": "same"} | changes
    return _model(keras.layers.Conv2D, **settings)


def _transposed(**changes):
    settings = {"filters": 2, "kernel_size": 4, "strides": 2, "padding": "same"} | changes
    return _model(keras.layers.Conv2DTranspose, **settings)


def _operations(model) -> set[str]:
    """Returns the kinds of operations of the graph that is traced in the context."""
    with faster_layers.swapped_in(model):
        graph = tf.function(model).get_concrete_function(tf.TensorSpec((None, 5, 6, 16))).graph
    return {operation.type for operation in graph.get_operations()}


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).random((2, 5, 6, CHANNELS), "float32")


@pytest.mark.parametrize("size", [3, 5, (1, 3)])
def test_a_convolution_of_one_channel(size, x):
    model = _convolution(kernel_size=size, activation="sigmoid")
    kernel, bias = model.get_weights()
    sums = [
        [correlate2d(image[..., c], kernel[..., c, 0], mode="same") for c in range(CHANNELS)]
        for image in x
    ]
    expected = 1 / (1 + np.exp(-(np.sum(sums, axis=1) + bias)))
    with faster_layers.swapped_in(model):
        found = np.asarray(model(x))
    np.testing.assert_allclose(found[..., 0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found, np.asarray(model(x)), rtol=1e-5, atol=1e-6)
    assert "Conv2D" not in _operations(model)


def _spread(x, kernel, strides):
    """Returns a transposed convolution, input pixel by input pixel.

    Each adds its kernel to an output, of which the middle is kept as SAME has it.
    """
    (num, rows, columns, _), (high, wide, after, _) = x.shape, kernel.shape
    y = np.zeros((num, rows * strides[0] + high, columns * strides[1] + wide, after))
    for i, j in itertools.product(range(rows), range(columns)):
        place = np.s_[:, i * strides[0] : i * strides[0] + high, j * strides[1] :]
        y[place][:, :, :wide] += np.einsum("nc,hwoc->nhwo", x[:, i, j], kernel)
    top, left = (max(0, k - s) // 2 for k, s in zip((high, wide), strides, strict=True))
    return y[:, top : top + rows * strides[0], left : left + columns * strides[1]]


@pytest.mark.parametrize("strides", [(2, 2), (3, 3), (2, 1), (1, 3)])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (3, 4)])
def test_a_transposed_convolution_of_few_channels(size, strides, x):
    filters, activation = (1, "sigmoid") if strides == (3, 3) else (2, "softmax")
    model = _transposed(filters=filters, kernel_size=size, strides=strides, activation=activation)
    kernel, bias = model.get_weights()
    values = np.exp(_spread(x, kernel, strides) + bias)
    total = 1 + values if activation == "sigmoid" else values.sum(axis=-1, keepdims=True)
    expected = values / total
    with faster_layers.swapped_in(model):
        found = np.asarray(model(x))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert "Conv2DBackpropInput" not in _operations(model)


@pytest.mark.parametrize("changes", [{"dtype": "mixed_bfloat16"}, {"use_bias": False}])
def test_a_transposed_convolution_of_few_channels_in_other_forms(changes, x):
    model = _transposed(**changes)
    with faster_layers.swapped_in(model):
        found = model(x)
    assert found.dtype == model.layers[-1].compute_dtype
    tolerance = 1e-5 if found.dtype == "float32" else 0.02
    np.testing.assert_allclose(
        *(np.asarray(y).astype("float32") for y in (found, model(x))),
        rtol=tolerance,
        atol=tolerance,
    )
    assert "Conv2DBackpropInput" not in _operations(model)


@pytest.mark.parametrize("activation", [None, "relu", "sigmoid"])
def test_a_bias_in_bfloat16(activation, x):
    model = _transposed(filters=32, activation=activation, dtype="mixed_bfloat16")
    kernel, bias = model.get_weights()
    sums = _spread(x, kernel, (2, 2)) + bias
    expected = {None: sums, "relu": np.maximum(sums, 0), "sigmoid": 1 / (1 + np.exp(-sums))}
    with faster_layers.swapped_in(model):
        found = model(x)
    assert found.dtype == "bfloat16"
    found = np.asarray(found).astype("float32")
    # Weights, inputs and results have 8 bits each; 64 products are added.
    np.testing.assert_allclose(found, expected[activation], rtol=2**-7, atol=64 * 2**-8)
    np.testing.assert_allclose(found, np.asarray(model(x)).astype("float32"), rtol=2**-6, atol=0.05)
    assert {"FusedBatchNormV3"} <= _operations(model)


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
    assert "Conv2D" in _operations(_convolution(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": 32},
        {"strides": 1},
        {"padding": "valid"},
        {"strides": 1, "dilation_rate": 2},
        {"output_padding": 1},
        {"filters": 32, "use_bias": False, "dtype": "mixed_bfloat16"},
    ],
)
def test_other_transposed_convolutions_are_left_as_they_are(changes):
    kinds = _operations(_transposed(**changes))
    assert "Conv2DBackpropInput" in kinds
    assert "FusedBatchNormV3" not in kinds


def test_what_inherits_from_a_layer_is_left_as_it_is():
    class Own(keras.layers.Conv2DTranspose):
        def call(self, inputs):
            return 2 * super().call(inputs)

    model = _model(Own, filters=1, kernel_size=3, strides=2, padding="same")
    assert "Conv2DBackpropInput" in _operations(model)


def test_predict_uses_them_and_xla_does_not(monkeypatch):
    asked = []
    plain = faster_layers.swapped_in
    monkeypatch.setattr(faster_layers, "swapped_in", lambda m: asked.append(m) or plain(m))
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
