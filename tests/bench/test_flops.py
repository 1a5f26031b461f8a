"""Multiply-accumulates against hand counts and TensorFlow's profiler."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import zoo
from bench import flops


def sequential(shape, *stack):
    return keras.Sequential([keras.Input(shape), *stack])


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda: zoo.create("autoencoder", preset="tf_tutorial_dense"), 784 * 64 * 2),
        (
            lambda: zoo.create("denoising", preset="tf_tutorial_denoiser"),
            14 * 14 * 9 * 16  # Conv 1 -> 16, stride 2
            + 7 * 7 * 9 * 16 * 8  # Conv 16 -> 8, stride 2
            + 7 * 7 * 9 * 8 * 8  # transposed: input positions
            + 14 * 14 * 9 * 8 * 16
            + 28 * 28 * 9 * 16,
        ),
        (lambda: sequential((9, 9, 2), layers.Conv2D(4, (3, 5))), 7 * 5 * 4 * 3 * 5 * 2),
        (lambda: sequential((8, 8, 4), layers.Conv2D(6, 3, groups=2)), 6 * 6 * 6 * 9 * 2),
        (lambda: sequential((10, 3), layers.Conv1D(4, 3, strides=2)), 4 * 4 * 3 * 3),
        (
            lambda: sequential((5, 5, 3), layers.Conv2DTranspose(7, 4, strides=2)),
            5 * 5 * 3 * 7 * 16,
        ),
        (
            lambda: sequential((8, 8, 3), layers.DepthwiseConv2D(3, depth_multiplier=2)),
            6 * 6 * 6 * 9,
        ),
        (lambda: sequential((8, 8, 3), layers.SeparableConv2D(5, 3)), 36 * 3 * 9 + 36 * 3 * 5),
        (lambda: sequential((6, 4), layers.Dense(5)), 6 * 4 * 5),
        (lambda: sequential((8, 8, 3), layers.MaxPooling2D(), layers.Flatten()), 0),
    ],
    ids=range(10),
)
def test_hand_counts(model, expected):
    found = flops.count_macs(model())
    assert found.total == expected
    assert sum(found.by_layer.values()) == expected
    assert found.uncounted_layers == ()


def test_a_layer_called_twice_counts_twice():
    dense = layers.Dense(4)
    inputs = keras.Input((4,))
    found = flops.count_macs(keras.Model(inputs, dense(dense(inputs))))
    assert found.total == 2 * 16
    assert len(found.by_layer) == 2


def test_unknown_layers_are_listed_and_the_hook_is_removed():
    class Strange(layers.Layer):
        def call(self, x):
            return x * 2

    before = layers.Layer.__call__
    found = flops.count_macs(sequential((4,), layers.Dense(3), Strange(name="odd")))
    assert found.uncounted_layers == ("Strange:odd",)
    assert layers.Layer.__call__ is before

    class Broken(layers.Layer):
        def call(self, x):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        broken = Broken()
        broken.input_shape_ = None
        with flops._recorded_calls([]):
            broken(np.zeros((1, 2)))
    assert layers.Layer.__call__ is before


def test_pointwise_work():
    """Bias and activation cost one operation per output each; pooling its window."""
    model = sequential((4, 4, 1), layers.Conv2D(2, 1, activation="relu"), layers.MaxPooling2D(2))
    found = flops.count_macs(model)
    assert found.pointwise == 2 * 32 + 8 * 4
    assert found.flops == 2 * 32 + found.pointwise
    assert found.activations == 32


def test_tensorflow_profiler_agrees():
    model = sequential(
        (16, 16, 3),
        layers.Conv2D(8, 3, padding="valid", use_bias=False),
        layers.Conv2D(16, 3, strides=2, padding="valid", use_bias=False),
        layers.Flatten(),
        layers.Dense(32, use_bias=False),
    )
    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec((1, 16, 16, 3), tf.float32))
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    graph = convert_variables_to_constants_v2(concrete).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    profiled = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
    assert flops.count_macs(model).total == pytest.approx(profiled / 2, rel=0.01)
