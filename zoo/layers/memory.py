"""A memory of codes: what is read is a sparse, positive combination of its items."""

import math

import keras
from keras import layers, ops

_SMALLEST = 1e-12


@keras.saving.register_keras_serializable(package="zoo")
class Memory(layers.Layer):
    """Reads a code from a memory of items.

        w = softmax over items of cos(code, m_i)
        w_i <- max(w_i - shrink, 0) w_i / (|w_i - shrink| + 1e-12), then divided by their sum
        read code = sum_i w_i m_i

    Args:
        num_items: Positive int.
        shrink: Float >= 0, `lambda` of the paper: smaller weights become 0.

    Call arguments:
        code: Float tensor `(batch, ..., units)`.

    Returns:
        The read codes `(batch, ..., units)` and the weights `(batch, ..., num_items)`, float32.
    """

    def __init__(self, num_items: int, shrink: float, **kwargs):
        super().__init__(**kwargs)
        self.num_items = num_items
        self.shrink = shrink

    def build(self, shape):
        self.items = self.add_weight(
            shape=(self.num_items, shape[-1]), initializer="glorot_uniform", name="items"
        )

    def call(self, code):
        code, items = ops.cast(code, "float32"), ops.cast(self.items, "float32")
        weights = ops.softmax(ops.matmul(_unit_length(code), ops.transpose(_unit_length(items))))
        above = weights - self.shrink
        weights = ops.relu(above) * weights / (ops.abs(above) + _SMALLEST)
        weights = weights / ops.maximum(ops.sum(weights, axis=-1, keepdims=True), _SMALLEST)
        return ops.matmul(weights, items), weights

    def own_macs(self, input_shape) -> int:
        """Returns how many multiply-accumulates it takes to address the items and to read them."""
        return 2 * self.num_items * math.prod(input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "num_items": self.num_items, "shrink": self.shrink}


def entropy(weights):
    """Computes `sum_i -w_i log w_i`, nats, the mean over the codes of each image, `(batch,)`."""
    of_codes = ops.sum(-weights * ops.log(weights + _SMALLEST), axis=-1)
    return ops.mean(ops.reshape(of_codes, (ops.shape(weights)[0], -1)), axis=-1)


def _unit_length(rows):
    """Divides rows by their lengths."""
    length = ops.sqrt(ops.sum(ops.square(rows), axis=-1, keepdims=True) + _SMALLEST)
    return rows / length
