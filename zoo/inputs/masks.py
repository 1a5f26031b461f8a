"""Masks of segmentation models: checked at the door, and turned into what the losses compare.

Void is what is no class: pixels of the number `ignore_label`, or of no 1 in a one-hot mask. What
the losses compare has -1 there in a mask of one channel, and 0 in every channel of more.
"""

import numpy as np
from keras import ops


def check(
    owner: str,
    values,
    spatial: tuple[int, ...],
    num_classes: int,
    ignore_label: int | None = None,
) -> None:
    """Raises an error when an array does not hold masks of these images.

    Args:
        owner: Class name for the message.
        values: `(batch, *spatial)` or `(batch, *spatial, 1)` of 0 and 1 for one class, or of
            labels `0 .. num_classes - 1`; or `(batch, *spatial, num_classes)`, one-hot.
        spatial: `(height, width)` or `(length,)`.
        num_classes: `1` for binary masks.
        ignore_label: Number of void, which may stand in masks of numbers; then one-hot masks may
            have places without a 1.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            f"{owner}: masks must be bool, integer or float. Received: dtype {values.dtype}. "
            "Convert them with masks.astype('uint8')."
        )
    check_shape(owner, values.shape, spatial, num_classes)
    is_one_hot = _is_one_hot(values.shape, spatial, num_classes)
    if ignore_label is not None and not is_one_hot:
        values = np.where(values == ignore_label, 0, values)
    if num_classes == 1 or is_one_hot:
        _check_zeros_and_ones(owner, values)
        fewest = 1 if ignore_label is None else 0
        if num_classes > 1 and not np.isin(values.sum(axis=-1), (fewest, 1)).all():
            raise ValueError(
                f"{owner}: one-hot masks must hold one 1 per place, as classes exclude each other. "
                "Received: places with none or several. "
                f"Give labels 0 to {num_classes - 1}, such as masks.argmax(-1)."
            )
    else:
        _check_labels(owner, values, num_classes)


def check_shape(owner: str, received, spatial: tuple[int, ...], num_classes: int) -> None:
    """Checks the shape of a batch of masks; unknown (None) sizes pass."""
    received = tuple(received)
    channels = sorted({1, num_classes})
    right_rank = len(received) in (len(spatial) + 1, len(spatial) + 2)
    got = received[1 : len(spatial) + 1]
    if right_rank and all(a is None or a == b for a, b in zip(got, spatial, strict=True)):
        if len(received) == len(spatial) + 1 or received[-1] in (None, *channels):
            return
        fix = (
            f"Take one channel: masks[..., :1]; or create the model with num_classes="
            f"{received[-1]}."
        )
    elif received == spatial:
        fix = "Add the batch axis: masks[None]."
    elif right_rank:
        fix = "Resize masks and images alike, the masks by the nearest neighbour."
    else:
        fix = "Give one mask per image."
    sizes = ", ".join(map(str, spatial))
    allowed = [f"(batch, {sizes})", *(f"(batch, {sizes}, {number})" for number in channels)]
    raise ValueError(
        f"{owner}: masks must have shape {' or '.join(allowed)}. Received: shape {received}. {fix}"
    )


def one_hot(values, batch_size, spatial: tuple[int, ...], num_classes: int, ignore_label=None):
    """Returns masks or labels as a float32 tensor `(batch, *spatial, num_classes)`.

    A graph that has seen masks of several forms does not know their rank or their channels: then
    their size tells labels from one-hot masks.
    """
    if has_known_rank(values):
        if len(values.shape) == len(spatial) + 1:
            values = ops.expand_dims(values, -1)
        if num_classes == 1 and ignore_label is not None:
            values = _as_float(values)
            return ops.where(values == ignore_label, -1.0, values)
        if values.shape[-1] == num_classes:
            return _as_float(values)
        if values.shape[-1] is not None:
            return _one_hot_labels(values, num_classes)
    values = ops.reshape(values, (batch_size, *spatial, -1))
    if num_classes == 1 and ignore_label is not None:
        values = ops.where(_as_float(values) == ignore_label, -1.0, _as_float(values))
    whole = ops.broadcast_to(_as_float(values), (batch_size, *spatial, num_classes))
    is_whole = ops.shape(values)[-1] == num_classes
    return ops.where(is_whole, whole, _one_hot_labels(values, num_classes))


def counted(target):
    """Returns 1 where what `one_hot` gave has a class, and 0 on void: `(batch, *spatial, 1)`."""
    if target.shape[-1] == 1:
        return ops.cast(target >= 0, "float32")
    return ops.cast(ops.sum(target, axis=-1, keepdims=True) > 0, "float32")


def without_void(target):
    """Returns what `one_hot` gave with 0 in place of void."""
    return ops.maximum(target, 0.0)


def class_counts(
    values, spatial: tuple[int, ...], num_classes: int, ignore_label: int | None = None
) -> np.ndarray:
    """Returns the number of pixels of each class, void left out, in masks that `check` passes.

    Args:
        values: `(batch, *spatial)`, or with a last axis of 1 or of `num_classes`.
        spatial: `(height, width)` or `(length,)`; a width may be the number of classes, too.
        num_classes: `1` for masks of 0 and 1: two classes are counted.
    """
    values, num = np.asarray(values), max(2, num_classes)
    if _is_one_hot(values.shape, spatial, num_classes):
        return values.reshape(-1, num_classes).sum(axis=0).astype("int64")
    counts = np.zeros(num, "int64")
    for mask in values:
        numbers = mask.ravel().astype("int64")
        if ignore_label is not None:
            numbers = numbers[numbers != ignore_label]
        counts += np.bincount(numbers, minlength=num)
    return counts


def has_known_rank(values) -> bool:
    """Tells whether the length of a tensor's shape is known."""
    try:
        return len(values.shape) >= 0
    except ValueError:
        return False


