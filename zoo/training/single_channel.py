"""Convolutions of one output channel, at inference: one product of matrices, then shifted sums.

An image of grey values or of a mask ends in such a convolution. oneDNN computes 8 or 16 output
channels at a time, and throws all but one away; here each place of the kernel is an output channel
of a product instead. The gradients of this way are slower, so training has the ordinary one.
bench/suites/test_predict.py measures what it is worth.
"""

import contextlib

import keras
from keras import ops

from zoo import inspection

_LEAST_CHANNELS = 16  # of the input
_MOST_PLACES = 25  # of the kernel


def by_products(model) -> contextlib.AbstractContextManager[None]:
    """Has a model compute its convolutions of one output channel by products, in the context.

        y[i, j] = activation(b + sum over (u, v) of p[i + u - r, j + v - r, u, v])
        p = x W, with W `(channels, k * k)` the kernel, and r = (k - 1) / 2

    Values differ by rounding. On a GPU, and by layers of another kind, nothing is changed.
    """
    if keras.distribution.list_devices("gpu"):
        return contextlib.nullcontext()
    layers = [layer for layer in inspection.named_layers(model).values() if _fits(layer)]
    return inspection.calls_wrapped(layers, _around)


def _fits(layer) -> bool:
    if type(layer) is not keras.layers.Conv2D or layer.filters != 1 or not layer.built:
        return False
    height, width, channels, _ = layer.kernel.shape
    is_plain = (layer.strides, layer.dilation_rate, layer.groups) == ((1, 1), (1, 1), 1)
    is_plain = is_plain and layer.padding == "same" and layer.data_format == "channels_last"
    is_plain = is_plain and getattr(layer, "quantization_mode", None) is None
    is_odd = height % 2 == 1 and width % 2 == 1 and 1 < height * width <= _MOST_PLACES
    in_float32 = layer.compute_dtype == layer.variable_dtype == "float32"
    return is_plain and is_odd and in_float32 and channels >= _LEAST_CHANNELS


def _around(layer, call, x, *args, **kwargs):
    height, width, channels, _ = layer.kernel.shape
    rows, columns = x.shape[1:3]
    if rows is None or columns is None:
        return call(x, *args, **kwargs)
    kernel = ops.reshape(layer.kernel, (height * width, channels))
    of_places = ops.matmul(x, ops.transpose(kernel))  # (batch, rows, columns, places)
    sides = (height // 2, height // 2), (width // 2, width // 2)
    padded = ops.pad(of_places, ((0, 0), *sides, (0, 0)))
    total = sum(
        padded[:, u : u + rows, v : v + columns, u * width + v]
        for u in range(height)
        for v in range(width)
    )
    if layer.use_bias:
        total = total + layer.bias[0]
    return layer.activation(total[..., None])
