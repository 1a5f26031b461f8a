"""Layers that are computed another way at inference on a CPU, because it is faster there.

Values differ by rounding. Training has the ordinary ways, as the gradients of these are slower.
bench/suites/test_predict.py measures what each is worth.
"""

import contextlib
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from zoo import inspection

_LANES = 16  # output channels that oneDNN computes at a time with AVX-512
_LEAST_CHANNELS = 16  # of the input
_MOST_PLACES = 25  # of the kernel
_EPSILON = 2.0**-10  # so that 1 - epsilon + epsilon is 1


def swapped_in(model) -> contextlib.AbstractContextManager[None]:
    """Has a model compute some of its layers another way, in the context.

    - Convolutions of one output channel: one product of matrices, then shifted sums.
    - Transposed convolutions of few output channels: a convolution, whose channels then become
      pixels.
    - Other transposed convolutions with a bias, in bfloat16: the bias is added by the kernel of
      batch normalisation.

    On a GPU, for layers of another kind and for images of unknown size, nothing is changed.
    """
    if keras.distribution.list_devices("gpu"):
        return contextlib.nullcontext()
    layers = [layer for layer in inspection.named_layers(model).values() if _way(layer)]
    return inspection.calls_wrapped(layers, _around)


def _around(layer, call, x, *args, **kwargs):
    if None in tuple(x.shape[1:3]):
        return call(x, *args, **kwargs)
    return _way(layer)(layer, x)


def _way(layer) -> Callable | None:
    """Returns another way to compute a layer; None where it stays as it is."""
    kinds = {
        keras.layers.Conv2D: _way_of_convolution,
        keras.layers.Conv2DTranspose: _way_of_transposed,
    }
    choose = kinds.get(type(layer))
    return choose(layer) if choose and layer.built and _is_plain(layer) else None


def _is_plain(layer) -> bool:
    is_ordinary = getattr(layer, "quantization_mode", None) is None
    is_ordinary = is_ordinary and getattr(layer, "groups", 1) == 1 and layer.dilation_rate == (1, 1)
    return is_ordinary and layer.padding == "same" and layer.data_format == "channels_last"


def _way_of_convolution(layer) -> Callable | None:
    height, width, before, after = layer.kernel.shape
    is_odd = height % 2 == 1 and width % 2 == 1 and 1 < height * width <= _MOST_PLACES
    is_fit = after == 1 and before >= _LEAST_CHANNELS and layer.strides == (1, 1)
    in_float32 = layer.compute_dtype == layer.variable_dtype == "float32"
    return _by_products if is_fit and is_odd and in_float32 else None


def _way_of_transposed(layer) -> Callable | None:
    if layer.output_padding is not None:
        return None
    after, before = layer.kernel.shape[2:]
    num_pixels = layer.strides[0] * layer.strides[1]  # that come of one
    if num_pixels > 1 and after * num_pixels <= _LANES and before >= _LEAST_CHANNELS:
        return _by_convolution
    in_bfloat16 = layer.compute_dtype == "bfloat16"
    return _with_bias_at_once if in_bfloat16 and layer.use_bias else None


def _by_products(layer, x):
    """Convolves by one product for all places of the kernel.

        y[i, j] = activation(b + sum over (u, v) of p[u, v, i + u - r, j + v - r])
        p = W x, with W `(k * k, channels)` the kernel, and r = (k - 1) / 2

    An image of grey values or of a mask ends in such a convolution. oneDNN computes 8 or 16 output
    channels at a time, and would throw all but one away; here each place of the kernel is one.
    """
    height, width, channels, _ = layer.kernel.shape
    rows, columns = x.shape[1:3]
    kernel = ops.reshape(layer.kernel, (height * width, channels))
    planes = tf.linalg.matmul(kernel, ops.reshape(x, (-1, channels)), transpose_b=True)
    planes = ops.reshape(planes, (height * width, -1, rows, columns))
    sides = (height // 2, height // 2), (width // 2, width // 2)
    padded = ops.pad(planes, ((0, 0), (0, 0), *sides))
    total = sum(
        padded[u * width + v, :, u : u + rows, v : v + columns]
        for u in range(height)
        for v in range(width)
    )
    if layer.use_bias:
        total = total + layer.bias[0]
    return layer.activation(total[..., None])


def _by_convolution(layer, x):
    """Computes the `s * s` pixels that come of an input pixel as channels of a convolution.

        y[s i + r] = activation(b + sum over m of x[i - m] k[r + p + s m])
        p = max(0, k - s) // 2, r = 0 ... s - 1, in each direction

    As above, the transposed convolution of oneDNN throws away most channels where they are few.
    """
    rows, columns = x.shape[1:3]
    (high, wide), (height, width, after, before) = layer.strides, layer.kernel.shape
    zeros_above, borders_above = _of_direction(height, high)
    zeros_left, borders_left = _of_direction(width, wide)
    kernel = ops.pad(layer.kernel, (zeros_above, zeros_left, (0, 0), (0, 0)))
    shape = (sum(borders_above) + 1, high, sum(borders_left) + 1, wide, after, before)
    kernel = ops.transpose(tf.reverse(ops.reshape(kernel, shape), (0, 2)), (0, 2, 5, 1, 3, 4))
    kernel = ops.reshape(kernel, (*kernel.shape[:3], high * wide * after))
    borders = ((0, 0), borders_above, borders_left, (0, 0))
    y = tf.nn.conv2d(x, kernel, strides=1, padding=borders)
    if layer.use_bias:
        y = tf.nn.bias_add(y, ops.tile(layer.bias, high * wide))
    y = ops.reshape(y, (-1, rows, columns, high, wide * after))
    y = ops.transpose(y, (0, 1, 3, 2, 4))  # faster than tf.nn.depth_to_space
    return layer.activation(ops.reshape(y, (-1, rows * high, columns * wide, after)))


def _of_direction(size: int, stride: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns how many zeros are put before and after a kernel, and the borders of the input."""
    offset = max(0, size - stride) // 2
    before, after = (size - 1 - offset) // stride, (stride - 1 + offset) // stride
    zeros = stride * after - offset, stride * before + stride + offset - size
    return zeros, (before, after)


def _with_bias_at_once(layer, x):
    """Adds the bias, and the ReLU that may follow, by one pass of the kernel of normalisation.

    By TensorFlow's own addition and ReLU they are two passes, which convert each value to float32
    and back.
    """
    y = ops.conv_transpose(
        x, layer.kernel, strides=layer.strides, padding=layer.padding, data_format=layer.data_format
    )
    bias = tf.cast(tf.convert_to_tensor(layer.bias), "float32")
    y = tf.raw_ops.FusedBatchNormV3(
        x=y,
        scale=tf.ones_like(bias),
        offset=bias,
        mean=tf.zeros_like(bias),
        variance=tf.ones_like(bias) - _EPSILON,
        epsilon=_EPSILON,
        is_training=False,
    ).y
    return layer.activation(y)
