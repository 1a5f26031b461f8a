"""Damage to images that a model learns to repair."""

from typing import ClassVar

from keras import ops

from zoo import checks
from zoo.layers import restorations, row_noise
from zoo.layers.noise import KINDS
from zoo.layers.restorations import RESTORATIONS

CORRUPTIONS = (*KINDS, *RESTORATIONS)
NUM_LOOKS = 4  # damaged copies of an image that its score is the mean of


def corrupt(x, kind: str, level: float, source):
    """Returns damaged images: a draw and a formula of `zoo.layers.noise`, or another damage.

    Args:
        x: Float tensor in `[0, 1]`, first axis the images.
        kind: A key of `zoo.layers.noise.KINDS`, or of `zoo.layers.restorations.RESTORATIONS`.
        level: Float in `[0, 1]`.
        source: A `RowNoise`, a `keras.random.SeedGenerator` or an int.
    """
    if kind in RESTORATIONS:
        return RESTORATIONS[kind](x, level, source)
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
        corruption: One of `CORRUPTIONS`.
        level: Float in `[0, 1]`. Standard deviation of the Gaussian in pixel units, or share of
            the pixels that are hit; see `zoo.layers.restorations` for its kinds.
        **kwargs: Of the next base class.
    """

    EXCEPTIONS: ClassVar = {"equal_parts": "the damage is drawn at random."}

    def __init__(self, image_shape, *, corruption="gaussian", level=0.2, **kwargs):
        super().__init__(image_shape, **kwargs)
        checks.one_of(self.owner, corruption=(corruption, CORRUPTIONS))
        checks.number(self.owner, low=0.0, high=1.0, level=level)
        if corruption in RESTORATIONS:
            problem = restorations.problem(corruption, self.image_shape)
            if problem is not None:
                raise ValueError(
                    f"{self.owner}: {problem}. Received: image_shape={self.image_shape}. "
                    "Use corruption='gaussian'."
                )
        self.corruption = corruption
        self.level = level

    def corrupt(self, x, training):
        x = ops.cast(x, "float32")
        return corrupt(x, self.corruption, self.level, self.noise_of(x, training))

    def restoration_error(self, x):
        """Computes how badly damaged copies of images are restored, pixel by pixel.

        The mean of the squared error over 4 draws of the damage, the same for an image every
        time; where cells are erased, over the draws in which a pixel was.

        Returns:
            Float32 tensor `(batch, height, width, channels)`.
        """
        x = ops.cast(x, "float32")
        total, weight = 0.0, 0.0
        for look in range(NUM_LOOKS):
            source = row_noise.RowNoise(x, look)
            damaged = corrupt(x, self.corruption, self.level, source)
            error = ops.square(x - ops.cast(self.forward(damaged)["prediction"], "float32"))
            if self.corruption == "erase":
                hidden = restorations.erased(x, self.level, source)
                total, weight = total + hidden * error, weight + hidden
            else:
                total, weight = total + error, weight + 1.0
        return total / ops.maximum(weight, 1.0)
