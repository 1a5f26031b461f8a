"""Arrays of an `.npz` file: those that are needed are read, the others named.

| key                                      | holds                                               |
| ---------------------------------------- | --------------------------------------------------- |
| `x_train`, `images` or `x`               | images to train on; 1 of them                       |
| `x_validation` or `x_val`, `x_test`      | the other splits                                    |
| `series`, `series_validation`, `..._test`| series `(n, length, channels)` or `(n, length)`     |
| `y_train`, `labels` or `y`; `y_...`      | a whole number for each image                       |
| `masks`, `masks_train`; `masks_...`      | class numbers `(n, height, width)`                  |

Images have shape `(n, height, width, channels)`. Without channels, `(n, height, width)`, one is
added; but what is at most 4 wide and at least 4 times as long may be a series of so many channels:
it is refused until a key, or `data`, says which. Labels of rank 3 are masks.
"""

import dataclasses
import zipfile
import zlib
from pathlib import Path

import numpy as np

from zoo.data import mask_files, scaling
from zoo.data.contents import UNLABELLED
from zoo.tabular import windows

_MOST_CHANNELS = 4  # of a series without a key that says so
_MOST_CLASSES = 10_000
_NUMBERED = "numpy.unique(labels, return_inverse=True)[1]"
_KEYS = {
    "train": (
        ("x_train", "images", "x", "series", "series_train"),
        ("y_train", "labels", "y"),
        ("masks", "masks_train"),
    ),
    "validation": (
        ("x_validation", "x_val", "series_validation"),
        ("y_validation", "y_val"),
        ("masks_validation", "masks_val"),
    ),
    "test": (("x_test", "series_test"), ("y_test",), ("masks_test",)),
}


@dataclasses.dataclass(frozen=True)
class Arrays:
    """One split of an `.npz`.

    Attributes:
        images: As in the file, with an axis of channels.
        labels: int64 `(n,)`, or None.
        masks: Whole numbers `(n, height, width)`, or None.
        first_steps: Where the windows of long series begin, or None.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    masks: np.ndarray | None = None
    first_steps: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Npz:
    """What was read of an `.npz`.

    Attributes:
        splits: Arrays of `"train"`, and perhaps of `"validation"` and `"test"`.
        scale: How the images become pixels in `[0, 1]`.
        left_out: A line on what was not read.
        bit_depths: Of the images, such as `"8 bits"`.
    """

    splits: dict[str, Arrays]
    scale: scaling.Scale
    left_out: tuple[str, ...]
    bit_depths: str = ""


def read(
    path: Path,
    *,
    data: str | None = None,
    only: tuple[str, ...] | None = None,
    with_labels: bool = True,
    with_masks: bool = True,
    value_range: tuple[float, float] | None = None,
    window: int | None = None,
    stride: int | None = None,
) -> Npz:
    """Reads an `.npz` file; other arrays in it, pickled ones too, are left alone.

    Args:
        data: `"series"` or `"images"`: what arrays of rank 3 are; None: by key and shape.
        only: Splits to read; None: all.
        with_labels: Whether labels are read where there are some.
        with_masks: Whether masks are.
        value_range: What is black and what is white.
        window: Steps of the windows that long series are cut into: `(length,)`, `(length,
            channels)`, or several, `(n, length, channels)`; None: they are not.
        stride: Steps from one window to the next.

    Raises:
        ValueError: if the file is damaged or holds other things; the text says which.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no zip file, or is cut off")
        with np.load(path, allow_pickle=False) as file:
            if window is not None:
                return _read_windows(path, file, data, only, value_range, window, stride)
            return _read(path, file, data, only, with_labels, with_masks, value_range)
    except _ContentError:
        raise
    except (
        *(OSError, ValueError, EOFError, MemoryError, SyntaxError, TypeError, RuntimeError),
        *(NotImplementedError, OverflowError, zipfile.BadZipFile, zlib.error, UnicodeError),
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path}: cannot be read as .npz of plain arrays ({reason}). Write it with "
            "numpy.savez, without object arrays."
        ) from error


def is_npz(path) -> bool:
    """Tells whether a file is an `.npz`, by its suffix."""
    return Path(path).suffix.lower() == ".npz"


class _ContentError(ValueError):
    """What is wrong with the arrays, and not with the file."""


