"""Multiply-accumulates against hand counts and TensorFlow's profiler."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import zoo
from bench.profiling import macs


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
    found = macs.count_macs(model())
    assert found.total == expected
    assert sum(found.by_layer.values()) == expected
    assert found.uncounted_layers == ()


def test_a_layer_called_twice_counts_twice():
    dense = layers.Dense(4)
    inputs = keras.Input((4,))
    found = macs.count_macs(keras.Model(inputs, dense(dense(inputs))))
    assert found.total == 2 * 16
    assert len(found.by_layer) == 2


def test_a_layer_that_inference_skips_counts_nothing():
    class Training(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.head = layers.Dense(3), layers.Dense(100)

        def call(self, x, training=False):
            x = self.used(x)
            return self.head(x) if training else x

    found = macs.count_macs(Training(), (5,))
    assert found.total == 15
    assert found.uncounted_layers == ()


@pytest.mark.parametrize("kind", ["layer", "function", "name"])
def test_an_activation_is_the_same_work_however_it_is_given(kind):
    activation = {"layer": layers.ReLU(), "function": keras.activations.relu, "name": "relu"}[kind]
    found = macs.count_macs(sequential((6, 6, 2), layers.Conv2D(3, 3, activation=activation)))
    assert found.total == 16 * 3 * 9 * 2
    assert found.pointwise == 2 * 16 * 3
    assert found.uncounted_layers == ()


@pytest.mark.parametrize("by_name", [False, True])
def test_attention(by_name):
    """5 queries and 7 keys, 2 heads of 3 with values of 4."""
    query, value = keras.Input((5, 8)), keras.Input((7, 6))
    attention = layers.MultiHeadAttention(2, key_dim=3, value_dim=4)
    output = attention(value=value, query=query) if by_name else attention(query, value)
    found = macs.count_macs(keras.Model([query, value], output))
    projections = 5 * 8 * 6 + 7 * 6 * 6 + 7 * 6 * 8 + 5 * 8 * 8
    assert found.total == projections + 2 * 5 * 7 * (3 + 4)
    assert found.uncounted_layers == ()


@pytest.mark.parametrize(
    ("equation", "output_shape", "expected"),
    [
        ("abc,cd->abd", (None, 5), 6 * 4 * 5),
        ("abc,cde->abde", (None, 3, 2), 6 * 4 * 3 * 2),
        ("...x,xy->...y", 5, 6 * 4 * 5),
    ],
)
def test_einsum_dense_is_the_product_of_its_axes(equation, output_shape, expected):
    layer = layers.EinsumDense(equation, output_shape=output_shape)
    assert macs.count_macs(sequential((6, 4), layer)).total == expected


def test_inputs_in_a_dict():
    image, label = keras.Input((4, 4, 1), name="image"), keras.Input((3,), name="label")
    joined = layers.Concatenate()([layers.Flatten()(image), label])
    model = keras.Model({"image": image, "label": label}, layers.Dense(2)(joined))
    sample = {"image": np.zeros((1, 4, 4, 1), "float32"), "label": np.zeros((1, 3), "float32")}
    assert macs.count_macs(model).total == macs.count_macs(model, inputs=sample).total == 19 * 2
    sample["label"] = np.zeros((2, 3), "float32")
    with pytest.raises(ValueError, match="inputs must hold a batch of 1"):
        macs.count_macs(model, inputs=sample)


def test_integer_inputs_keep_their_type():
    model = keras.Sequential([keras.Input((5,), dtype="int32"), layers.Embedding(10, 4)])
    model.add(layers.Dense(3))
    assert macs.count_macs(model).total == 5 * 4 * 3


def test_the_shape_must_be_known():
    model = sequential((None, None, 1), layers.Conv2D(2, 3, padding="same"))
    with pytest.raises(ValueError, match="input_shape must be given"):
        macs.count_macs(model)
    assert macs.count_macs(model, (5, 4, 1)).total == 20 * 2 * 9


class Strange(layers.Layer):
    def call(self, x):
        return x * 2


class OwnWeights(layers.Layer):
    """Calls a layer, and multiplies by a matrix of its own beside it."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 7))
        self.activation_layer = layers.ReLU()

    def call(self, x):
        return self.activation_layer(x @ self.kernel)


