"""Masks over their images: truth, prediction, and where they differ; void is hatched."""

from typing import Any

import numpy as np

from bench.report.plots import image_grid

COLORS = np.array(  # as the page has them
    [
        *((0.0, 0.45, 0.70), (0.90, 0.62, 0.0), (0.0, 0.62, 0.45), (0.80, 0.47, 0.65)),
        *((0.34, 0.71, 0.91), (0.84, 0.37, 0.0), (0.72, 0.66, 0.0), (0.49, 0.37, 0.79)),
        *((0.54, 0.43, 0.23), (0.50, 0.53, 0.58)),
    ]
)
# Of the classes behind the background, those of the errors last.
ORDER = (2, 1, 4, 7, 6, 8, 9, 3, 0, 5)
MISSED, INVENTED, CONFUSED = COLORS[5], COLORS[0], COLORS[3]
VOID = -1
_TINT, _DIM, _HATCH = 0.6, 0.35, 6  # shares, and pixels from one stripe to the next


def four(arrays: dict[str, Any], number: int, most: int) -> dict[str, bytes]:
    """Returns the PNG files of one image, by what they show.

    Args:
        arrays: Of the file that `bench.evaluation.shown_masks` describes.
        number: Of the image among the worst.
        most: Pixels of the longer side, at most.
    """
    image = arrays[f"image_{number}"]
    truth, prediction = arrays[f"truth_{number}"], arrays[f"prediction_{number}"]
    step = -(-max(image.shape[:2]) // most)
    grown = max(1, most // 2 // max(image.shape[:2]))
    image, truth, prediction = (
        each[::step, ::step].repeat(grown, 0).repeat(grown, 1)
        for each in (image, truth, prediction)
    )
    picture = np.broadcast_to(_grey_or_color(image), (*image.shape[:2], 3))
    void = truth == VOID
    shown = {
        "image": picture,
        "truth": _hatched(_tinted(picture, truth), void),
        "prediction": _tinted(picture, prediction),
        "errors": _hatched(_errors(picture, truth, prediction), void),
    }
    return {name: _png(each) for name, each in shown.items()}


def _grey_or_color(image: np.ndarray) -> np.ndarray:
    values = image.astype("float64") / 255
    return values if values.shape[-1] == 3 else values.mean(axis=-1, keepdims=True)


def _tinted(picture: np.ndarray, classes: np.ndarray) -> np.ndarray:
    made = picture.copy()
    inside = classes > 0
    colors = COLORS[np.array(ORDER)[(classes[inside] - 1) % len(ORDER)]]
    made[inside] = (1 - _TINT) * made[inside] + _TINT * colors
    return made


def _errors(picture: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    made = 1 - _DIM + _DIM * picture
    known = truth != VOID
    made[known & (truth > 0) & (prediction == 0)] = MISSED
    made[known & (truth == 0) & (prediction > 0)] = INVENTED
    made[known & (truth > 0) & (prediction > 0) & (truth != prediction)] = CONFUSED
    return made


def _hatched(picture: np.ndarray, void: np.ndarray) -> np.ndarray:
    """Lays grey stripes over what is void."""
    rows, columns = np.indices(void.shape)
    stripe = (rows + columns) % _HATCH < _HATCH // 2
    made = picture.copy()
    made[void] = np.where(stripe[void], 0.45, 0.75)[:, None]
    return made


def _png(picture: np.ndarray) -> bytes:
    as_bytes = np.round(255 * np.clip(picture, 0, 1)).astype("uint8")
    return image_grid.png(as_bytes)
