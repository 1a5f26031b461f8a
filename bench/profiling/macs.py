"""Counts multiply-accumulates by walking the layers of one forward pass."""

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from bench.profiling import mac_formulas
from bench.profiling.mac_formulas import LayerCall
from zoo import inspection

COUNTER = "layer-walk-3"


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
    with _recorded(model) as calls:
        model(sample, training=False)
    total = pointwise = activations = activation_bytes = 0
    by_layer: dict[str, int] = {}
    uncounted: dict[str, None] = {}
    for call in calls:
        macs = mac_formulas.macs_of(call)
        if macs is None:
            operations = mac_formulas.pointwise_of(call)
            if operations is not None:
                pointwise += operations
            elif not isinstance(call.layer, mac_formulas.FREE) and _works_itself(call):
                uncounted[f"{type(call.layer).__name__}:{call.layer.name}"] = None
        elif macs > 0:  # else its inner layers count themselves
            total += macs
            pointwise += mac_formulas.pointwise_beside_macs(call)
            by_layer[_new_name(call.layer.name, by_layer)] = macs
            is_attention = isinstance(call.layer, mac_formulas.ATTENTION)
            if not is_attention:  # else its projections count themselves
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


def _layers_inside(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns a model and all layers that it or one of them holds, each once.

    `model.layers` opens networks only: this also finds the layers of a layer, among its attributes
    and in the lists and dicts there.
    """
    layers: dict[int, keras.layers.Layer] = {}
    seen: set[int] = set()
    waiting: list[Any] = [model]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, keras.layers.Layer):
            layers[id(value)] = value
            waiting += vars(value).values()
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple, set)):
            waiting += value
    return list(layers.values())


@contextlib.contextmanager
def _recorded(model: keras.Model) -> Iterator[list[LayerCall]]:
    """Notes every call of a layer of the model, inner calls before the one they are part of."""
    calls: list[LayerCall] = []
    running: list[list[keras.layers.Layer]] = []

    def around(layer, call, *args, **kwargs):
        for inner in running:
            inner.append(layer)
        running.append([])
        try:
            outputs = call(*args, **kwargs)
        finally:
            inner = running.pop()
        first = next(iter(_tensors(outputs)), None)
        calls.append(
            LayerCall(
                layer,
                tuple(_shapes(value) for value in args),
                {name: _shapes(value) for name, value in kwargs.items()},
                () if first is None else tuple(first.shape),
                None if first is None else keras.backend.standardize_dtype(first.dtype),
                tuple(inner),
            )
        )
        return outputs

    with inspection.calls_wrapped(_layers_inside(model), around):
        yield calls


def _works_itself(call: LayerCall) -> bool:
    """Tells whether a layer may do more than call the layers that were seen to run in it."""
    if not call.inner:
        return True
    known = [*call.inner, *getattr(call.layer, "layers", ())]  # a model may leave some unused
    theirs = {id(weight) for layer in known for weight in layer.weights}
    return any(len(weight.shape) and id(weight) not in theirs for weight in call.layer.weights)


def _new_name(name: str, taken: dict[str, int]) -> str:
    numbered, number = name, 1
    while numbered in taken:
        number += 1
        numbered = f"{name} (call {number})"
    return numbered


def _tensors(value) -> list:
    return [leaf for leaf in keras.tree.flatten(value) if hasattr(leaf, "shape")]


def _shapes(value) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(tensor.shape) for tensor in _tensors(value))