def _as_float(values):
    return ops.cast(values, "float32")


def _one_hot_labels(values, num_classes):
    if num_classes == 1:
        return _as_float(values)
    return ops.one_hot(ops.cast(values[..., 0], "int32"), num_classes, dtype="float32")


def _is_one_hot(shape, spatial, num_classes) -> bool:
    return num_classes > 1 and len(shape) == len(spatial) + 2 and shape[-1] == num_classes


def _some(values) -> str:
    """Returns the first distinct values, for a message."""
    distinct = np.unique(values)
    text = ", ".join(f"{value:g}" for value in distinct[:6].astype("float64"))
    return f"{text}, ..." if len(distinct) > 6 else text


def _check_zeros_and_ones(owner, values) -> None:
    if values.dtype == bool or ((values == 0) | (values == 1)).all():
        return
    if values.max() == 255:
        fix = "Divide by 255." if set(np.unique(values)) <= {0, 255} else "Use masks > 127."
    elif values.min() >= 0 and values.max() <= 1:
        fix = "Cut them at a threshold: masks > 0.5."
    else:
        fix = "Choose the foreground, such as masks == 1, or raise num_classes."
    raise ValueError(f"{owner}: masks must hold 0 and 1. Received: values {_some(values)}. {fix}")


def _check_labels(owner, values, num_classes) -> None:
    whole = values.dtype.kind in "biu" or (values == np.floor(values)).all()
    low, high = values.min(), values.max()
    if whole and low >= 0 and high < num_classes:
        return
    if whole and low == 1 and high == num_classes:
        fix = "Count from 0: masks - 1."
    elif whole and low >= 0:
        fix = f"Create the model with num_classes={int(high) + 1}, or renumber the labels."
    else:
        fix = "Give one whole number per place."
    raise ValueError(
        f"{owner}: masks must hold the labels 0 to {num_classes - 1}. "
        f"Received: values {_some(values)}. {fix}"
    )
