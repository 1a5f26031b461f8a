"""`zoo.batches`: batches for `fit` from a folder of images, or from arrays in a file.

A source is checked before the first batch: an error names the file or the argument that is wrong.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.data import augmentation, mask_files, scaling
from zoo.data import cache as pixel_cache
from zoo.data.augmentation import Augmentation
from zoo.data.folder import Folder
from zoo.data.mask_numbers import Seen, distinct
from zoo.inputs import batches_arguments, pipeline
from zoo.inputs.augmented_batches import augmented
from zoo.inputs.order import orders_of_rows

_OWNER = "batches"


def batches(
    source: str | Path | Sequence[str | Path] | np.ndarray,
    image_shape: tuple[int, int, int] | None = None,
    *,
    batch_size: int = 32,
    masks: str | Path | np.ndarray | None = None,
    num_classes: int | None = None,
    foreground: str | None = None,
    ignore_label: int | None = None,
    value_range: tuple[float, float] | None = None,
    cache: str | Path | None = "auto",
    shuffle: bool = True,
    augment: str | None = None,
    seed: int | None = None,
    check: bool = True,
) -> tf.data.Dataset:
    """Gives a folder of images, or an array in a file, to `fit` in batches, read ahead.

    Files are listed once and each is read once before the first batch, so that a damaged one is an
    error here that names it. Decoding, resizing (Pillow's BOX filter) and colours are those of
    `zoo.data.images.read`, values equal to the bit, done in parallel.

    Args:
        source: A folder of images with its sub-folders, or a list of image files; or an array
            `(n, height, width, channels)` of 8 or 16 bits or of floats in `[0, 1]`, such as
            `numpy.load(file, mmap_mode="r")` gives, or the name of its `.npy` file. Arrays of 0 and
            1 alone stay as they are.
        image_shape: `(height, width, 1 or 3)` that image files are resized to, grey or RGB. Not
            needed for arrays.
        batch_size: Positive int. The last batch of an epoch may be shorter.
        masks: Folder of masks, one for each image, of the same name; or an array of class numbers
            `(n, height, width)`, or the name of its `.npy` file. None: batches hold images alone.
        num_classes: Of the masks, where some are missing in these files; the rule of masks is in
            `zoo.data.mask_files`.
        foreground: `"nonzero"` or `"above:127"`: the numbers of masks that become 1, the others 0.
        ignore_label: Number of the masks that is no class (void); it stays in them as it is.
        value_range: `(low, high)`: what is black and white, such as `(0, 4095)` for 12 bits in 16;
            None: the range of the type. Of arrays the low is 0.
        cache: Where decoded image files stay, as bytes: `"memory"`, or the name of an `.npy` file,
            made once, checked by names, sizes and times of the files, so that it is never stale
            (that of masks is beside it, `NAME.masks.npy`); None: decoded afresh in each epoch;
            `"auto"`: in memory up to 1 GiB, else None. What is in memory, and such a file up to
            1 GiB, a model of the zoo trains on as on arrays: see `resident` of its `fit`.
        shuffle: Whether each epoch has an order of its own.
        augment: What changes each image anew in each epoch, and its mask alike, such as
            `"flip,shift:0.1,rotation:15,scale:0.9-1.1"` or a part of it: see
            `zoo.data.augmentation`. None: nothing.
        seed: Int. Orders and changes depend on it, and on how many epochs have begun, alone. None
            draws one from the generator that `keras.utils.set_random_seed` seeds.
        check: False: image files without a cache are not read, nor arrays of floats, before the
            first batch; damaged files are then found by the epoch.

    Returns:
        A `tf.data.Dataset` of images, float32 `(batch, height, width, channels)` in `[0, 1]`; or
        of tuples of images and masks, int32 `(batch, height, width)`.

    Raises:
        ValueError: for a folder without images, a file that cannot be read, an image without a
            mask, or arguments out of range.
        TypeError: for a source that is neither files nor an array.

    Example:

    >>> import tempfile, numpy, zoo
    >>> folder = tempfile.mkdtemp()
    >>> for name in "abcde":
    ...     zoo.data.images.write_png(f"{folder}/{name}.png", numpy.zeros((20, 30, 3)))
    >>> found = zoo.batches(folder, image_shape=(16, 16, 1), batch_size=4)
    >>> [tuple(batch.shape) for batch in found]
    [(4, 16, 16, 1), (1, 16, 16, 1)]
    """
    batches_arguments.check(
        *(source, batch_size, masks, value_range, cache, augment, seed),
        num_classes=num_classes,
        foreground=foreground,
        ignore_label=ignore_label,
    )
    if batches_arguments.is_array(source):
        parts = _arrays(source, image_shape, masks, check, value_range, num_classes, ignore_label)
    else:
        settings = {
            "value_range": value_range,
            "num_classes": num_classes,
            "foreground": foreground,
            "ignore_label": ignore_label,
        }
        parts = _files(source, image_shape, masks, cache, check, settings)
    config = None if augment is None else _augmentation(augment, parts[0].shape)
    seed = random.randrange(2**31) if seed is None and (shuffle or config) else seed
    orders = _orders(len(parts[0]), shuffle, seed)
    made = pipeline.dataset_of_rows(parts, orders, batch_size)
    if config is not None:
        kinds = [(part.dtype, part.shape) for part in parts]
        made = augmented(made, kinds, config, seed, num_batches=-(-len(parts[0]) // batch_size))
    # Lost by what is made of it.
    made.zoo_batches = pipeline.Batches(parts, orders, batch_size, is_augmented=config is not None)
    return made


def _augmentation(text: str, shape: tuple[int, ...]) -> Augmentation:
    if len(shape) != 3:
        raise ValueError(
            f"{_OWNER}: augment must be left out, as source holds no images of (height, width, "
            f"channels). Received: augment={text!r}, rows of {shape}."
        )
    return augmentation.parse(text)


# --- sources --------------------------------------------------------------------------------


def _loaded(name: str, source) -> np.ndarray:
    """Returns an array, or that of an `.npy` file, mapped."""
    if not isinstance(source, (str, Path)):  # a tensor has a type of its own
        has_type = isinstance(getattr(source, "dtype", None), np.dtype)
        return source if has_type else np.asarray(source)
    try:
        return np.load(source, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"{_OWNER}: {name} must be an .npy file of numbers. Received: {source}, which cannot "
            f"be read ({error}). Write it with numpy.save."
        ) from error


def _arrays(
    source, image_shape, masks, check: bool, value_range, num_classes, ignore_label
) -> list[pipeline.Rows]:
    pixels = _loaded("source", source)
    if pixels.dtype.kind not in "bf" and pixels.dtype.name not in scaling.TOPS:
        raise ValueError(
            f"{_OWNER}: source must hold 8 or 16 bits, or floats in [0, 1]. Received: dtype "
            f"{pixels.dtype}. Convert it, such as (source / 255).astype('float32')."
        )
    shape = pixels.shape[1:] if image_shape is None else tuple(image_shape)
    checks.array_shape(_OWNER, pixels.shape, shape, "source")
    if not len(pixels):
        raise ValueError(f"{_OWNER}: source must hold at least one image. Received: 0 images.")
    if check and pixels.dtype.kind == "f" and value_range is None:
        checks.images(_OWNER, pixels, shape, "source")
    parts = [pipeline.array_rows(pixels, "float32", _divisor(pixels, value_range))]
    if masks is not None:
        numbers = _loaded("masks", masks)
        if len(numbers) != len(pixels):
            raise ValueError(
                f"{_OWNER}: masks must have one row per image. "
                f"Received: {len(numbers)} for {len(pixels)} images."
            )
        batches_arguments.check_masks(numbers, pixels.shape[1:-1], with_values=check)
        if check:
            numbers = _class_numbers(numbers, num_classes, ignore_label)
        parts.append(_mask_rows(numbers))
    return parts


def _divisor(pixels: np.ndarray, value_range: tuple[float, float] | None) -> float | None:
    """Returns what the values of an array are divided by: see `zoo.data.scaling`."""
    if value_range is not None:
        if value_range[0] != 0:
            raise ValueError(
                f"{_OWNER}: value_range of an array must begin at 0. Received: "
                f"value_range={value_range}. Rescale the array."
            )
        return scaling.scale_of(f"{_OWNER}: source", [pixels], value_range).high
    top = scaling.TOPS.get(pixels.dtype.name)
    return float(top) if top and scaling.exceeds_one(pixels) else None


def _class_numbers(
    numbers: np.ndarray, num_classes: int | None, ignore_label: int | None
) -> np.ndarray:
    """Returns masks of an array, checked; 0 and 255 become 0 and 1. One-hot masks pass."""
    where = f"{_OWNER}: masks"
    if numbers.dtype.kind not in "biu" or not numbers.size:
        return numbers
    values = distinct(numbers)
    top = scaling.TOPS.get(numbers.dtype.name, 255)
    if values[-1] <= 1 and values[0] >= 0:
        return numbers
    rule = mask_files.judge(where, [Seen(where, values, top)], num_classes, ignore_label)
    return rule.apply(numbers) if rule.is_binary else numbers


def _files(source, image_shape, masks, cache, check: bool, settings) -> list[pipeline.Rows]:
    if image_shape is None:
        raise ValueError(
            f"{_OWNER}: image_shape must be given for image files. Received: image_shape=None. "
            "For example (64, 64, 3)."
        )
    folder = Folder(_OWNER, source, image_shape, masks, **settings)
    if cache == "auto":
        size = len(folder) * int(np.prod(folder.image_shape))
        cache = "memory" if size <= pipeline.MOST_KEPT_BYTES else None
    if cache is None:
        if check:
            folder.check()
        parts = [pipeline.Rows(len(folder), folder.image_shape, "float32", folder.image, True)]
        if masks is not None:
            parts.append(
                pipeline.Rows(len(folder), folder.image_shape[:2], "int32", folder.mask, True)
            )
        return parts
    path = None if cache == "memory" else Path(cache)
    parts = [_image_rows(_kept(folder, "images", folder.images_into, path))]
    if masks is not None:
        path = path and path.with_suffix(".masks.npy")
        parts.append(_mask_rows(_kept(folder, "masks", folder.masks_into, path)))
    return parts


def _kept(folder: Folder, what: str, fill: Callable, path: Path | None) -> np.ndarray:
    """Returns the decoded files, in memory or in a file that is made where it is not there yet."""
    if path is None:
        made = []
        fill(lambda shape, dtype: made.append(np.empty(shape, dtype)) or made[-1])
        return made[-1]
    mark = folder.fingerprint(what)
    pixels = pixel_cache.opened(path, mark)
    return pixel_cache.write(path, mark, fill) if pixels is None else pixels


def _image_rows(pixels: np.ndarray) -> pipeline.Rows:
    return pipeline.array_rows(pixels, "float32", 255.0 if pixels.dtype == np.uint8 else None)


def _mask_rows(numbers: np.ndarray) -> pipeline.Rows:
    return pipeline.array_rows(numbers, "int32")


def _orders(num_rows: int, shuffle: bool, seed: int | None) -> tf.data.Dataset:
    """Returns the rows of an epoch in their order; by the seed alone, unlike those of Keras."""
    if not shuffle:
        return orders_of_rows(num_rows, shuffle=False)
    num_begun = [0]

    def order(_):
        generator = np.random.default_rng([seed, num_begun[0]])
        num_begun[0] += 1
        return generator.permutation(num_rows).astype("int64")

    def shaped(index):
        return tf.ensure_shape(tf.numpy_function(order, [index], tf.int64), (num_rows,))

    return tf.data.Dataset.range(1).map(shaped)
