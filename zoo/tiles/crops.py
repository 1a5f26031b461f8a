"""Crops of images of any size: drawn at random for training, or laid over all of an image."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from zoo.tiles import grid

PER_IMAGE, FOREGROUND_SHARE = 8, 1 / 3  # the share is that of nnU-Net, Isensee et al., 2021
_MOST_PLACES = 10_000  # of a class in an image that are known, evenly chosen


@dataclasses.dataclass
class Crops:
    """Draws crops of images, and of their masks alike.

    An image that is smaller than a crop goes on mirrored, and its mask with it.

    Args:
        images: Arrays `(height, width, channels)`: bytes, or floats in `[0, 1]`.
        masks: Class numbers `(height, width)` of each image, or None.
        size: `(height, width)` of a crop.
        foreground_share: Share of the crops, in `[0, 1]`, that hold a pixel of a class other than
            0, where the image has one; each class of the image is as likely as the others. Else
            the place is uniform.
        ignore_label: Number in the masks that is no class.
    """

    images: Sequence[np.ndarray]
    masks: Sequence[np.ndarray] | None = None
    size: tuple[int, int] = (256, 256)
    foreground_share: float = FOREGROUND_SHARE
    ignore_label: int | None = None

    def __post_init__(self):
        if not 0 <= self.foreground_share <= 1:
            raise ValueError(
                "crops: foreground_share must be a share from 0 to 1. "
                f"Received: {self.foreground_share!r}. For example 0.33."
            )
        self._places = [self._of_classes(mask) for mask in self.masks or ()]

    def draw(self, row: int, generator: np.random.Generator):
        """Returns a crop of an image, float32 in `[0, 1]`, and that of its mask, or None."""
        image = self.images[row]
        must_hold = None
        places = self._places[row] if self._places else []
        if places and generator.random() < self.foreground_share:
            of_class = places[generator.integers(len(places))]
            must_hold = np.unravel_index(generator.choice(of_class), image.shape[:2])
        starts = []
        for axis, (extent, size) in enumerate(zip(image.shape[:2], self.size, strict=True)):
            low, high = 0, max(extent - size, 0)
            if must_hold is not None:
                low, high = max(low, must_hold[axis] - size + 1), min(high, must_hold[axis])
            starts.append(int(generator.integers(low, high + 1)))
        crop = as_floats(self._cut(image, starts))
        return crop, None if self.masks is None else self._cut(self.masks[row], starts)

    def _cut(self, values: np.ndarray, starts) -> np.ndarray:
        window = tuple(slice(s, s + size) for s, size in zip(starts, self.size, strict=True))
        values = values[window]
        lack = [size - have for size, have in zip(self.size, values.shape, strict=False)]
        if not any(lack):
            return values
        pads = [(each // 2, each - each // 2) for each in lack]
        return np.pad(values, [*pads, *[(0, 0)] * (values.ndim - 2)], mode="symmetric")

    def _of_classes(self, mask: np.ndarray) -> list[np.ndarray]:
        """Returns the places of each class other than 0, as numbers of pixels."""
        flat, found = mask.ravel(), []
        for number in np.unique(flat):
            if number not in (0, self.ignore_label):
                places = np.flatnonzero(flat == number)
                found.append(places[:: -(-len(places) // _MOST_PLACES)])
        return found


def covering(
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray] | None,
    size: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns crops that cover all of each image, and their masks, for what is not drawn.

    They overlap no more than they must; what is smaller than a crop goes on mirrored.
    """
    cuts, of_masks = [], []
    for row, image in enumerate(images):
        axes = grid.axes(image.shape[:2], size, overlap=0.0)
        for place in np.ndindex(*(len(axis.starts) for axis in axes)):
            cuts.append(as_floats(grid.cut(image, axes, place)))
            if masks is not None:
                of_masks.append(grid.cut(masks[row], axes, place))
    return np.stack(cuts), np.stack(of_masks) if masks is not None else None


def as_floats(pixels: np.ndarray) -> np.ndarray:
    """Returns float32 pixels in `[0, 1]` of bytes or of floats."""
    if pixels.dtype == np.uint8:
        return pixels.astype("float32") / np.float32(255)
    return pixels.astype("float32", copy=False)
