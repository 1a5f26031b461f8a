"""What one call of a layer costs: its multiply-accumulates and the operations beside them."""

import dataclasses
import math

import keras
from keras import layers

_Shape = tuple[int, ...]
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
_ADAPTIVE_POOLING = tuple(  # since Keras 3.13
    getattr(layers, name)
    for name in (f"Adaptive{k}Pooling{rank}D" for k in ("Max", "Average") for rank in (1, 2, 3))
    if hasattr(layers, name)
)
FREE = (  # these move values, or do nothing in inference
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
ATTENTION = (layers.MultiHeadAttention, layers.GroupQueryAttention)
_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)


@dataclasses.dataclass(frozen=True)
class LayerCall:
    """One call of a layer.

    Attributes:
        layer: The layer.
        arguments: Shapes of the tensors given by position, a tuple of shapes for each argument.
        keywords: Shapes of the tensors given by name, likewise.
        output_shape: Shape of the first tensor that came out; `()` where none did.
        output_dtype: Its type, such as `"float32"`; None where none came out.
        inner: Layers that were called meanwhile.
    """

    layer: layers.Layer
    arguments: tuple[tuple[_Shape, ...], ...]
    keywords: dict[str, tuple[_Shape, ...]]
    output_shape: _Shape
    output_dtype: str | None
    inner: tuple[layers.Layer, ...]

    def shape(self, position: int, name: str) -> _Shape:
        """Returns the shape of an argument's first tensor, however the argument was given."""
        shapes = self.keywords.get(name) or self.arguments[position]
        return shapes[0]

    @property
    def input_shapes(self) -> tuple[_Shape, ...]:
        """Shapes of all tensors that were given, in the order of the call."""
        return tuple(s for shapes in (*self.arguments, *self.keywords.values()) for s in shapes)

    @property
    def input_shape(self) -> _Shape:
        """Shape of the first tensor that was given, `()` where none was."""
        return next(iter(self.input_shapes), ())


def macs_of(call: LayerCall) -> int | None:
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


def pointwise_beside_macs(call: LayerCall) -> int:
    """Returns the other operations of a layer that has MACs."""
    layer = call.layer
    if isinstance(layer, ATTENTION):  # its softmax, unless that counts itself
        is_counted = any(isinstance(inner, layers.Softmax) for inner in call.inner)
        return 0 if is_counted else _num_scores(call)
    has_bias = getattr(layer, "bias", None) is not None
    return math.prod(call.output_shape) * (has_bias + _has_activation(layer))


def pointwise_of(call: LayerCall) -> int | None:
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


def _channels(layer, shape: tuple) -> int:
    return shape[-1] if layer.data_format == "channels_last" else shape[1]


def _has_activation(layer) -> bool:
    activation = getattr(layer, "activation", None)
    is_layer = isinstance(activation, layers.Layer)  # then its own call counts
    return not is_layer and activation not in (None, keras.activations.linear)


def _as_tuple(value) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)
