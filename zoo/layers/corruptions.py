"""Damage to images that a model learns to repair."""

from typing import ClassVar

import keras
from keras import ops

from zoo import checks
from zoo.layers.noise import KINDS


def corrupt(x, kind: str, level: float, seed):
    """Returns damaged images: a draw of Keras and a formula of `zoo.layers.noise`.

    Args:
        x: Float tensor in `[0, 1]`, first axis the images.
        kind: A key of `zoo.layers.noise.KINDS`.
        level: Float in `[0, 1]`.
        seed: Int or `keras.random.SeedGenerator`.
    """
    noise = KINDS[kind]
    shape = noise.draw_shape(ops.shape(x))
    if noise.is_normal:
        draw = keras.random.normal(shape, dtype=x.dtype, seed=seed)
    else:
        draw = keras.random.uniform(shape, dtype="float32", seed=seed)
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
        return corrupt(x, self.corruption, self.level, self.random_seed(training))
