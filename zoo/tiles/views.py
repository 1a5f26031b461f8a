"""The same image seen flipped and turned, and maps brought back exactly: pixels change places.

Averaging a map over views is known as test-time augmentation. The deviation between views shows
where the answer of a model depends on how the image is turned.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

KINDS = ("none", "flips", "turns")


@dataclasses.dataclass(frozen=True)
class View:
    """Flips along the axes of an image, after a swap of its first two.

    Attributes:
        flips: For each axis, whether it is reversed.
        is_transposed: Whether height and width are swapped first.
    """

    flips: tuple[bool, ...]
    is_transposed: bool = False

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Returns images or maps `(n, *sizes, ...)` as this view shows them."""
        return self._flipped(np.swapaxes(images, 1, 2) if self.is_transposed else images)

    def undo(self, maps: np.ndarray) -> np.ndarray:
        """Returns maps of this view as they lie on the images themselves."""
        maps = self._flipped(maps)
        return np.swapaxes(maps, 1, 2) if self.is_transposed else maps

    def _flipped(self, values: np.ndarray) -> np.ndarray:
        flipped = [axis + 1 for axis, is_flipped in enumerate(self.flips) if is_flipped]
        return np.flip(values, flipped) if flipped else values


def views(kind: str, tile: tuple[int, ...]) -> tuple[View, ...]:
    """Returns the views of a kind; the first is the image itself.

    Args:
        kind: `"none"`; `"flips"`: each axis reversed or not, 4 for images; `"turns"`: these, and
            all of them with height and width swapped: 8, the quarter turns among them.
        tile: `(height, width)` or `(length,)` of what is turned.

    Raises:
        ValueError: for another kind, and for turns of what is not square.
    """
    if kind not in KINDS:
        raise ValueError(f"views must be one of {', '.join(KINDS)}. Received: {kind!r}.")
    if kind == "turns" and (len(tile) != 2 or tile[0] != tile[1]):
        raise ValueError(
            f"views: turns need a square tile. Received: {'x'.join(map(str, tile))}. Take flips."
        )
    rank = len(tile)
    numbers = range(1 if kind == "none" else 2**rank)
    flips = [tuple(bool(number >> axis & 1) for axis in range(rank)) for number in numbers]
    swaps = (False, True) if kind == "turns" else (False,)
    return tuple(View(flip, swap) for swap in swaps for flip in flips)


def mean_and_variance(
    function: Callable[[np.ndarray], np.ndarray], several: tuple[View, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function that gives the mean over views and their variance, in a last axis of 2.

    Args:
        function: From images `(n, *sizes, channels)` to maps `(n, *sizes, ...)`.
        several: See `views`.
    """

    def seen(images: np.ndarray) -> np.ndarray:
        maps = np.stack(
            [view.undo(np.asarray(function(view.apply(images)))) for view in several], axis=-1
        ).astype("float32")
        return np.stack([maps.mean(axis=-1), maps.var(axis=-1)], axis=-1)

    return seen