def _read(path, file, data, only, with_labels, with_masks, value_range) -> Npz:
    names = list(file.files)
    splits, read_keys = {}, set()
    for split, keys in _KEYS.items():
        used = [next((key for key in each if key in names), None) for each in keys]
        if used[0] is None or (only is not None and split not in only):
            continue
        wanted = (True, with_labels, with_masks)
        arrays = [
            _array(path, file, key) if key is not None and is_wanted else None
            for key, is_wanted in zip(used, wanted, strict=True)
        ]
        if arrays[2] is None and with_masks and used[1] is not None:
            labels = _array(path, file, used[1])
            if labels.ndim >= 3:
                arrays, used = [arrays[0], None, labels], [used[0], None, used[1]]
        if arrays[0].ndim and not arrays[0].size:
            raise _ContentError(
                f"{path}, {split} split: holds no images. Received: shape {arrays[0].shape} of "
                f"{used[0]}."
            )
        read_keys |= {key for key, values in zip(used, arrays, strict=True) if values is not None}
        is_series = data == "series" or (data is None and used[0].startswith("series"))
        images = _images(path, split, arrays[0], is_series, data)
        labels = None if arrays[1] is None else _labels(path, split, arrays[1], len(images))
        masks = None if arrays[2] is None else _masks(path, split, arrays[2], images.shape)
        splits[split] = Arrays(images, labels, masks)
    return _scaled(path, names, splits, read_keys, value_range)


def _read_windows(path, file, data, only, value_range, window, stride) -> Npz:
    """Reads long series in windows; labels and masks of them are left out."""
    if data == "images":
        raise _ContentError(f"{path}: --window is for series, and --data images says otherwise.")
    names, splits, read_keys, between = list(file.files), {}, set(), []
    for split, (keys, *_) in _KEYS.items():
        key = next((key for key in keys if key in names), None)
        if key is None or (only is not None and split not in only):
            continue
        values = _array(path, file, key)
        if values.ndim not in (1, 2, 3) or values.dtype.kind not in "buif" or not values.size:
            raise _ContentError(
                f"{path}: {key} must be a series (length,) or (length, channels) of numbers, or "
                f"several (n, length, channels). Received: {values.dtype} of shape {values.shape}."
            )
        if values.ndim == 3 and data != "series" and not key.startswith("series"):
            raise _ContentError(
                f"{path}: {key} of shape {values.shape} must be called series to be cut into "
                "windows, as it could be images. Say --data series."
            )
        values = values[:, None] if values.ndim == 1 else values
        try:
            cut, first_steps, left_out = windows.of_series(path, values, window, stride)
        except ValueError as error:
            raise _ContentError(str(error)) from error
        between += [f"{split}: {line}" for line in left_out]
        splits[split] = Arrays(cut, first_steps=first_steps)
        read_keys.add(key)
    found = _scaled(path, names, splits, read_keys, value_range)
    return dataclasses.replace(found, left_out=(*between, *found.left_out))


def _scaled(path, names, splits: dict[str, Arrays], read_keys: set[str], value_range) -> Npz:
    if "train" not in splits:
        raise _ContentError(
            f"{path}: must hold x_train (or images, x, series). "
            f"Received: {', '.join(names) or 'nothing'}."
        )
    try:
        scale = scaling.scale_of(path, [each.images for each in splits.values()], value_range)
    except (ValueError, TypeError) as error:
        raise _ContentError(str(error)) from error
    unread = [name for name in names if name not in read_keys]
    left_out = (f"arrays of the file: {', '.join(unread)}",) if unread else ()
    kinds = {each.images.dtype for each in splits.values()}
    depths = sorted("floats" if d.kind == "f" else f"{8 * d.itemsize} bits" for d in kinds)
    return Npz(splits, scale, left_out, " and ".join(dict.fromkeys(depths)))


def _array(path, file, key: str) -> np.ndarray:
    try:
        return np.asarray(file[key])
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise _ContentError(
            f"{path}: {key} must be a plain array of numbers. Received: an object array. Make it "
            "one: numpy.stack, or .astype('float32')."
        ) from error


