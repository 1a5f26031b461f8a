"""Encoder and decoder networks, built from plain numbers.

Both are Functional models with named layers, so that `model.encoder.summary()` reads like the
architecture. The same code serves images (2D convolutions), series (1D) and flat vectors (dense).
"""

import math

import keras
from keras import layers, ops

from zoo.layers import batch_normalization

NORMALIZATIONS = (None, "batch", "group", "layer")
DOWN = ("strided", "maxpool")
UP = ("transpose", "upsample", "conv_upsample")
HEADS = ("conv", "transpose")
PADDINGS = ("same", "valid")
INITIALIZERS = ("glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "pytorch_uniform")

LAYERS_BY_RANK = {
    2: (layers.Conv1D, layers.Conv1DTranspose, layers.MaxPooling1D, layers.UpSampling1D),
    3: (layers.Conv2D, layers.Conv2DTranspose, layers.MaxPooling2D, layers.UpSampling2D),
}


def code_map_shape(image_shape, num_halvings: int, channels: int) -> tuple[int, ...]:
    """Returns the shape of the last feature map: `image_shape` halved, with `channels`.

    Odd sizes are rounded up, as convolutions and pooling with "same" padding do.
    """
    return (*(-(-size // 2**num_halvings) for size in image_shape[:-1]), channels)


def kernel_sizes(kernel_size, num_stages: int) -> tuple[int, ...]:
    """Returns one kernel size per stage; an int serves them all."""
    return (kernel_size,) * num_stages if isinstance(kernel_size, int) else tuple(kernel_size)


def linear_units(units: int, activation: str) -> int:
    """Returns the units that a layer needs for `units` after its activation.

    `"glu"` multiplies one half of them by the sigmoid of the other half: a gated layer.
    """
    return 2 * units if activation == "glu" else units


def initializer(kind):
    if kind != "pytorch_uniform":
        return kind
    # U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)); plain data, as one object draws the same twice.
    config = {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}
    return {"class_name": "VarianceScaling", "config": config}


def normalization_layer(kind: str | None, channels: int, dtype, name: str):
    if kind == "batch":
        # PyTorch's defaults, which the papers of this field use: momentum 0.1 there is 0.9 here.
        # Its running variance is the unbiased one, n / (n - 1) of the one here.
        return batch_normalization.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype=dtype, name=name
        )
    if kind == "group":
        return layers.GroupNormalization(math.gcd(8, channels), dtype=dtype, name=name)
    return layers.LayerNormalization(dtype=dtype, name=name)


def conv_norm_act(x, layer, normalization, activation, dtype, normalize_last=False):
    """Applies a layer, its normalisation and its activation."""

    def normalized(x):
        if normalization is None:
            return x
        return normalization_layer(normalization, x.shape[-1], dtype, f"{layer.name}_norm")(x)

    x = layer(x)
    if not normalize_last:
        x = normalized(x)
    if activation == "glu":
        x, gate = ops.split(x, 2, axis=-1)
        gate = layers.Activation("sigmoid", dtype=dtype, name=f"{layer.name}_gate")(gate)
        x = layers.Multiply(dtype=dtype, name=f"{layer.name}_gated")([x, gate])
    elif activation != "linear":
        x = layers.Activation(activation, dtype=dtype, name=f"{layer.name}_act")(x)
    return normalized(x) if normalize_last else x


def _cropped(x, image_shape, dtype):
    """Cuts the borders of a map that is larger than the image."""
    excess = [have - want for have, want in zip(x.shape[1:-1], image_shape[:-1], strict=True)]
    if not any(excess):
        return x
    sides = [(extra // 2, extra - extra // 2) for extra in excess]
    if len(sides) == 1:
        return layers.Cropping1D(sides[0], dtype=dtype, name="crop")(x)
    return layers.Cropping2D(sides, dtype=dtype, name="crop")(x)


def encoder(
    image_shape,
    *,
    widths,
    hidden_units,
    heads: dict[str, int] | None,
    kernel_size=3,
    activation="relu",
    normalization=None,
    normalize_last=False,
    normalize_hidden=True,
    down="strided",
    convs_per_stage=1,
    padding="same",
    kernel_initializer="glorot_uniform",
    dtype=None,
    name="encoder",
):
    """Builds the network from pixels to the code.

    Each width is a stage that halves the map: `convs_per_stage` convolutions, the last with
    stride 2, or all with stride 1 and a max-pool. Then a flatten, one dense layer per entry of
    `hidden_units`, and one linear dense layer per head.

    Args:
        image_shape: Shape of one image, series or vector. Odd sizes are rounded up in halving.
        heads: Output name to number of units. `None` returns the last feature map itself.
        normalize_last: Whether the activation comes before the normalisation, not after it;
            convolutions then keep their biases.
        normalize_hidden: Whether the dense layers are normalised as the convolutions are.
        padding: `"same"` or `"valid"`, of the convolutions.
        dtype: Dtype policy of the layers; heads are computed in float32 under mixed precision.

    Returns:
        A Functional model from `(batch, *image_shape)` to the single head's tensor, a dict of
        tensors for several heads, or the feature map.
    """
    inputs = x = keras.Input(image_shape, name="image")
    kernel_initializer = initializer(kernel_initializer)
    common = {"dtype": dtype, "kernel_initializer": kernel_initializer}
    if widths:
        conv, _, pool, _ = LAYERS_BY_RANK[len(image_shape)]
        sizes = kernel_sizes(kernel_size, len(widths))
        for stage, (width, size) in enumerate(zip(widths, sizes, strict=True), 1):
            for index in range(convs_per_stage):
                if padding == "valid" and min(x.shape[1:-1]) < size:
                    raise ValueError(
                        f"encoder: padding must be 'same' where a map is smaller than the kernel. "
                        f"Received: a map of {tuple(x.shape[1:-1])} at stage {stage}, kernel size "
                        f"{size}. Use 'same', larger images or fewer widths."
                    )
                strided = down == "strided" and index == convs_per_stage - 1
                layer = conv(
                    linear_units(width, activation),
                    size,
                    strides=2 if strided else 1,
                    padding=padding,
                    use_bias=normalization is None or normalize_last,
                    name=f"conv{stage}" if index == 0 else f"conv{stage}_{index + 1}",
                    **common,
                )
                x = conv_norm_act(x, layer, normalization, activation, dtype, normalize_last)
            if down == "maxpool":
                x = pool(2, padding="same", dtype=dtype, name=f"pool{stage}")(x)
    if heads is None:
        return keras.Model(inputs, x, name=name)
    x = layers.Flatten(dtype=dtype, name="flatten")(x)
    for index, units in enumerate(hidden_units, 1):
        dense = layers.Dense(linear_units(units, activation), name=f"hidden{index}", **common)
        normalization = normalization if normalize_hidden else None
        x = conv_norm_act(x, dense, normalization, activation, dtype, normalize_last)
    float32_head = {"dtype": "float32", "kernel_initializer": kernel_initializer}
    outputs = {
        key: layers.Dense(units, name=key, **float32_head)(x) for key, units in heads.items()
    }
    if len(heads) == 1:
        (outputs,) = outputs.values()
    return keras.Model(inputs, outputs, name=name)


def decoder(
    image_shape,
    *,
    code_shape,
    widths,
    hidden_units,
    channels: int | None = None,
    kernel_size=3,
    activation="relu",
    normalization=None,
    up="transpose",
    convs_per_stage=1,
    map_channels: int | None = None,
    unflatten_activation: str | None = None,
    head="conv",
    kernel_initializer="glorot_uniform",
    dtype=None,
    name="decoder",
):
    """Builds the network from the code to linear pixel values (logits).

    The mirror of `encoder`: dense layers, a reshape to the last feature map, and one stage per
    width, the last first, that doubles the map. What is then larger than the image is cropped,
    as much on each side.

    Args:
        image_shape: Shape of one output image.
        code_shape: Shape of the code: `(latent_dim,)`, or that of the last feature map.
        widths: The encoder's widths, in the encoder's order.
        hidden_units: Dense layers in the order of this network, from code to map.
        channels: Output channels; defaults to those of `image_shape`.
        up: `"transpose"` convolutions, `"upsample"` (nearest, then a convolution) or
            `"conv_upsample"` (convolutions, then nearest).
        map_channels: Channels of the map that the code is reshaped to; defaults to `widths[-1]`.
        unflatten_activation: Activation of the dense layer before the reshape; defaults to
            `activation`.
        head: `"conv"` ends with a convolution of stride 1; `"transpose"` lets the last stage be
            a transposed convolution that gives the pixels itself, with a bias only where there
            is no normalisation.

    Returns:
        A Functional model from `(batch, *code_shape)` to `(batch, ..., channels)`, float32.
    """
    channels = image_shape[-1] if channels is None else channels
    inputs = x = keras.Input(code_shape, name="code")
    kernel_initializer = initializer(kernel_initializer)
    common = {"dtype": dtype, "kernel_initializer": kernel_initializer}
    float32_head = {"dtype": "float32", "kernel_initializer": kernel_initializer}
    for index, units in enumerate(hidden_units, 1):
        dense = layers.Dense(linear_units(units, activation), name=f"hidden{index}", **common)
        x = conv_norm_act(x, dense, normalization, activation, dtype)
    if not widths:
        if len(code_shape) > 1:
            x = layers.Flatten(dtype=dtype, name="flatten")(x)
        output_shape = (*image_shape[:-1], channels)
        x = layers.Dense(math.prod(output_shape), name="pixels", **float32_head)(x)
        if len(output_shape) > 1:
            x = layers.Reshape(output_shape, dtype="float32", name="reshape")(x)
        return keras.Model(inputs, x, name=name)

    if len(code_shape) == 1:
        map_shape = code_map_shape(image_shape, len(widths), map_channels or widths[-1])
        unflatten_activation = unflatten_activation or activation
        units = linear_units(math.prod(map_shape), unflatten_activation)
        dense = layers.Dense(units, name="unflatten", **common)
        x = conv_norm_act(x, dense, None, unflatten_activation, dtype)
        x = layers.Reshape(map_shape, dtype=dtype, name="reshape")(x)
    conv, transpose, _, upsample = LAYERS_BY_RANK[len(image_shape)]
    sizes = kernel_sizes(kernel_size, len(widths))[::-1]
    stages = widths[::-1] if head == "conv" else (*widths[-2::-1], channels)
    for stage, (width, size) in enumerate(zip(stages, sizes, strict=True), 1):
        is_pixels = head == "transpose" and stage == len(stages)
        width = width if is_pixels else linear_units(width, activation)
        settings = {
            "padding": "same",
            "use_bias": normalization is None,
            **(float32_head if is_pixels else common),
        }
        if is_pixels or up == "transpose":
            layer = transpose(width, size, strides=2, name=f"up{stage}", **settings)
        else:
            layer = conv(width, size, name=f"up{stage}", **settings)
        if is_pixels:
            return keras.Model(inputs, _cropped(layer(x), image_shape, "float32"), name=name)
        if up == "upsample":
            x = upsample(2, dtype=dtype, name=f"upsample{stage}")(x)
        x = conv_norm_act(x, layer, normalization, activation, dtype)
        for index in range(1, convs_per_stage):
            layer = conv(width, size, name=f"up{stage}_{index + 1}", **settings)
            x = conv_norm_act(x, layer, normalization, activation, dtype)
        if up == "conv_upsample":
            x = upsample(2, dtype=dtype, name=f"upsample{stage}")(x)
    x = _cropped(x, image_shape, dtype)
    x = conv(channels, sizes[-1], padding="same", name="pixels", **float32_head)(x)
    return keras.Model(inputs, x, name=name)