class OwnScale(OwnWeights):
    def build(self, shape):
        self.kernel = self.add_weight(shape=())
        self.activation_layer = layers.ReLU()

    def call(self, x):
        return self.activation_layer(x * self.kernel)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (lambda: Strange(name="odd"), ("Strange:odd",)),
        (lambda: OwnWeights(name="odd"), ("OwnWeights:odd",)),
        (lambda: OwnScale(name="odd"), ()),
        (lambda: layers.LSTM(2), ("LSTMCell:lstm_cell",)),
        (lambda: layers.Lambda(lambda x: x * 2, name="odd"), ("Lambda:odd",)),
    ],
)
def test_what_has_no_formula_is_listed(layer, expected):
    keras.backend.clear_session()
    inputs = keras.Input((6, 4))
    found = macs.count_macs(keras.Model(inputs, layers.Dense(3)(layer()(inputs))))
    assert found.uncounted_layers == expected
    assert found.total > 0


def test_no_model_of_the_zoo_is_uncounted():
    for name in zoo.names():
        model = zoo.create(name, (16, 16, 1), preset="tiny")
        found = macs.count_macs(model)
        assert found.uncounted_layers == (), name
        assert found.total > 0, name


def test_the_layers_are_as_before():
    """While they are counted, the layers of this model are watched, and no others are."""
    watched = []

    class Looking(layers.Dense):
        def call(self, x):
            watched.append(("call" in vars(self), "call" in vars(other)))
            return super().call(x)

    other = layers.Dense(3)
    model = sequential((4,), Looking(3))
    macs.count_macs(model)
    assert watched[-1] == (True, False)
    with pytest.raises(ValueError):
        macs.count_macs(model, (5,))
    assert not any({"call", "quantized_call"} & set(vars(layer)) for layer in model.layers)


def test_layers_held_in_lists_and_dicts_are_counted():
    class Holding(layers.Layer):
        def __init__(self):
            super().__init__()
            self.several = [layers.Dense(3), {"last": layers.Dense(2)}]

        def call(self, x):
            return self.several[1]["last"](self.several[0](x))

    assert macs.count_macs(keras.Sequential([Holding()]), (4,)).total == 4 * 3 + 3 * 2


def test_a_quantised_layer_is_counted():
    model = sequential((4,), layers.Dense(3))
    model.quantize("int8")
    assert macs.count_macs(model).total == 12


def test_other_threads_are_not_counted():
    other = layers.Dense(50)
    other.build((None, 4))

    class Spawning(layers.Dense):
        def call(self, x):
            thread = threading.Thread(target=other, args=(np.zeros((1, 4), "float32"),))
            thread.start()
            thread.join(10)
            return super().call(x)

    model = keras.Sequential([Spawning(3)])
    assert macs.count_macs(model, (4,)).total == 12


def test_pointwise_work():
    """Bias and activation cost one operation per output each; pooling its window."""
    model = sequential((4, 4, 1), layers.Conv2D(2, 1, activation="relu"), layers.MaxPooling2D(2))
    found = macs.count_macs(model)
    assert found.pointwise == 2 * 32 + 8 * 4
    assert found.flops == 2 * 32 + found.pointwise
    assert found.activations == 32


@pytest.mark.parametrize(
    ("layer", "per_output"),
    [
        (layers.BatchNormalization, 2),  # one product and one sum
        (layers.LayerNormalization, 5 + 2),  # statistics, then scale and shift
        (lambda: layers.LayerNormalization(center=False, scale=False), 5),
        (lambda: layers.GroupNormalization(2), 5 + 2),
        (layers.RMSNormalization, 3 + 1),
        (lambda: layers.Rescaling(2.0), 2),
        (layers.Softmax, 1),
        (lambda: layers.UpSampling2D(), 0),
        (lambda: layers.UpSampling2D(interpolation="bilinear"), 4 + 3),  # products and sums
        (lambda: layers.Resizing(3, 3, interpolation="nearest"), 0),
        (lambda: layers.Resizing(3, 3), 4 + 3),
        (lambda: layers.AveragePooling2D(3, strides=1), 9),
        (lambda: layers.RandomFlip(), 0),
    ],
    ids=range(13),
)
def test_work_without_macs(layer, per_output):
    model = sequential((6, 6, 4), layer())
    found = macs.count_macs(model)
    assert (found.total, found.activations, found.uncounted_layers) == (0, 0, ())
    assert found.pointwise == per_output * np.prod(model.output_shape[1:])


