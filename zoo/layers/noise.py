"""The damage that a denoiser learns to repair: each formula once, for NumPy and for Keras alike.

A formula takes the operations to compute with (`numpy` or `keras.ops`), the clean images `x` in
`[0, 1]`, the random draw and the level, and gives damaged images in `[0, 1]`.

    gaussian          clip(x + level * draw, 0, 1)                     draw standard normal
    masking           0 where draw < level, else x                     draw uniform in [0, 1)
    salt_and_pepper   1 where draw < level / 2, 0 where draw < level,
                      else x                                           draw uniform in [0, 1)
"""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Noise:
    """One kind of damage.

    Attributes:
        formula: `(operations, x, draw, level)` to the damaged images.
        is_normal: Whether the draw is standard normal, one number per value of `x`; otherwise it
            is uniform, one number per pixel for all its channels, see `draw_shape`.
    """

    formula: Callable[[Any, Any, Any, float], Any]
    is_normal: bool = False

    def draw_shape(self, shape: tuple) -> tuple:
        """Returns the shape of the draw for images of a shape; flat vectors have no channels."""
        return tuple(shape) if self.is_normal or len(shape) == 2 else (*shape[:-1], 1)


def _gaussian(operations, x, draw, level):
    return operations.clip(x + level * draw, 0, 1)


def _masking(operations, x, draw, level):
    return operations.where(draw < level, operations.zeros_like(x), x)


def _salt_and_pepper(operations, x, draw, level):
    x = _masking(operations, x, draw, level)
    return operations.where(draw < level / 2, operations.ones_like(x), x)


KINDS = {
    "gaussian": Noise(_gaussian, is_normal=True),
    "masking": Noise(_masking),
    "salt_and_pepper": Noise(_salt_and_pepper),
}
