"""How deep a network is by default: as the size of the image asks, and as far as its sides divide.

An autoencoder halves the map until a dense layer can take it, 64 places or fewer: 7 x 7 of 28 x 28
pixels, 8 x 8 of 256 x 256. A U-Net halves until its bottom has a side of 16 or fewer: from there
its receptive field covers half of the image. Both have the widths of small images first, and go on
with wider ones up to a limit.
"""

import math
from collections.abc import Callable, Sequence

MOST_PLACES = 64  # of the map that a dense layer takes
BOTTOM_SIDE = 16  # of a U-Net
MOST_HALVINGS = 5  # of a U-Net: enough for images of 512 pixels
WIDEST_STAGE, WIDEST_LEVEL = 128, 256

Sides = tuple[int, ...]


def autoencoder_widths(
    image_shape: Sequence[int], first: Sequence[int], *, rounds_up: bool = False
) -> tuple[int, ...]:
    """Returns the channels of the stages of an encoder, each of which halves the map.

    Args:
        image_shape: `(height, width, channels)` or `(length, channels)`.
        first: Widths for small images, the fewest that are returned.
        rounds_up: Whether an odd side may be halved, to the larger half.
    """

    def goes_on(sides: Sides, _: int) -> bool:
        return math.prod(sides) > MOST_PLACES

    return _extended(image_shape[:-1], first, len(first), goes_on, WIDEST_STAGE, rounds_up)


def unet_widths(image_shape: Sequence[int], first: Sequence[int]) -> tuple[int, ...]:
    """Returns the channels of the levels of a U-Net, one more than it has halvings.

    Args:
        image_shape: See `autoencoder_widths`.
        first: Widths for small images, the fewest that are returned.
    """

    def goes_on(sides: Sides, num_halvings: int) -> bool:
        return max(sides, default=0) > BOTTOM_SIDE and num_halvings < MOST_HALVINGS

    return _extended(image_shape[:-1], first, len(first) - 1, goes_on, WIDEST_LEVEL)


def _extended(
    sides: Sequence[int],
    first: Sequence[int],
    num_halvings: int,
    goes_on: Callable[[Sides, int], bool],
    widest: int,
    rounds_up: bool = False,
) -> tuple[int, ...]:
    """Returns the first widths, and a wider one for each further halving."""
    widths, divisor = list(first), 2**num_halvings
    if not rounds_up and any(side % divisor for side in sides):
        return tuple(widths)
    left = tuple(-(-side // divisor) for side in sides)
    while goes_on(left, num_halvings) and (rounds_up or all(side % 2 == 0 for side in left)):
        left = tuple(-(-side // 2) for side in left)
        widths.append(max(widths[-1], min(2 * widths[-1], widest)))
        num_halvings += 1
    return tuple(widths)
