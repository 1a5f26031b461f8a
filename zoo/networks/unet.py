"""U-Net networks, built from plain numbers.

All are Functional models with named layers from an image or a series to a dict of tensors of the
same size: `"logits"`, and what else a variant shows. Levels count from the image: level 1 has the
image's size and the last is the bottom. The same parts serve all variants.
"""

import keras
from keras import layers

from zoo.layers.sampling import SeededDropout
from zoo.networks.convolutional import LAYERS_BY_RANK, conv_norm_act, normalization_layer

DOWN = ("maxpool", "strided")
UP = ("transpose", "upsample")
INTERPOLATIONS = ("nearest", "bilinear")


class UNetBuilder:
    """The parts of one network, all with the same settings.

    Args:
        rank: `3` for images, `2` for series: the length of `image_shape`.
        convs_per_stage: Convolutions per stage.
        kernel_size: Int.
        activation: Keras activation of the hidden layers.
        normalization: `None`, `"batch"`, `"group"` or `"layer"`.
        dropout: Float in `[0, 1)`, share of the bottom's values that training sets to 0.
        down: `"maxpool"` or `"strided"`: a convolution of stride 2.
        up: `"transpose"`: a 2x2 transposed convolution of stride 2; or `"upsample"`: an
            interpolation and a convolution. Both linear.
        interpolation: Of `"upsample"`: `"nearest"` or `"bilinear"`.
        convolve_upsampled: Whether `"upsample"` has its convolution; without, the channels stay.
        seed_generator: `keras.random.SeedGenerator` of the dropout.
        dtype: Dtype policy of the layers.
    """

    def __init__(
        self,
        rank: int,
        *,
        convs_per_stage=2,
        kernel_size=3,
        activation="relu",
        normalization=None,
        dropout=0.0,
        down="maxpool",
        up="transpose",
        interpolation="nearest",
        convolve_upsampled=True,
        seed_generator=None,
        dtype=None,
    ):
        self._conv, self._transpose, self._pool, self._upsample = LAYERS_BY_RANK[rank]
        self._is_image = rank == 3
        self.convs_per_stage = convs_per_stage
        self.kernel_size = kernel_size
        self.activation = activation
        self.normalization = normalization
        self.dropout_rate = dropout
        self.down_kind = down
        self.up_kind = up
        self.interpolation = interpolation
        self.convolve_upsampled = convolve_upsampled
        self.seed_generator = seed_generator
        self.dtype = dtype

    def conv(self, width, name, *, size=None, strides=1, **settings):
        """Returns a convolution that keeps the size, but for its stride."""
        settings = {"dtype": self.dtype, "kernel_initializer": "he_normal", **settings}
        size = self.kernel_size if size is None else size
        return self._conv(width, size, strides=strides, padding="same", name=name, **settings)

    def activate(self, x, name):
        """Applies the normalisation and the activation."""
        if self.normalization is not None:
            norm = normalization_layer(
                self.normalization, x.shape[-1], self.dtype, name=f"{name}_norm"
            )
            x = norm(x)
        return layers.Activation(self.activation, dtype=self.dtype, name=f"{name}_act")(x)

    def conv_norm_act(self, x, width, name, *, strides=1):
        """Applies a convolution, its normalisation and its activation."""
        layer = self.conv(width, name, strides=strides, use_bias=self.normalization is None)
        return conv_norm_act(x, layer, self.normalization, self.activation, self.dtype)

    def conv_block(self, x, width, name):
        """Applies the convolutions of one stage."""
        for index in range(1, self.convs_per_stage + 1):
            x = self.conv_norm_act(x, width, f"{name}_conv{index}")
        return x

    def residual_block(self, x, width, name, *, strides=1, activate_first=True):
        """Applies a stage of normalisation, activation, convolution, and adds its input.

        The shortcut is the identity, or a 1x1 convolution where the shape changes. Where it is
        strided, every other pixel is taken first: oneDNN's gradient of a strided 1x1 convolution
        writes past its memory if the channels are no multiple of 8 and one thread runs it.
        """
        shortcut = x
        for index in range(1, self.convs_per_stage + 1):
            if index > 1 or activate_first:
                x = self.activate(x, f"{name}_pre{index}")
            is_last = index == self.convs_per_stage
            layer = self.conv(
                width,
                f"{name}_conv{index}",
                strides=strides if index == 1 else 1,
                use_bias=self.normalization is None or is_last,
            )
            x = layer(x)
        if strides > 1 or shortcut.shape[-1] != width:
            if strides > 1:
                thin = self._pool(1, strides=strides, dtype=self.dtype, name=f"{name}_thinned")
                shortcut = thin(shortcut)
            shortcut = self.conv(width, f"{name}_shortcut", size=1, use_bias=False)(shortcut)
        return layers.Add(dtype=self.dtype, name=f"{name}_add")([shortcut, x])

    def dropout(self, x):
        """Applies the dropout, where there is one."""
        if not self.dropout_rate:
            return x
        return SeededDropout(
            self.dropout_rate, self.seed_generator, dtype=self.dtype, name="dropout"
        )(x)

    def pool(self, x, level):
        return self._pool(2, dtype=self.dtype, name=f"pool{level}")(x)

    def down(self, x, level):
        """Halves the map of a level; its channels stay."""
        if self.down_kind == "maxpool":
            return self.pool(x, level)
        return self.conv_norm_act(x, x.shape[-1], f"down{level}", strides=2)

    def up(self, x, width, name):
        """Doubles the map."""
        if self.up_kind == "transpose":
            return self._transpose(
                width, 2, strides=2, padding="same", dtype=self.dtype, name=name
            )(x)
        x = self.enlarge(x, f"{name}_repeat", self.interpolation, self.dtype)
        if not self.convolve_upsampled:
            return x
        return self.conv(width, name, kernel_initializer="glorot_uniform")(x)

    def enlarge(self, x, name, interpolation, dtype):
        """Doubles the map without weights; series know no bilinear interpolation."""
        settings = {"interpolation": interpolation} if self._is_image else {}
        return self._upsample(2, dtype=dtype, name=name, **settings)(x)

    def gate(self, skip, signal, level):
        """Weighs the places of a skip by a signal from the coarser level below.

            attention = enlarge(sigmoid(psi(relu(W_x skip + W_g signal + b_g)) + b_psi))

        Returns:
            The weighed skip, and the attention `(batch, ..., 1)` in `(0, 1)`, float32.

        Source: Oktay et al., 2018, Eq. 1 to 3. https://arxiv.org/abs/1804.03999
        """
        name, inner = f"gate{level}", max(1, skip.shape[-1] // 2)
        seen = self.conv(inner, f"{name}_skip", size=2, strides=2, use_bias=False)(skip)
        asked = self.conv(inner, f"{name}_signal", size=1)(signal)
        both = layers.Add(dtype=self.dtype, name=f"{name}_add")([seen, asked])
        both = layers.Activation("relu", dtype=self.dtype, name=f"{name}_act")(both)
        settings = {"kernel_initializer": "glorot_uniform", "dtype": "float32"}
        coarse = self.conv(1, f"{name}_psi", size=1, activation="sigmoid", **settings)(both)
        attention = self.enlarge(coarse, f"attention{level}", "bilinear", "float32")
        weighed = layers.Multiply(dtype=self.dtype, name=f"{name}_weigh")([skip, attention])
        return weighed, attention

    def join(self, maps, name):
        """Concatenates maps of one size along their channels."""
        return layers.Concatenate(dtype=self.dtype, name=name)(maps)

    def head(self, x, channels, name, *, initializer="glorot_uniform"):
        """Maps features to logits by a 1x1 convolution, in float32 under mixed precision."""
        settings = {"kernel_initializer": initializer, "dtype": "float32"}
        return self.conv(channels, name, size=1, **settings)(x)


def unet(
    image_shape,
    *,
    widths,
    channels,
    residual=False,
    gated=False,
    head_initializer="glorot_uniform",
    name="unet",
    **settings,
):
    """Builds a U-Net: a path that halves, a path that doubles, and a skip at each level.

    Args:
        image_shape: `(height, width, channels)` or `(length, channels)`.
        widths: Channels of each level; the last is the bottom. `len(widths) - 1` halvings.
        channels: Channels of the logits.
        residual: Whether stages are residual blocks; strided ones then halve the map themselves.
        gated: Whether attention gates weigh the skips.
        head_initializer: Of the kernel that gives the logits; with `"zeros"` all of them start
            at 0.
        **settings: See `UNetBuilder`.

    Returns:
        A Functional model from `(batch, *image_shape)` to a dict: `"logits"`
        `(batch, ..., channels)`; with gates also `"attention1"`, ... `(batch, ..., 1)`.
    """
    parts = UNetBuilder(len(image_shape), **settings)
    inputs = x = keras.Input(image_shape, name="image")
    num_levels = len(widths)
    skips, outputs = {}, {}
    for level, width in enumerate(widths, 1):
        stage = "bottom" if level == num_levels else f"encode{level}"
        if not residual:
            x = x if level == 1 else parts.down(x, level - 1)
            x = parts.conv_block(x, width, stage)
        elif level == 1:
            x = parts.residual_block(x, width, stage, activate_first=False)
        elif parts.down_kind == "strided":
            x = parts.residual_block(x, width, stage, strides=2)
        else:
            x = parts.residual_block(parts.pool(x, level - 1), width, stage)
        skips[level] = x
    x = parts.dropout(x)
    block = parts.residual_block if residual else parts.conv_block
    for level in range(num_levels - 1, 0, -1):
        width, skip = widths[level - 1], skips[level]
        if gated:
            skip, outputs[f"attention{level}"] = parts.gate(skip, x, level)
        x = parts.join([skip, parts.up(x, width, f"up{level}")], f"skip{level}")
        x = block(x, width, f"decode{level}")
    outputs["logits"] = parts.head(x, channels, "logits", initializer=head_initializer)
    return keras.Model(inputs, outputs, name=name)


def nested_unet(
    image_shape, *, widths, channels, deep_supervision=True, name="nested_unet", **settings
):
    """Builds a U-Net++: between encoder and decoder lies a triangle of nodes.

        node(i, j) = block([node(i, 0), ..., node(i, j - 1), up(node(i + 1, j - 1))])

    Args:
        image_shape: `(height, width, channels)` or `(length, channels)`.
        widths: Channels of each level; the last is the bottom.
        channels: Channels of the logits.
        deep_supervision: Whether each node `(0, j)`, `j >= 1`, has a head, or the last alone.
        **settings: See `UNetBuilder`.

    Returns:
        A Functional model from `(batch, *image_shape)` to a dict: `"head<j>"`
        `(batch, ..., channels)`, the logits of node `(0, j)`.

    Source: Zhou et al., 2018, Eq. 1. https://arxiv.org/abs/1807.10165
    """
    parts = UNetBuilder(len(image_shape), **settings)
    inputs = x = keras.Input(image_shape, name="image")
    depth = len(widths) - 1
    node = {}
    for row, width in enumerate(widths):
        x = x if row == 0 else parts.down(x, row)
        x = parts.conv_block(x, width, f"node{row}_0")
        node[row, 0] = x = parts.dropout(x) if row == depth else x
    for column in range(1, depth + 1):
        for row in range(depth - column + 1):
            name_here = f"{row}_{column}"
            before = [node[row, earlier] for earlier in range(column)]
            below = parts.up(node[row + 1, column - 1], widths[row], f"up{name_here}")
            joined = parts.join([*before, below], f"skip{name_here}")
            node[row, column] = parts.conv_block(joined, widths[row], f"node{name_here}")
    columns = range(1, depth + 1) if deep_supervision else (depth,)
    outputs = {f"head{j}": parts.head(node[0, j], channels, f"head{j}") for j in columns}
    return keras.Model(inputs, outputs, name=name)
