"""What `zoo.batches` is given, checked before anything is read."""

import os
from pathlib import Path

import numpy as np

from zoo import checks
from zoo.data import npz, scaling

_OWNER = "batches"


def is_array(source) -> bool:
    """Tells whether a source is an array, or the name of an `.npy` file."""
    if isinstance(source, (str, Path)):
        return Path(source).suffix == ".npy" and not Path(source).is_dir()
    return hasattr(source, "shape")


def check(source, batch_size, masks, value_range, cache, augment, seed, **of_masks) -> None:
    """Raises an error for what `zoo.batches` cannot be given, whatever the files hold.

    Args:
        of_masks: Arguments that say how masks are read.

    Raises:
        ValueError, TypeError: the text names the argument.
    """
    checks.positive_int(_OWNER, batch_size=batch_size)
    checks.seed_number(_OWNER, seed)
    _check_source(source)
    if value_range is not None:
        scaling.check_range(_OWNER, value_range)
    for name, value in of_masks.items():
        if value is not None and masks is None:
            raise ValueError(
                f"{_OWNER}: {name} is for masks, and none are given. Received: {name}={value!r}. "
                "Leave it out."
            )
    if is_array(source):
        if cache not in ("auto", None):
            raise ValueError(
                f"{_OWNER}: cache must be left out, as source is an array. "
                f"Received: cache={cache!r}."
            )
        if of_masks["foreground"] is not None:
            raise ValueError(
                f"{_OWNER}: foreground is for mask files. Received: "
                f"foreground={of_masks['foreground']!r}, and source is an array. Give masks > 0."
            )
    elif cache not in ("auto", "memory", None) and not _is_npy(cache):
        name = os.fspath(cache) if isinstance(cache, os.PathLike) else cache
        raise ValueError(
            f"{_OWNER}: cache must be None, 'auto', 'memory' or the name of an .npy file. "
            f"Received: cache={name!r}."
        )
    if augment is not None and not isinstance(augment, str):
        raise TypeError(
            f"{_OWNER}: augment must be a text, such as 'flip,shift:0.1'. "
            f"Received: augment={augment!r}."
        )


def _is_npy(path) -> bool:
    return isinstance(path, (str, os.PathLike)) and Path(path).suffix == ".npy"


def _check_source(source) -> None:
    if is_array(source):
        return
    if isinstance(source, (str, Path)):
        if npz.is_npz(source) and Path(source).is_file():
            raise ValueError(
                f"{_OWNER}: source must be a folder, or one array. Received: {source}, which holds "
                "several. Name one: numpy.load(source)['images']."
            )
        return
    if isinstance(source, (list, tuple)):
        wrong = [each for each in source if not isinstance(each, (str, Path))]
        if not wrong:
            return
        fix = " Make them one array: numpy.stack(source)." if hasattr(wrong[0], "shape") else ""
        received = f"a {type(source).__name__} with a {type(wrong[0]).__name__}"
    else:
        received, fix = type(source).__name__, ""
    raise TypeError(
        f"{_OWNER}: source must be a folder, a list of image files, or an array. "
        f"Received: {received}.{fix}"
    )


def check_masks(numbers: np.ndarray, spatial: tuple[int, ...], with_values: bool) -> None:
    """Raises ValueError for masks of an array that do not lie on the images, or are no numbers of
    classes: these would be cut to whole numbers.

    Args:
        numbers: `(n, *spatial)`, or with a last axis.
        spatial: `(height, width)` of the images.
        with_values: Whether all values are looked at.
    """
    lies_on = numbers.shape[1 : len(spatial) + 1] == spatial
    if not lies_on or numbers.ndim - len(spatial) not in (1, 2):
        sizes = ", ".join(map(str, spatial))
        raise ValueError(
            f"{_OWNER}: masks must have shape (n, {sizes}), as the images. "
            f"Received: shape {numbers.shape}."
        )
    is_whole = numbers.dtype.kind in "biu" or not with_values
    if numbers.dtype.kind not in "biuf" or not (is_whole or (numbers == np.floor(numbers)).all()):
        raise ValueError(
            f"{_OWNER}: masks must hold whole numbers, one for each class. Received: "
            f"{numbers.dtype}"
            + (
                " with fractions or NaN. Cut them: masks > 0.5."
                if numbers.dtype.kind == "f"
                else "."
            )
        )
