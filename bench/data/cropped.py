"""Data that are trained on crops: what stands for them where arrays of one size are needed.

Models train on crops that are drawn afresh, and are tested on whole images. The loss of validation,
the speed and the pictures of layers are of crops that are drawn once.
"""

import dataclasses

import numpy as np

from bench.data.dataset import PARTS, Dataset, Split
from bench.errors import BenchError
from zoo.data.reader import ragged
from zoo.tiles import crops

MOST = 256  # crops of a split that are drawn once


def check(dataset: Dataset) -> None:
    """Raises BenchError for data that have no crops."""
    if dataset.task != "segmentation" or len(dataset.train.images[0].shape) != 3:
        raise BenchError(
            f"--crop is for images with masks. Received: {dataset.name}, whose task is "
            f"{dataset.task}. Use --resize."
        )


def random_crops(dataset: Dataset, split: Split, foreground_share: float | None) -> crops.Crops:
    """Returns what draws crops of a split.

    Args:
        foreground_share: See `zoo.tiles.crops.Crops`; None: its default.
    """
    masks = [mask[..., 0] for mask in split.targets]
    share = crops.FOREGROUND_SHARE if foreground_share is None else foreground_share
    return crops.Crops(list(split.images), masks, dataset.crop, share, dataset.ignore_label)


def drawn_once(dataset: Dataset, foreground_share: float | None = None) -> Dataset:
    """Returns a data set of crops of one size, at most 256 of each split, each image's alike."""
    parts = {}
    for number, part in enumerate(PARTS):
        split = getattr(dataset, part)
        drawing = random_crops(dataset, split, foreground_share)
        rows = np.resize(np.arange(len(split)), max(MOST, 1))
        pairs = [
            drawing.draw(int(row), np.random.default_rng([number, place]))
            for place, row in enumerate(rows)
        ]
        images, masks = (np.stack(each) for each in zip(*pairs, strict=True))
        parts[part] = Split(images, targets=masks[..., None])
    return dataclasses.replace(dataset, crop=None, **parts)


def one_kind(images: np.ndarray) -> np.ndarray:
    """Returns images of many sizes, all of bytes or all of floats."""
    if len({image.dtype for image in images}) == 1:
        return images
    return ragged([crops.as_floats(image) for image in images])
