"""What the pictures of masks need: the worst test images, and the scores of all, in one file."""

from typing import Any

import numpy as np

from bench.metrics.mask_scores import MaskScores
from zoo.data.images import resized, to_bytes
from zoo.tiles import crops

NUM_WORST = 8
MOST_PIXELS = 320  # of the longer side of a picture
VOID = -1


def arrays(split, probabilities, scores: MaskScores, ignore_label: int | None) -> dict[str, Any]:
    """Returns the arrays of the file.

    Args:
        split: The test split.
        probabilities: Of each image, `(height, width, classes)`.
        scores: Of all images.
        ignore_label: Number of the targets that is no class, or None.

    Returns:
        The scores of `MaskScores.per_image`; `rows`, int64, the worst images by the mean IoU over
        classes, the worst first; for the k-th of them `image_k`, uint8, `truth_k` and
        `prediction_k`, int16 class numbers with -1 for void, each shrunk to 320 pixels a side;
        `names` of all files, where there are any.
    """
    worst = np.argsort(scores.iou.mean(axis=1), kind="stable")[:NUM_WORST]
    kept: dict[str, Any] = {**scores.per_image(), "rows": worst}
    if split.names is not None:
        kept["names"] = split.names
    for number, row in enumerate(worst):
        image, truth = crops.as_floats(split.images[row]), split.targets[row][..., 0]
        found = probabilities[row]
        prediction = found.argmax(axis=-1) if found.shape[-1] > 1 else found[..., 0] > 0.5
        truth = truth.astype("int16")
        if ignore_label is not None:
            truth[truth == ignore_label] = VOID
        size = _size(image.shape[:2])
        kept[f"image_{number}"] = to_bytes(np.clip(resized(image, size), 0, 1))
        kept[f"truth_{number}"] = _nearest(truth, size)
        kept[f"prediction_{number}"] = _nearest(prediction.astype("int16"), size)
    return kept


def _size(extents: tuple[int, ...]) -> tuple[int, int]:
    share = min(1.0, MOST_PIXELS / max(extents))
    height, width = (max(1, round(extent * share)) for extent in extents)
    return height, width


def _nearest(numbers: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns = (
        np.minimum(((np.arange(to) + 0.5) * of / to).astype(int), of - 1)
        for to, of in zip(size, numbers.shape, strict=True)
    )
    return numbers[rows][:, columns]
