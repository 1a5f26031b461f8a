"""Noise at evaluation that belongs to an image: the same in whatever batch and row it comes.

One seed for all batches gives the same numbers to the first rows of each: a mean over a test set is
then as uncertain as one batch, and moves with the batch size. Here the numbers of a row follow
from its image, by a hash, so that they differ from image to image and depend on nothing else.
"""

import keras
import tensorflow as tf
from keras import ops

_MASK = 0xFFFFFFFF
_FACTOR = 0x45D9F3B  # of a known integer hash: below 2^31, so that products fit
_STEP = 0x9E3779B9  # the golden ratio in 32 bits: numbers of a sequence lie far apart
_LEVELS = 2.0**24  # grey levels that are told apart


class RowNoise:
    """Random numbers of each row of a batch, by its image and a seed.

    Args:
        images: Tensor `(batch, ...)`; equal images get equal numbers.
        seed: Int: another one gives other numbers.
    """

    def __init__(self, images, seed: int):
        grey = tf.cast(tf.round(tf.cast(images, "float32") * _LEVELS), "int64")
        rows = tf.reshape(grey, (tf.shape(grey)[0], -1))
        places = _mixed(tf.range(1, tf.shape(rows, "int64")[1] + 1, dtype="int64"))
        sums = tf.reduce_sum(_mixed(_both(rows, places)), axis=1)
        self.keys = _mixed(_both(sums, _mixed(tf.constant(seed, "int64"))))  # (batch,)

    def _of(self, keys) -> "RowNoise":
        other = object.__new__(RowNoise)
        other.keys = keys
        return other

    def sample(self, number) -> "RowNoise":
        """Returns the noise of another sample of the same rows; that of number 0 is this one."""
        return self._of(_low(self.keys + tf.cast(number, "int64") * _STEP))

    def tiled(self, times: int) -> "RowNoise":
        """Returns the noise of a batch that is repeated, sample by sample, each with its own."""
        samples = tf.range(times, dtype="int64")[:, None]
        return self._of(tf.reshape(self.sample(samples).keys, (-1,)))

    def repeated(self, times: int) -> "RowNoise":
        """Returns the noise of rows that are repeated, row by row: the same for each of them."""
        return self._of(tf.repeat(self.keys, times))

    def uniform(self, shape):
        """Draws from `[0, 1)`, never 0, float32; the first axis of the shape are the rows."""
        shape = tf.convert_to_tensor([tf.cast(size, "int32") for size in shape])
        places = _mixed(tf.range(1, tf.cast(tf.reduce_prod(shape[1:]), "int64") + 1, dtype="int64"))
        bits = _mixed(_both(self.keys[:, None], places))
        share = (
            tf.cast(tf.bitwise.right_shift(bits, tf.constant(9, "int64")), "float32") + 0.5
        ) * 2.0**-23
        return tf.reshape(share, shape)

    def normal(self, shape):
        """Draws from `N(0, 1)`, float32; see `uniform`."""
        return tf.math.ndtri(self.uniform(shape))


def uniform(shape, source, dtype="float32"):
    """Draws from `[0, 1)` by a `RowNoise`, a `keras.random.SeedGenerator` or an int."""
    if isinstance(source, RowNoise):
        return ops.cast(source.uniform(shape), dtype)
    return keras.random.uniform(shape, dtype=dtype, seed=source)


def normal(shape, source, dtype="float32"):
    """Draws from `N(0, 1)`; see `uniform`."""
    if isinstance(source, RowNoise):
        return ops.cast(source.normal(shape), dtype)
    return keras.random.normal(shape, dtype=dtype, seed=source)


def tiled(source, times: int):
    """Returns the source of a batch that is repeated sample by sample."""
    return source.tiled(times) if isinstance(source, RowNoise) else source


def repeated(source, times: int):
    """Returns the source of a batch whose rows are repeated, row by row."""
    return source.repeated(times) if isinstance(source, RowNoise) else source


def _low(values):
    return tf.bitwise.bitwise_and(values, tf.constant(_MASK, "int64"))


def _both(first, second):
    return tf.bitwise.bitwise_xor(_low(first), _low(second))


def _mixed(values):
    """Hashes integers to 32 bits."""
    values = _low(values)
    for _ in range(2):
        values = _low(
            _both(values, tf.bitwise.right_shift(values, tf.constant(16, "int64"))) * _FACTOR
        )
    return _both(values, tf.bitwise.right_shift(values, tf.constant(16, "int64")))
