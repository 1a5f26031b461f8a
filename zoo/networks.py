"""Encoder and decoder networks, built from plain numbers.

Both are Functional models with named layers, so that `model.encoder.summary()` reads like the
architecture. The same code serves images (2D convolutions), series (1D) and flat vectors (dense).
"""

import math

import keras
from keras import layers

NORMALIZATIONS = (None, "batch", "group", "layer")
DOWN = ("strided", "maxpool")
UP = ("transpose", "upsample")
HEADS = ("conv", "transpose")

_BY_RANK = {
    2: (layers.Conv1D, layers.Conv1DTranspose, layers.MaxPooling1D, layers.UpSampling1D),
    3: (layers.Conv2D, layers.Conv2DTranspose, layers.MaxPooling2D, layers.UpSampling2D),
}


def code_map_shape(image_shape, num_halvings: int, channels: int) -> tuple[int, ...]:
    """Returns the shape of the last feature map: `image_shape` halved, with `channels`."""
    return (*(size // 2**num_halvings for size in image_shape[:-1]), channels)


def kernel_sizes(kernel_size, num_stages: int) -> tuple[int, ...]:
    """Returns one kernel size per stage; an int serves them all."""
    return (kernel_size,) * num_stages if isinstance(kernel_size, int) else tuple(kernel_size)


def _normalization(kind: str | None, channels: int, dtype, name: str):
    if kind == "batch":
        # PyTorch's defaults, which the papers of this field use: momentum 0.1 there is 0.9 here.
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=dtype, name=name)
    if kind == "group":
        return layers.GroupNormalization(math.gcd(8, channels), dtype=dtype, name=name)
    return layers.LayerNormalization(dtype=dtype, name=name)


def _unit(x, layer, normalization, activation, dtype):
    """Applies a layer, its normalisation and its activation."""
    x = layer(x)
    if normalization is not None:
        x = _normalization(normalization, x.shape[-1], dtype, f"{layer.name}_norm")(x)
    if activation != "linear":
        x = layers.Activation(activation, dtype=dtype, name=f"{layer.name}_act")(x)
    return x


def encoder(
    image_shape,
    *,
    widths,
    hidden_units,
    heads: dict[str, int] | None,
    kernel_size=3,
    activation="relu",
    normalization=None,
    down="strided",
    convs_per_stage=1,
    kernel_initializer="glorot_uniform",
    dtype=None,
    name="encoder",
):
    """Builds the network from pixels to the code.

    Each width is a stage that halves the map: `convs_per_stage` convolutions, the last with
    stride 2, or all with stride 1 and a max-pool. Then a flatten, one dense layer per entry of
    `hidden_units`, and one linear dense layer per head.

    Args:
        image_shape: Shape of one image, series or vector.
        heads: Output name to number of units. `None` returns the last feature map itself.
        dtype: Dtype policy of the layers; heads are computed in float32 under mixed precision.

    Returns:
        A Functional model from `(batch, *image_shape)` to the single head's tensor, a dict of
        tensors for several heads, or the feature map.
    """
    inputs = x = keras.Input(image_shape, name="image")
    common = {"dtype": dtype, "kernel_initializer": kernel_initializer}
    if widths:
        conv, _, pool, _ = _BY_RANK[len(image_shape)]
        sizes = kernel_sizes(kernel_size, len(widths))
        for stage, (width, size) in enumerate(zip(widths, sizes, strict=True), 1):
            for index in range(convs_per_stage):
                strided = down == "strided" and index == convs_per_stage - 1
                layer = conv(
                    width,
                    size,
                    strides=2 if strided else 1,
                    padding="same",
                    use_bias=normalization is None,
                    name=f"conv{stage}" if index == 0 else f"conv{stage}_{index + 1}",
                    **common,
                )
                x = _unit(x, layer, normalization, activation, dtype)
            if down == "maxpool":
                x = pool(2, dtype=dtype, name=f"pool{stage}")(x)
    if heads is None:
        return keras.Model(inputs, x, name=name)
    x = layers.Flatten(dtype=dtype, name="flatten")(x)
    for index, units in enumerate(hidden_units, 1):
        dense = layers.Dense(units, name=f"hidden{index}", **common)
        x = _unit(x, dense, normalization, activation, dtype)
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
    unflatten_activation: str | None = None,
    head="conv",
    kernel_initializer="glorot_uniform",
    dtype=None,
    name="decoder",
):
    """Builds the network from the code to linear pixel values (logits).

    The mirror of `encoder`: dense layers, a reshape to the last feature map, and one stage per
    width, the last first, that doubles the map.

    Args:
        image_shape: Shape of one output image.
        code_shape: Shape of the code: `(latent_dim,)`, or that of the last feature map.
        widths: The encoder's widths, in the encoder's order.
        hidden_units: Dense layers in the order of this network, from code to map.
        channels: Output channels; defaults to those of `image_shape`.
        unflatten_activation: Activation of the dense layer before the reshape; defaults to
            `activation`.
        head: `"conv"` ends with a convolution of stride 1; `"transpose"` lets the last
            upsampling stage give the pixels itself.

    Returns:
        A Functional model from `(batch, *code_shape)` to `(batch, ..., channels)`, float32.
    """
    channels = image_shape[-1] if channels is None else channels
    inputs = x = keras.Input(code_shape, name="code")
    common = {"dtype": dtype, "kernel_initializer": kernel_initializer}
    float32_head = {"dtype": "float32", "kernel_initializer": kernel_initializer}
    for index, units in enumerate(hidden_units, 1):
        dense = layers.Dense(units, name=f"hidden{index}", **common)
        x = _unit(x, dense, normalization, activation, dtype)
    if not widths:
        if len(code_shape) > 1:
            x = layers.Flatten(dtype=dtype, name="flatten")(x)
        output_shape = (*image_shape[:-1], channels)
        x = layers.Dense(math.prod(output_shape), name="pixels", **float32_head)(x)
        if len(output_shape) > 1:
            x = layers.Reshape(output_shape, dtype="float32", name="reshape")(x)
        return keras.Model(inputs, x, name=name)

    map_shape = code_map_shape(image_shape, len(widths), widths[-1])
    if len(code_shape) == 1:
        dense = layers.Dense(math.prod(map_shape), name="unflatten", **common)
        x = _unit(x, dense, None, unflatten_activation or activation, dtype)
        x = layers.Reshape(map_shape, dtype=dtype, name="reshape")(x)
    conv, transpose, _, upsample = _BY_RANK[len(image_shape)]
    sizes = kernel_sizes(kernel_size, len(widths))[::-1]
    stages = widths[::-1] if head == "conv" else (*widths[-2::-1], channels)
    for stage, (width, size) in enumerate(zip(stages, sizes, strict=True), 1):
        is_pixels = head == "transpose" and stage == len(stages)
        settings = {
            "padding": "same",
            "use_bias": normalization is None and not is_pixels,
            **(float32_head if is_pixels else common),
        }
        if up == "transpose":
            layer = transpose(width, size, strides=2, name=f"up{stage}", **settings)
        else:
            x = upsample(2, dtype=dtype, name=f"upsample{stage}")(x)
            layer = conv(width, size, name=f"up{stage}", **settings)
        if is_pixels:
            return keras.Model(inputs, layer(x), name=name)
        x = _unit(x, layer, normalization, activation, dtype)
        for index in range(1, convs_per_stage):
            layer = conv(width, size, name=f"up{stage}_{index + 1}", **settings)
            x = _unit(x, layer, normalization, activation, dtype)
    x = conv(channels, sizes[-1], padding="same", name="pixels", **float32_head)(x)
    return keras.Model(inputs, x, name=name)
