"""Counts multiply-accumulates by walking the layers of one forward pass."""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
from keras import layers

from bench.profiling import layer_calls
from bench.profiling.layer_calls import LayerCall

COUNTER = "layer-walk-3"

# Work without multiply-accumulates: per output element, or none at all.
_POINTWISE = (
    layers.Activation,
    layers.Add,
    layers.Average,
    layers.ELU,
    layers.LeakyReLU,
    layers.Masking,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.PReLU,
    layers.ReLU,
    layers.Softmax,
    layers.Subtract,
)
# A product and a sum per output element: their statistics are constants of inference.
_AFFINE = (layers.BatchNormalization, layers.Normalization, layers.Rescaling)
# Operations per output element before the layer's own scale and shift, which are one each.
_NORMALIZATION = {
    layers.GroupNormalization: 5,  # mean, difference, square, mean of the squares, quotient
    layers.LayerNormalization: 5,
    layers.RMSNormalization: 3,
    layers.UnitNormalization: 3,
}
# Input elements that make one output element of a layer that changes the size of images.
_NEIGHBOURS = {"nearest": 1, "bilinear": 4, "bicubic": 16, "lanczos3": 36, "lanczos5": 100}
_RESIZING = (layers.UpSampling2D, layers.Resizing)
_POOLING = tuple(
    getattr(layers, f"{kind}Pooling{rank}D") for kind in ("Max", "Average") for rank in (1, 2, 3)
)
_GLOBAL_POOLING = tuple(
    getattr(layers, f"Global{kind}Pooling{rank}D")
    for kind in ("Max", "Average")
    for rank in (1, 2, 3)
)
_ADAPTIVE_POOLING = tuple(
    getattr(layers, f"Adaptive{kind}Pooling{rank}D")
    for kind in ("Max", "Average")
    for rank in (1, 2, 3)
)
_FREE = (  # these move values, or do nothing in inference
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.CenterCrop,
    layers.Concatenate,
    layers.Dropout,
    layers.Embedding,
    layers.Flatten,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.InputLayer,
    layers.Permute,
    layers.RepeatVector,
    layers.Reshape,
    layers.SpectralNormalization,
    layers.UpSampling1D,
    layers.UpSampling3D,
    *(getattr(layers, name) for name in dir(layers) if name.startswith("Random")),
    *(
        getattr(layers, f"{kind}{rank}D")
        for kind in ("ZeroPadding", "Cropping", "SpatialDropout")
        for rank in (1, 2, 3)
    ),
)
_ATTENTION = (layers.MultiHeadAttention, layers.GroupQueryAttention)
_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)