@pytest.mark.skipif(
    not hasattr(layers, "AdaptiveAveragePooling1D"), reason="Keras has it since version 3.13"
)
@pytest.mark.parametrize(("size", "values"), [(2, 6), (3, 6), (4, 8), (5, 10), (6, 6), (1, 6)])
def test_adaptive_pooling_sums_its_windows(size, values):
    """6 rows in 4 windows: rows 0-1, 1-2, 3-4 and 4-5."""
    found = macs.count_macs(sequential((6, 3), layers.AdaptiveAveragePooling1D(size)))
    assert found.pointwise == 3 * values


def test_grouped_attention():
    """5 queries, 7 keys; 4 heads of 3 for queries and 2 for keys and values."""
    query, value = keras.Input((5, 8)), keras.Input((7, 8))
    attention = layers.GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2)
    found = macs.count_macs(keras.Model([query, value], attention(query, value)))
    projections = 5 * 8 * 12 + 2 * 7 * 8 * 6 + 5 * 12 * 8
    assert found.total == projections + 4 * 5 * 7 * (3 + 3)
    assert found.uncounted_layers == ()


@pytest.mark.parametrize(("axes", "expected"), [(1, 6 * 4 * 3), ((2, 2), 4 * 4 * 6)])
def test_dot(axes, expected):
    """Products of a 6 x 4 matrix with one of 6 x 3, and of 4 x 6 with 4 x 6."""
    first, second = ((6, 4), (6, 3)) if axes == 1 else ((4, 6), (4, 6))
    inputs = [keras.Input(first), keras.Input(second)]
    assert macs.count_macs(keras.Model(inputs, layers.Dot(axes)(inputs))).total == expected


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("mixed_bfloat16", 2)])
def test_activations_in_bytes(dtype, size):
    """A convolution of 4 x 4 x 3 and a dense layer of 5; what lies between is not counted."""
    stack = (layers.Conv2D(3, 3, dtype=dtype), layers.Flatten(), layers.Dense(5, dtype=dtype))
    found = macs.count_macs(sequential((6, 6, 2), *stack))
    assert found.activations == 4 * 4 * 3 + 5
    assert found.activation_bytes == size * found.activations


@pytest.mark.parametrize(
    "stack",
    [
        [layers.Conv2D(8, 3, strides=2), layers.Conv2D(4, (1, 3), padding="valid")],
        [layers.Conv2D(8, 3, dilation_rate=2)],
        [layers.Conv2DTranspose(4, 3, strides=2, padding="same")],
        [layers.Conv2DTranspose(4, 2, strides=2)],
        [layers.DepthwiseConv2D(3, depth_multiplier=2)],
        [layers.SeparableConv2D(5, 3)],
        [layers.Flatten(), layers.Dense(32), layers.Dense(3)],
    ],
    ids=["conv", "dilated", "transposed", "transposed_valid", "depthwise", "separable", "dense"],
)
def test_tensorflow_profiler_agrees(stack):
    """It counts products and sums of one image: two for each MAC, and one for each bias."""
    keras.backend.clear_session()
    model = sequential(
        (16, 16, 3), *(type(layer).from_config(layer.get_config()) for layer in stack)
    )
    found = macs.count_macs(model)
    assert 2 * found.total + found.pointwise == profiled(model, (1, 16, 16, 3))


def test_tensorflow_profiler_agrees_on_pooling():
    """It counts the values of each window, as we do."""
    model = sequential((16, 16, 3), layers.MaxPooling2D(2), layers.AveragePooling2D(3, strides=1))
    assert macs.count_macs(model).pointwise == profiled(model, (1, 16, 16, 3))


def profiled(model, shape):
    """Returns the floating-point operations that TensorFlow finds in the graph."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    graph = convert_variables_to_constants_v2(concrete).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


def test_features_and_memories_are_counted():
    features = zoo.create("feature_autoencoder", (16, 16, 1), preset="tiny")
    # Eight maps of 16 x 16: rows are summed into 7 cells, and then columns of these into 7.
    assert macs.count_macs(features).by_layer["hog"] == 8 * (7 * 16 * 16 + 7 * 16 * 7)
    memory = zoo.create("memory_autoencoder", (16, 16, 1), preset="tiny", num_items=30)
    assert macs.count_macs(memory).by_layer["memory"] == 2 * 30 * memory.latent_dim
