"""Vision transformers: patches, fixed positions, attention blocks."""

import math

import keras
import numpy as np
from keras import layers, ops

MLP_RATIO = 4
EPSILON = 1e-6


# --- patches --------------------------------------------------------------------------------


def patch_grid(image_shape, patch_size: int) -> tuple[int, ...]:
    """Returns the number of patches along each spatial axis; a flat vector has one axis."""
    spatial = image_shape[:-1] or image_shape
    return tuple(size // patch_size for size in spatial)


def patch_dim(image_shape, patch_size: int) -> int:
    """Returns the number of values of one patch."""
    channels = image_shape[-1] if len(image_shape) > 1 else 1
    return patch_size ** max(1, len(image_shape) - 1) * channels


def to_patches(x, patch_size: int):
    """Cuts images, series or vectors into patches: `(batch, ...)` to `(batch, num, dim)`.

    Patches are in reading order, the values of each as well, channels last.
    """
    image_shape = tuple(x.shape[1:])
    grid, dim = patch_grid(image_shape, patch_size), patch_dim(image_shape, patch_size)
    if len(image_shape) == 3:
        rows, columns = grid
        x = ops.reshape(x, (-1, rows, patch_size, columns, patch_size, image_shape[-1]))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, math.prod(grid), dim))


def from_patches(patches, image_shape, patch_size: int):
    """Puts patches together again: the inverse of `to_patches`."""
    if len(image_shape) == 3:
        rows, columns = patch_grid(image_shape, patch_size)
        shape = (-1, rows, columns, patch_size, patch_size, image_shape[-1])
        patches = ops.transpose(ops.reshape(patches, shape), (0, 1, 3, 2, 4, 5))
    return ops.reshape(patches, (-1, *image_shape))


def take_tokens(tokens, indices):
    """Takes, for each row of the batch, the tokens at its indices.

    Args:
        tokens: Tensor `(batch, num_tokens, width)`.
        indices: Int tensor `(batch, num_taken)`.

    Returns:
        Tensor `(batch, num_taken, width)`.
    """
    batch, num_tokens = ops.shape(tokens)[:2]
    first = ops.arange(batch, dtype="int32")[:, None] * num_tokens
    flat = ops.reshape(tokens, (-1, tokens.shape[-1]))
    return ops.take(flat, ops.cast(indices, "int32") + first, axis=0)


def sinusoidal_positions(grid: tuple[int, ...], width: int) -> np.ndarray:
    """Computes fixed positions: sines and cosines of each coordinate at falling frequencies.

    `sin(p w_k), cos(p w_k)` with `w_k = 10000^(-k / K)`, `k = 0 ... K - 1`; for two axes, half the
    width holds the row's and half the column's.

    Args:
        grid: Number of tokens along each axis.
        width: Divisible by twice the number of axes.

    Returns:
        Float32 array `(tokens, width)` in reading order.

    Source: Vaswani et al., 2017, section 3.5. https://arxiv.org/abs/1706.03762
    """
    num_frequencies = width // (2 * len(grid))
    frequencies = 10_000.0 ** -(np.arange(num_frequencies) / num_frequencies)
    coordinates = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), axis=-1)
    angles = coordinates.reshape(-1, len(grid), 1) * frequencies  # (tokens, axes, frequencies)
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
    return waves.reshape(len(waves), width).astype("float32")


# --- layers ---------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="zoo")
class SelfAttention(layers.Layer):
    """Mixes tokens by scaled dot-product attention, `softmax(Q K^T / sqrt(d)) V` per head.

    The softmax is computed in float32 under mixed precision.

    Args:
        num_heads: Positive int that divides the width.

    Call arguments:
        x: Float tensor `(batch, tokens, width)`.

    Reference: Vaswani et al., 2017, Eq. 1. https://arxiv.org/abs/1706.03762
    """

    def __init__(self, num_heads: int, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, input_shape):
        width = input_shape[-1]
        self.project = layers.Dense(3 * width, dtype=self.dtype_policy, name="query_key_value")
        self.mix = layers.Dense(width, dtype=self.dtype_policy, name="output")
        self.project.build(input_shape)
        self.mix.build(input_shape)

    def call(self, x):
        tokens, width = ops.shape(x)[1], x.shape[-1]
        head_width = width // self.num_heads
        split = ops.reshape(self.project(x), (-1, tokens, 3, self.num_heads, head_width))
        query, key, value = ops.unstack(ops.transpose(split, (2, 0, 3, 1, 4)), 3)
        scores = ops.matmul(query * head_width**-0.5, ops.swapaxes(key, -1, -2))
        shares = ops.cast(ops.softmax(ops.cast(scores, "float32"), axis=-1), value.dtype)
        mixed = ops.matmul(shares, value)  # (batch, heads, tokens, head_width)
        return self.mix(ops.reshape(ops.swapaxes(mixed, 1, 2), (-1, tokens, width)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads}


@keras.saving.register_keras_serializable(package="zoo")
class TransformerBlock(layers.Layer):
    """Applies attention between tokens and a network within each, with skips.

    x = x + attention(norm(x)),  x = x + mlp(norm(x)),  mlp of width 4 x with GELU

    Args:
        num_heads: Positive int that divides the width.

    Call arguments:
        x: Float tensor `(batch, tokens, width)`.

    Reference: Dosovitskiy et al., 2021, Eq. 2 and 3. https://arxiv.org/abs/2010.11929
    """

    def __init__(self, num_heads: int, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, input_shape):
        width, dtype = input_shape[-1], self.dtype_policy
        self.attention_norm = layers.LayerNormalization(
            epsilon=EPSILON, dtype=dtype, name="attention_norm"
        )
        self.attention = SelfAttention(self.num_heads, dtype=dtype, name="attention")
        self.mlp_norm = layers.LayerNormalization(epsilon=EPSILON, dtype=dtype, name="mlp_norm")
        self.expand = layers.Dense(
            MLP_RATIO * width, activation="gelu", dtype=dtype, name="mlp_expand"
        )
        self.contract = layers.Dense(width, dtype=dtype, name="mlp_contract")
        for layer in (self.attention_norm, self.attention, self.mlp_norm, self.expand):
            layer.build(input_shape)
        self.contract.build((*input_shape[:-1], MLP_RATIO * width))

    def call(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.contract(self.expand(self.mlp_norm(x)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads}


def transformer(width: int, num_blocks: int, num_heads: int, *, dtype=None, name: str):
    """Builds blocks and a final normalisation: `(batch, tokens, width)` to the same shape.

    The number of tokens is free.
    """
    inputs = x = keras.Input((None, width), name="tokens")
    for index in range(1, num_blocks + 1):
        x = TransformerBlock(num_heads, dtype=dtype, name=f"block{index}")(x)
    x = layers.LayerNormalization(epsilon=EPSILON, dtype=dtype, name="norm")(x)
    return keras.Model(inputs, x, name=name)
