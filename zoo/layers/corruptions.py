"""Damage to images that a model learns to repair."""

from typing import ClassVar

from keras import ops

from zoo import checks
from zoo.layers import row_noise
from zoo.layers.noise import KINDS


def corrupt(x, kind: str, level: float, source):
    """Returns damaged images: a draw of Keras and a formula of `zoo.layers.noise`.

    Args:
        x: Float tensor in `[0, 1]`, first axis the images.
        kind: A key of `zoo.layers.noise.KINDS`.
        level: Float in `[0, 1]`.
        source: A `RowNoise`, a `keras.random.SeedGenerator` or an int.
    """
    noise = KINDS[kind]
    shape = noise.draw_shape(ops.shape(x))
    if noise.is_normal:
        draw = row_noise.normal(shape, source, dtype=x.dtype)
    else:
        draw = row_noise.uniform(shape, source)
    return noise.formula(ops, x, draw, level)


class Corrupting:
    """Gives a `ZooModel` the arguments `corruption` and `level`, and the step that uses them.

    Args:
        image_shape: See `ZooModel`.
        corruption: A key of `zoo.layers.noise.KINDS`.
        level: Float in `[0, 1]`. Standard deviation of the Gaussian in pixel units, or share of
            the pixels that are hit.
        **kwargs: Of the next base class.
    """

    EXCEPTIONS: ClassVar = {"equal_parts": "the damage is drawn at random."}

    def __init__(self, image_shape, *, corruption="gaussian", level=0.2, **kwargs):
        super().__init__(image_shape, **kwargs)
        checks.one_of(self.owner, corruption=(corruption, tuple(KINDS)))
        checks.number(self.owner, low=0.0, high=1.0, level=level)
        self.corruption = corruption
        self.level = level

    def corrupt(self, x, training):
        x = ops.cast(x, "float32")
        return corrupt(x, self.corruption, self.level, self.noise_of(x, training))
