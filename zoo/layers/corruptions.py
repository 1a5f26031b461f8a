"""Damage to images that a model learns to repair."""

import keras
from keras import ops

from zoo import checks


def gaussian(x, level, seed):
    """Adds `level * N(0, 1)` to each pixel and clips to `[0, 1]`."""
    noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=seed)
    return ops.clip(x + level * noise, 0.0, 1.0)


def masking(x, level, seed):
    """Sets each pixel to 0 with probability `level` (all its channels together)."""
    uniform = _uniform_per_pixel(x, seed)
    return ops.where(uniform < level, ops.zeros_like(x), x)


def salt_and_pepper(x, level, seed):
    """Sets each pixel with probability `level` to 0 or to 1, half and half."""
    uniform = _uniform_per_pixel(x, seed)
    x = ops.where(uniform < level, ops.zeros_like(x), x)
    return ops.where(uniform < level / 2, ops.ones_like(x), x)


def _uniform_per_pixel(x, seed):
    """Draws one number per pixel for all its channels; a flat vector has no channels."""
    shape = ops.shape(x)
    shape = shape if len(shape) == 2 else (*shape[:-1], 1)
    return keras.random.uniform(shape, dtype="float32", seed=seed)


CORRUPTIONS = {"gaussian": gaussian, "masking": masking, "salt_and_pepper": salt_and_pepper}


class Corrupting:
    """Gives a `ZooModel` the arguments `corruption` and `level`, and the step that uses them.

    Args:
        image_shape: See `ZooModel`.
        corruption: A key of `CORRUPTIONS`.
        level: Float in `[0, 1]`. Standard deviation of the Gaussian in pixel units, or share of
            the pixels that are hit.
        **kwargs: Of the next base class.
    """

    def __init__(self, image_shape, *, corruption="gaussian", level=0.2, **kwargs):
        super().__init__(image_shape, **kwargs)
        checks.one_of(self.owner, corruption=(corruption, tuple(CORRUPTIONS)))
        checks.number(self.owner, low=0.0, high=1.0, level=level)
        self.corruption = corruption
        self.level = level

    def corrupt(self, x, training):
        x = ops.cast(x, "float32")
        return CORRUPTIONS[self.corruption](x, self.level, self.random_seed(training))
