"""Counts multiply-accumulates by walking the layers of one forward pass."""

import contextlib
import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

COUNTER = "layer-walk-1"

# Work without multiply-accumulates: per output element, or none at all.
_POINTWISE = (
    layers.Activation,
    layers.Add,
    layers.Average,
    layers.BatchNormalization,
    layers.ELU,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.LeakyReLU,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
    layers.Softmax,
    layers.Subtract,
    layers.UnitNormalization,
    layers.UpSampling2D,
)
_POOLING = tuple(
    getattr(layers, f"{kind}Pooling{rank}D") for kind in ("Max", "Average") for rank in (1, 2, 3)
)
_GLOBAL_POOLING = tuple(
    getattr(layers, f"Global{kind}Pooling{rank}D")
    for kind in ("Max", "Average")
    for rank in (1, 2, 3)
)
_FREE = (
    layers.Concatenate,
    layers.Dropout,
    layers.Embedding,
    layers.Flatten,
    layers.Identity,
    layers.InputLayer,
    layers.Permute,
    layers.RepeatVector,
    layers.Reshape,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.UpSampling1D,
    layers.UpSampling3D,
    *(getattr(layers, f"{kind}{rank}D") for kind in ("ZeroPadding", "Cropping") for rank in (1, 2)),
)


@dataclasses.dataclass(frozen=True)
class MacCount:
    """The cost of one forward pass on one sample.

    Attributes:
        total: Multiply-accumulates (1 MAC = 1 multiplication and 1 addition).
        pointwise: Operations outside of them: biases, activations, normalisation, pooling.
        activations: Output elements of convolutions and dense layers.
        by_layer: MACs of each counted layer, `name` or `name (call 2)`.
        uncounted_layers: `ClassName:name` of layers that this counter has no formula for.
    """

    total: int
    pointwise: int
    activations: int
    by_layer: dict[str, int]
    uncounted_layers: tuple[str, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations: two per MAC, and the pointwise ones."""
        return 2 * self.total + self.pointwise


def count_macs(model: keras.Model, inputs=None) -> MacCount:
    """Counts the work of `model(x, training=False)` on one sample.

    Every layer that the pass really calls is counted with its real shapes: one that is called
    twice counts twice, one that inference does not use counts nothing. Operations outside of
    layers (such as `ops.sigmoid` in a model's `call`) are not counted.

    Formulas: convolution `output positions * kernel * C_in / groups * C_out`; transposed
    convolution `input positions * kernel * C_in * C_out`; depthwise `output positions * kernel *
    channels out`; dense `rows * in * out`. A layer
    without a formula here is listed in `uncounted_layers`, never taken as 0 in silence.

    Args:
        model: A built model; a `ZooModel` knows its `image_shape`, others their `input_shape`.
        inputs: A sample batch of 1, for models whose input is a dict.
    """
    if inputs is None:
        shape = getattr(model, "image_shape", None) or model.input_shape[1:]
        inputs = np.zeros((1, *shape), "float32")
    calls: list[tuple[layers.Layer, tuple, tuple]] = []
    with _recorded_calls(calls):
        model(inputs, training=False)
    total = pointwise = activations = 0
    by_layer: dict[str, int] = {}
    uncounted: dict[str, None] = {}
    for layer, input_shape, output_shape in calls:
        outputs = math.prod(output_shape[1:])
        macs = _macs(layer, input_shape, output_shape)
        if macs is not None:
            total += macs
            activations += outputs
            pointwise += outputs * (
                bool(getattr(layer, "use_bias", False)) + _has_activation(layer)
            )
            by_layer[_new_name(layer.name, by_layer)] = macs
        elif isinstance(layer, _POINTWISE):
            pointwise += outputs
        elif isinstance(layer, _POOLING):
            pointwise += outputs * math.prod(_as_tuple(layer.pool_size))
        elif isinstance(layer, _GLOBAL_POOLING):
            pointwise += math.prod(input_shape[1:])
        elif not isinstance(layer, _FREE):
            uncounted[f"{type(layer).__name__}:{layer.name}"] = None
    return MacCount(total, pointwise, activations, by_layer, tuple(uncounted))


def _macs(layer, input_shape: tuple, output_shape: tuple) -> int | None:
    """Returns the MACs of a layer's call, or None when it has none or is unknown."""
    if isinstance(layer, _TRANSPOSED):
        return math.prod(input_shape[1:]) * math.prod(layer.kernel_size) * layer.filters
    if isinstance(layer, _SEPARABLE):
        spatial, channels = _positions(layer, output_shape), _channels(layer, input_shape)
        depthwise = channels * layer.depth_multiplier
        return spatial * depthwise * (math.prod(layer.kernel_size) + layer.filters)
    if isinstance(layer, _DEPTHWISE):
        return math.prod(output_shape[1:]) * math.prod(layer.kernel_size)
    if isinstance(layer, _CONVOLUTIONS):
        per_output = math.prod(layer.kernel_size) * _channels(layer, input_shape) // layer.groups
        return math.prod(output_shape[1:]) * per_output
    if isinstance(layer, layers.Dense):
        return math.prod(output_shape[1:]) * input_shape[-1]
    return None


_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)


def _channels(layer, shape: tuple) -> int:
    return shape[-1] if layer.data_format == "channels_last" else shape[1]


def _positions(layer, shape: tuple) -> int:
    return math.prod(shape[1:]) // _channels(layer, shape)


def _has_activation(layer) -> bool:
    activation = getattr(layer, "activation", None)
    return activation not in (None, keras.activations.linear)


def _as_tuple(value) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _new_name(name: str, taken: dict[str, int]) -> str:
    numbered, number = name, 1
    while numbered in taken:
        number += 1
        numbered = f"{name} (call {number})"
    return numbered


@contextlib.contextmanager
def _recorded_calls(calls: list):
    """Notes every call of a leaf layer: one in which no other layer is called."""
    original: Callable = layers.Layer.__call__
    nested: list[bool] = []

    def recording(layer, *args, **kwargs):
        if nested:
            nested[-1] = True
        nested.append(False)
        try:
            outputs = original(layer, *args, **kwargs)
        finally:
            is_leaf = not nested.pop()
        if is_leaf:
            shapes = [tuple(x.shape) for x in keras.tree.flatten((args, kwargs)) if _is_tensor(x)]
            output = keras.tree.flatten(outputs)[0]
            calls.append((layer, shapes[0] if shapes else (), tuple(output.shape)))
        return outputs

    layers.Layer.__call__ = recording
    try:
        yield
    finally:
        layers.Layer.__call__ = original


def _is_tensor(value) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")
