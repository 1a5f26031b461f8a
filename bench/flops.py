"""Counts multiply-accumulates by walking the layers of one forward pass."""

import contextlib
import dataclasses
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

COUNTER = "layer-walk-2"

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
    layers.Normalization,
    layers.PReLU,
    layers.RMSNormalization,
    layers.ReLU,
    layers.Rescaling,
    layers.Softmax,
    layers.Subtract,
    layers.UnitNormalization,
)
_POOLING = tuple(
    getattr(layers, f"{kind}Pooling{rank}D") for kind in ("Max", "Average") for rank in (1, 2, 3)
)
_GLOBAL_POOLING = tuple(
    getattr(layers, f"Global{kind}Pooling{rank}D")
    for kind in ("Max", "Average")
    for rank in (1, 2, 3)
)
_FREE = (  # these move values, or do nothing in inference
    layers.ActivityRegularization,
    layers.AlphaDropout,
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
    *(
        getattr(layers, f"{kind}{rank}D")
        for kind in ("ZeroPadding", "Cropping", "SpatialDropout")
        for rank in (1, 2, 3)
    ),
)
# Work beyond that of the layers that they call, and no formula for it here.
_UNKNOWN = (layers.GroupQueryAttention,)
_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_HOOK = threading.RLock()


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


@dataclasses.dataclass(frozen=True)
class _Call:
    layer: layers.Layer
    arguments: tuple  # shapes of the tensors given by position
    keywords: dict  # shapes of those given by name
    output_shape: tuple[int, ...]
    inner: tuple[layers.Layer, ...]  # layers that were called meanwhile

    def shape(self, position: int, name: str) -> tuple[int, ...]:
        """Returns the shape of an argument, however it was given."""
        found = self.keywords.get(name)
        return self.arguments[position] if found is None else found

    @property
    def input_shape(self) -> tuple[int, ...]:
        shapes = [*self.arguments, *self.keywords.values()]
        return next((shape for shape in shapes if shape is not None), ())


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
    `own_macs(input_shape)`, how many it has beside those of the layers it calls. Pointwise layers
    count one operation per output, pooling one per value of its window.

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
    with _recorded_calls() as calls:
        model(sample, training=False)
    total = pointwise = activations = 0
    by_layer: dict[str, int] = {}
    uncounted: dict[str, None] = {}
    for call in calls:
        layer, outputs = call.layer, math.prod(call.output_shape)
        macs = _macs(call)
        if macs == 0:
            continue  # its inner layers count themselves
        if macs is not None:
            total += macs
            by_layer[_new_name(layer.name, by_layer)] = macs
            if isinstance(layer, layers.MultiHeadAttention):  # its projections count themselves
                if not any(isinstance(inner, layers.Softmax) for inner in call.inner):
                    pointwise += macs // (layer.key_dim + layer.value_dim)  # of the scores
                continue
            activations += outputs
            has_bias = getattr(layer, "bias", None) is not None
            pointwise += outputs * (has_bias + _has_activation(layer))
        elif isinstance(layer, _POINTWISE):
            pointwise += outputs
        elif isinstance(layer, layers.UpSampling2D):
            pointwise += 0 if layer.interpolation == "nearest" else outputs
        elif isinstance(layer, _POOLING):
            pointwise += outputs * math.prod(_as_tuple(layer.pool_size))
        elif isinstance(layer, _GLOBAL_POOLING):
            pointwise += math.prod(call.input_shape)
        elif not isinstance(layer, _FREE) and _works_itself(call):
            uncounted[f"{type(layer).__name__}:{layer.name}"] = None
    return MacCount(total, pointwise, activations, by_layer, tuple(uncounted))


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


def _macs(call: _Call) -> int | None:
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
    if isinstance(layer, layers.MultiHeadAttention):
        query, value = call.shape(0, "query"), call.shape(1, "value")
        num_keys = math.prod(value[axis] for axis in layer.attention_axes)
        depth = layer.num_heads * (layer.key_dim + layer.value_dim)
        return math.prod(query[:-1]) * num_keys * depth
    if hasattr(layer, "own_macs"):
        return layer.own_macs(inputs)
    return None


def _works_itself(call: _Call) -> bool:
    """Tells whether a layer may do more than call the layers that were seen to run in it."""
    if not call.inner or isinstance(call.layer, _UNKNOWN):
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


@contextlib.contextmanager
def _recorded_calls() -> Iterator[list[_Call]]:
    """Notes every layer that this thread calls, inner calls before the one they are part of."""
    calls: list[_Call] = []
    running: list[list[layers.Layer]] = []
    thread = threading.get_ident()
    with _HOOK:
        original: Callable = layers.Layer.__call__

        def recording(layer, *args, **kwargs):
            if threading.get_ident() != thread:
                return original(layer, *args, **kwargs)
            for inner in running:
                inner.append(layer)
            running.append([])
            try:
                outputs = original(layer, *args, **kwargs)
            finally:
                inner = running.pop()
            arguments = tuple(_first_shape(value) for value in args)
            keywords = {name: _first_shape(value) for name, value in kwargs.items()}
            output_shape = _first_shape(outputs) or ()
            calls.append(_Call(layer, arguments, keywords, output_shape, tuple(inner)))
            return outputs

        layers.Layer.__call__ = recording
        try:
            yield calls
        finally:
            layers.Layer.__call__ = original


def _first_shape(value) -> tuple[int, ...] | None:
    """Returns the shape of the first tensor in a structure, or None without one."""
    shapes = (leaf.shape for leaf in keras.tree.flatten(value) if hasattr(leaf, "shape"))
    return next((tuple(shape) for shape in shapes), None)
