"""Mask files: found beside their images, and their numbers made class numbers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from zoo.data import images


def of(files: Sequence[Path], image_folder, mask_folder) -> list[Path]:
    """Returns the mask of each image: same place and name, whatever the suffix, or `NAME_mask`.

    Raises:
        ValueError: if an image has none.
    """
    mask_folder = Path(mask_folder)
    places = {
        file.relative_to(mask_folder).with_suffix(""): file for file in images.find(mask_folder)
    }
    found = []
    for file in files:
        place = file.relative_to(image_folder).with_suffix("")
        mask_file = places.get(place) or places.get(place.with_name(f"{place.name}_mask"))
        if mask_file is None:
            raise ValueError(
                f"{file}: has no mask. It must be {mask_folder / place}.png (or end in _mask.png)."
            )
        found.append(mask_file)
    return found


def check_size(file, mask_file) -> None:
    """Raises ValueError when a mask is not as large as its image."""
    sizes = images.size_of(file), images.size_of(mask_file)
    if sizes[0] != sizes[1]:
        text = [f"{height}x{width}" for height, width in sizes]
        raise ValueError(
            f"{mask_file}: must be as large as its image. Received: {text[1]}, the image is "
            f"{text[0]}."
        )


def is_binary(where, numbers: Iterable[int]) -> bool:
    """Tells whether the numbers of masks are 0 and 255, which stand for 0 and 1.

    Args:
        where: Folder or file, for the message.
        numbers: All that occur in the masks.

    Raises:
        ValueError: if they are neither 0 and 255 nor class numbers.
    """
    found = sorted(set(numbers))
    if set(found) <= {0, 255}:
        return True
    if found[0] < 0 or found[-1] >= 255:
        shown = ", ".join(map(str, found[:6])) + (", ..." if len(found) > 6 else "")
        raise ValueError(
            f"{where}: masks must hold 0 and 255, or class numbers from 0 on. Received: {shown}. "
            "JPEG smears masks: save them as PNG."
        )
    return False


def class_numbers(where, masks: np.ndarray) -> np.ndarray:
    """Returns masks of class numbers, int32; 0 and 255 become 0 and 1.

    Raises:
        ValueError: if they hold neither 0 and 255 nor class numbers.
    """
    return (masks > 0 if is_binary(where, np.unique(masks)) else masks).astype("int32")