def _images(path, split: str, images: np.ndarray, is_series: bool, data) -> np.ndarray:
    if images.ndim not in (2, 3, 4) or images.dtype.kind not in "buif":
        raise _ContentError(
            f"{path}: {split} images must be numbers of shape (n, height, width, channels). "
            f"Received: {images.dtype} of shape {images.shape}."
        )
    if is_series:
        if images.ndim == 4:
            raise _ContentError(
                f"{path}: {split} series must have shape (n, length, channels). Received: shape "
                f"{images.shape}."
            )
        return images if images.ndim == 3 else images[..., None]
    if images.ndim == 4 and data is None:
        channels, height, width = images.shape[1:]
        if channels in (1, 3) and min(height, width) > _MOST_CHANNELS:
            raise _ContentError(
                f"{path}: {split} images must have their channels last, (n, height, width, "
                f"channels). Received: shape {images.shape}, which seems to have them first. Write "
                "images.transpose(0, 2, 3, 1); or, if it is as it should be, say --data images."
            )
    if images.ndim != 3:
        return images
    length, width = images.shape[1:]
    is_narrow = data is None and width <= _MOST_CHANNELS and length >= _MOST_CHANNELS * width
    if is_narrow:
        raise _ContentError(
            f"{path}: {split} arrays of shape (n, {length}, {width}) must be called series or "
            f"images. Received: images {images.shape}. Say --data series or --data images; or "
            "name the array series; or give images an axis of channels."
        )
    return images[..., None]


def _labels(path, split: str, labels: np.ndarray, num: int) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[0] == num and labels.shape[1] > 1:
        raise _ContentError(
            f"{path}: {split} labels must be one number per image. Received: shape "
            f"{labels.shape}. From one-hot vectors: labels.argmax(axis=1)."
        )
    labels = labels.reshape(-1)
    if len(labels) != num or labels.dtype.kind not in "buif":
        fix = f" Number them: {_NUMBERED}." if labels.dtype.kind in "US" else ""
        raise _ContentError(
            f"{path}: {split} labels must be one whole number per image. Received: {len(labels)} "
            f"labels of {labels.dtype} for {num} images.{fix}"
        )
    if not np.isfinite(labels).all() or not np.array_equal(labels, np.floor(labels)):
        raise _ContentError(
            f"{path}: {split} labels must be whole numbers, without NaN and infinity. Received: "
            f"{labels.dtype} of others."
        )
    if len(labels) and labels.min() < UNLABELLED:
        raise _ContentError(
            f"{path}: {split} labels must be class numbers from 0 on, or -1 for a row without a "
            f"label. Received: {labels.min():g}."
        )
    if len(labels) and labels.max() >= _MOST_CLASSES:
        raise _ContentError(
            f"{path}: {split} labels must be class numbers below {_MOST_CLASSES}. Received: "
            f"{labels.max():g}. Number them: {_NUMBERED}."
        )
    return labels.astype("int64")


def _masks(path, split: str, masks: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if masks.ndim == len(shape) and masks.shape[-1] == 1:
        masks = masks[..., 0]
    if masks.shape != shape[:-1] or masks.dtype.kind not in "buif":
        raise _ContentError(
            f"{path}: {split} masks must hold a class number per pixel, {shape[:-1]}. Received: "
            f"{masks.shape} of {masks.dtype}."
        )
    return masks


def class_numbers(
    path,
    npz: Npz,
    num_classes: int | None = None,
    foreground: str | None = None,
    ignore_label: int | None = None,
) -> tuple[dict[str, np.ndarray], int]:
    """Returns the masks of all splits as class numbers, judged together, and how many there are."""
    given = {key: each.masks for key, each in npz.splits.items() if each.masks is not None}
    if not given:
        return {}, 0
    if len({masks.shape[1:] for masks in given.values()}) > 1:
        raise ValueError(f"{path}: the masks of all splits must have one size.")
    whole = np.concatenate([masks.reshape(len(masks), -1) for masks in given.values()])
    numbers, rule = mask_files.judged(path, whole[:, None], num_classes, foreground, ignore_label)
    numbers = numbers[:, 0]
    ends = np.cumsum([len(masks) for masks in given.values()])[:-1]
    parts = np.split(numbers, ends)
    masks = {
        key: part.reshape(masks.shape)
        for (key, masks), part in zip(given.items(), parts, strict=True)
    }
    return masks, rule.num_classes