@dataclasses.dataclass(frozen=True)
class MacCount:
    """The cost of one forward pass on one sample.

    Attributes:
        total: Multiply-accumulates (1 MAC = 1 multiplication and 1 addition).
        pointwise: Operations outside of them: biases, activations, normalisation, pooling.
        activations: Output elements of convolutions and dense layers.
        activation_bytes: The same in bytes, by the type that each layer computes in.
        by_layer: MACs of each counted layer, `name` or `name (call 2)`.
        uncounted_layers: `ClassName:name` of layers that this counter has no formula for.
    """

    total: int
    pointwise: int
    activations: int
    activation_bytes: int
    by_layer: dict[str, int]
    uncounted_layers: tuple[str, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations: two per MAC, and the pointwise ones."""
        return 2 * self.total + self.pointwise


def count_macs(
    model: keras.Model, input_shape: tuple[int, ...] | None = None, *, inputs: Any = None
) -> MacCount:
    """Counts the work of `model(x, training=False)` on one sample.

    Every layer that the pass really calls is counted with its real shapes: one that is called
    twice counts twice, one that inference does not use counts nothing. Operations outside of
    layers (such as `ops.sigmoid` in a model's `call`) are not counted.

    Formulas: convolution `output positions * kernel * C_in / groups * C_out`; transposed
    convolution `input positions * kernel * C_in * C_out`; depthwise `output positions * kernel *
    channels out`; dense `rows * in * out`; einsum-dense the product of all its axes; attention
    `queries * keys * heads * (key_dim + value_dim)` beside its projections. A layer without a
    formula here is listed in `uncounted_layers`, and so is one that calls others but has weights
    of its own (scalars aside): neither is taken as 0 in silence. It may tell itself, by a method
    `own_macs(input_shape)`, how many it has beside those of the layers it calls.

    Pointwise operations, per output element: 1 for a bias, an activation or a merging layer, 2 for
    batch normalisation, which is a product and a sum in inference, 5 for layer or group and 3 for
    RMS normalisation with one more for each of scale and shift, one per value of its window for
    pooling, `2 n - 1` for a size that is changed by interpolation between `n` neighbours.

    Args:
        model: A model; a `ZooModel` and a functional one know what they take.
        input_shape: Shape of one sample, for a model that does not know it.
        inputs: What the model is called on, when it is not one float tensor: arrays, or a dict
            of arrays, that hold a batch of 1.

    Raises:
        ValueError: if the shape of a sample is not known, or `inputs` is not a batch of 1.

    Reference: Goodfellow et al., Deep Learning, 2016, chapter 9 for the convolutions; Vaswani et
    al., 2017, section 3.2 for attention. https://arxiv.org/abs/1706.03762
    """
    sample = _sample(model, input_shape, inputs)
    model(sample, training=False)  # a first call also builds, which calls layers once more
    with layer_calls.recorded() as calls:
        model(sample, training=False)
    total = pointwise = activations = activation_bytes = 0
    by_layer: dict[str, int] = {}
    uncounted: dict[str, None] = {}
    for call in calls:
        macs = _macs(call)
        if macs is None:
            operations = _pointwise(call)
            if operations is not None:
                pointwise += operations
            elif not isinstance(call.layer, _FREE) and _works_itself(call):
                uncounted[f"{type(call.layer).__name__}:{call.layer.name}"] = None
        elif macs > 0:  # else its inner layers count themselves
            total += macs
            pointwise += _pointwise_beside_macs(call)
            by_layer[_new_name(call.layer.name, by_layer)] = macs
            if not isinstance(call.layer, _ATTENTION):  # its projections count themselves
                elements = math.prod(call.output_shape)
                activations += elements
                activation_bytes += elements * num_bytes(call.output_dtype)
    return MacCount(total, pointwise, activations, activation_bytes, by_layer, tuple(uncounted))


def num_bytes(dtype: str) -> int:
    """Returns the size of one element of a type, such as 2 for `"bfloat16"`."""
    import tensorflow as tf

    return tf.as_dtype(dtype).size


def _sample(model, input_shape, inputs):
    """Returns a batch of 1 to call the model on."""
    if inputs is not None:
        shapes = [tuple(np.shape(leaf)) for leaf in keras.tree.flatten(inputs)]
        if any(shape[:1] != (1,) for shape in shapes):
            raise ValueError(
                "count_macs: inputs must hold a batch of 1. "
                f"Received: arrays of shapes {shapes}. Give x[:1] of each."
            )
        return keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
    if input_shape is not None:
        return keras.ops.zeros((1, *input_shape), "float32")
    symbolic = _symbolic_inputs(model)
    shapes = [tuple(tensor.shape[1:]) for tensor in keras.tree.flatten(symbolic)]
    if not shapes or any(size is None for shape in shapes for size in shape):
        raise ValueError(
            "count_macs: input_shape must be given for a model that does not fix it. "
            f"Received: input_shape=None, {type(model).__name__} {model.name!r}. "
            "For example count_macs(model, (28, 28, 1))."
        )
    return keras.tree.map_structure(
        lambda tensor: keras.ops.zeros((1, *tensor.shape[1:]), tensor.dtype), symbolic
    )


def _symbolic_inputs(model):
    if hasattr(model, "example_inputs"):  # a model of the zoo
        return model.example_inputs()
    if isinstance(model, keras.Sequential):
        return model.inputs[0] if model.built else []
    try:
        return model.input
    except (AttributeError, ValueError):  # a subclassed model
        return []


def _macs(call: LayerCall) -> int | None:
    """Returns the MACs of a layer's call, or None when it has none or is unknown."""
    layer, inputs, outputs = call.layer, call.input_shape, call.output_shape
    if isinstance(layer, _TRANSPOSED):
        return math.prod(inputs) * math.prod(layer.kernel_size) * layer.filters
    if isinstance(layer, _SEPARABLE):
        spatial, channels = math.prod(outputs) // layer.filters, _channels(layer, inputs)
        depthwise = channels * layer.depth_multiplier
        return spatial * depthwise * (math.prod(layer.kernel_size) + layer.filters)
    if isinstance(layer, _DEPTHWISE):
        return math.prod(outputs) * math.prod(layer.kernel_size)
    if isinstance(layer, _CONVOLUTIONS):
        per_output = math.prod(layer.kernel_size) * _channels(layer, inputs) // layer.groups
        return math.prod(outputs) * per_output
    if isinstance(layer, layers.Dense):
        return math.prod(outputs) * inputs[-1]
    if isinstance(layer, layers.EinsumDense):
        given, kernel = layer.equation.replace(" ", "").split("->")[0].split(",")
        sizes = zip(kernel.replace(".", ""), layer.kernel.shape, strict=True)
        return math.prod(inputs) * math.prod(size for axis, size in sizes if axis not in given)
    if isinstance(layer, layers.Dot):
        axes = (layer.axes,) if isinstance(layer.axes, int) else layer.axes
        return math.prod(outputs) * inputs[axes[0]]
    if isinstance(layer, layers.MultiHeadAttention):
        return _num_scores(call) * (layer.key_dim + layer.value_dim)
    if isinstance(layer, layers.GroupQueryAttention):
        return _num_scores(call) * 2 * layer.head_dim
    if hasattr(layer, "own_macs"):
        return layer.own_macs(inputs)
    return None


def _num_scores(call: LayerCall) -> int:
    """Returns how many pairs of a query and a key an attention layer compares, over all heads."""
    layer, query, value = call.layer, call.shape(0, "query"), call.shape(1, "value")
    if isinstance(layer, layers.GroupQueryAttention):
        return layer.num_query_heads * math.prod(query[:-1]) * value[-2]
    num_keys = math.prod(value[axis] for axis in layer.attention_axes)
    return layer.num_heads * math.prod(query[:-1]) * num_keys


def _pointwise_beside_macs(call: LayerCall) -> int:
    """Returns the other operations of a layer that has MACs."""
    layer = call.layer
    if isinstance(layer, _ATTENTION):  # its softmax, unless that counts itself
        is_counted = any(isinstance(inner, layers.Softmax) for inner in call.inner)
        return 0 if is_counted else _num_scores(call)
    has_bias = getattr(layer, "bias", None) is not None
    return math.prod(call.output_shape) * (has_bias + _has_activation(layer))


def _pointwise(call: LayerCall) -> int | None:
    """Returns the operations of a layer without MACs, or None when it has none or is unknown."""
    layer, outputs = call.layer, math.prod(call.output_shape)
    if isinstance(layer, _POINTWISE):
        return outputs
    if isinstance(layer, _AFFINE):
        return 2 * outputs
    for kind, operations in _NORMALIZATION.items():
        if isinstance(layer, kind):
            return (operations + len(layer.weights)) * outputs
    if isinstance(layer, _RESIZING):
        neighbours = _NEIGHBOURS[layer.interpolation]
        return 0 if neighbours == 1 else (2 * neighbours - 1) * outputs
    if isinstance(layer, _POOLING):
        return outputs * math.prod(_as_tuple(layer.pool_size))
    if isinstance(layer, _GLOBAL_POOLING):
        return math.prod(call.input_shape)
    if isinstance(layer, _ADAPTIVE_POOLING):
        return _windows(call)
    return None


def _windows(call: LayerCall) -> int:
    """Returns the values in all windows of adaptive pooling; neighbours may share a row."""
    first = 1 if call.layer.data_format == "channels_last" else 2
    num_axes = len(call.input_shape) - 2
    values = math.prod(call.input_shape)
    for axis in range(first, first + num_axes):
        given, wanted = call.input_shape[axis], call.output_shape[axis]
        sizes = (-(-(i + 1) * given // wanted) - i * given // wanted for i in range(wanted))
        values = values // given * sum(sizes)
    return values


def _works_itself(call: LayerCall) -> bool:
    """Tells whether a layer may do more than call the layers that were seen to run in it."""
    if not call.inner:
        return True
    known = [*call.inner, *getattr(call.layer, "layers", ())]  # a model may leave some unused
    theirs = {id(weight) for layer in known for weight in layer.weights}
    return any(len(weight.shape) and id(weight) not in theirs for weight in call.layer.weights)


def _channels(layer, shape: tuple) -> int:
    return shape[-1] if layer.data_format == "channels_last" else shape[1]


def _has_activation(layer) -> bool:
    activation = getattr(layer, "activation", None)
    is_layer = isinstance(activation, layers.Layer)  # then its own call counts
    return not is_layer and activation not in (None, keras.activations.linear)


def _as_tuple(value) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _new_name(name: str, taken: dict[str, int]) -> str:
    numbered, number = name, 1
    while numbered in taken:
        number += 1
        numbered = f"{name} (call {number})"
    return numbered
