"""Masks of images of any sizes: predicted tile by tile, and shown in pictures of one size."""

from collections.abc import Iterator

import numpy as np

from bench.data import tasks
from zoo.data.images import resized
from zoo.tiles import crops


def predict(model, split) -> Iterator[np.ndarray]:
    """Yields the probabilities of each image, float32 `(height, width, classes)`, in its size."""
    for image in split.images:
        floats = crops.as_floats(image)
        yield np.clip(model.predict_large([floats], method="probabilities")[0], 0, 1)


def constant(mask: np.ndarray, split) -> Iterator[np.ndarray]:
    """Yields one mask `(1, 1, classes)` as large as each image."""
    for image in split.images:
        yield np.broadcast_to(mask, (*image.shape[:2], mask.shape[-1])).astype("float32")


def class_shares(masks, num_classes: int, ignore_label: int | None) -> np.ndarray:
    """Returns the share of the pixels that are of each class, `(1, 1, classes)`, without void.

    With two classes that of the foreground alone.
    """
    counts = np.zeros(num_classes, "int64")
    for mask in masks:
        known = mask if ignore_label is None else mask[mask != ignore_label]
        counts += np.bincount(known.ravel(), minlength=num_classes)[:num_classes]
    shares = counts / max(counts.sum(), 1)
    return (shares[1:] if num_classes == 2 else shares)[None, None]


def overlaid(images, foregrounds, size: tuple[int, int]) -> np.ndarray:
    """Returns images with their foreground tinted, `(n, *size, 3)`, each fitted into the size.

    Args:
        images: Of any sizes.
        foregrounds: `(height, width)` of each, in `[0, 1]`.
    """
    made = []
    for image, foreground in zip(images, foregrounds, strict=True):
        tinted = tasks.overlay(crops.as_floats(image)[None], foreground[None])[0]
        made.append(fitted(tinted, size))
    return np.stack(made)


def fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns an image at most so large, in its proportions, in the middle of white."""
    share = min(have / of for have, of in zip(size, image.shape[:2], strict=True))
    inner = tuple(max(1, round(extent * share)) for extent in image.shape[:2])
    white = np.ones((*size, image.shape[-1]), "float32")
    top, left = ((have - of) // 2 for have, of in zip(size, inner, strict=True))
    white[top : top + inner[0], left : left + inner[1]] = resized(image, inner)
    return white
