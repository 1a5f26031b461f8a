"""Weights of pixels and of classes, as every mask loss takes them."""

import numpy as np
from keras import ops

from zoo.losses.pixels import as_float32, mean_over_event

BALANCED = "balanced"
_SMALLEST = 1e-7


def checked(owner: str, weights, num_classes: int):
    """Returns checked weights of classes: a tuple of floats, `"balanced"`, or None.

    Raises:
        ValueError: unless there is a finite number >= 0 for each class, and one above 0.
    """
    if weights is None or (isinstance(weights, str) and weights == BALANCED):
        return weights
    numbers = np.asarray(weights)
    is_right = numbers.dtype.kind in "iuf" and numbers.shape == (num_classes,)
    if not (is_right and np.isfinite(numbers).all() and (numbers >= 0).all() and numbers.any()):
        raise ValueError(
            f"{owner}: class_weights must be {num_classes} numbers >= 0, one per class, "
            f"{BALANCED!r} or None. Received: class_weights={weights!r}. For example "
            f"{tuple(float(min(1, number + 0.5) * 2) for number in range(num_classes))}."
        )
    return tuple(numbers.astype(float).tolist())


def balanced_weights(counts) -> tuple[float, ...]:
    """Returns weights of classes by which each class weighs the same: `n / (K n_c)`.

    `n` pixels, `K` classes that occur, `n_c` pixels of one of them. The mean of the weights over
    all pixels is 1. A class without pixels has weight 1.

    Args:
        counts: Pixels of each class, void left out.
    """
    counts = [float(count) for count in counts]
    num_present = sum(count > 0 for count in counts)
    return tuple(sum(counts) / (num_present * c) if c else 1.0 for c in counts)


def flattened(name: str, target, logits):
    """Returns both in float32 as `(batch, pixels, channels)`."""
    target, logits = as_float32(target, logits)
    mask_shape, shape = tuple(target.shape), tuple(logits.shape)
    sizes = zip(mask_shape, shape, strict=False)
    if (
        len(shape) not in (3, 4)
        or len(mask_shape) != len(shape)
        or any(None not in pair and pair[0] != pair[1] for pair in sizes)
    ):
        fix = "Resize one to the other."
        if mask_shape[:-1] == shape[:-1] and mask_shape[-1] == 1:
            fix = "Make the mask one-hot, with one channel per class."
        elif mask_shape == shape[:-1]:
            fix = "Add the channel axis: mask[..., None]."
        raise ValueError(
            f"{name}: target must have the logits' shape, (batch, height, width, channels) or "
            f"(batch, length, channels). Received: target {mask_shape}, logits {shape}. {fix}"
        )
    flat = (ops.shape(logits)[0], -1, shape[-1])
    return ops.reshape(target, flat), ops.reshape(logits, flat)


def weighed(name, target, logits, weights, class_weights, by_overlap=False):
    """Returns target and logits as `(batch, pixels, channels)`, and the weights of the pixels.

    The weights are `(batch, pixels, 1)`, or None where all are 1; `class_weights` are in them,
    unless they weigh the mean over several overlaps. Where a weight is 0, target and logits are 0.
    """
    target, logits = flattened(name, target, logits)
    channels = logits.shape[-1]
    if class_weights is not None and np.shape(class_weights) != (max(2, channels),):
        raise ValueError(
            f"{name}: class_weights must hold {max(2, channels)} numbers, one per class. "
            f"Received: class_weights={class_weights}."
        )
    if weights is not None:
        weights = ops.reshape(ops.cast(weights, "float32"), (ops.shape(logits)[0], -1, 1))
        target, logits = (ops.where(weights > 0, each, 0.0) for each in (target, logits))
    if class_weights is None or (by_overlap and channels > 1):
        return target, logits, weights
    of_classes = ops.cast(class_weights, "float32")
    both = ops.concatenate([1 - target, target], -1) if channels == 1 else target
    by_class = ops.sum(both * of_classes, axis=-1, keepdims=True)
    return target, logits, by_class if weights is None else weights * by_class


def mean_over_pixels(values, weights):
    """Computes the mean of `(batch, pixels)` over the pixels that count, times their weights."""
    if weights is None:
        return mean_over_event(values)
    counted = ops.sum(ops.cast(weights[..., 0] > 0, "float32"), axis=-1)
    return ops.sum(weights[..., 0] * values, axis=-1) / ops.maximum(counted, 1.0)


def shares(class_weights, channels: int):
    """Returns the weight of each class in a mean over them."""
    if class_weights is None or channels == 1:
        return ops.ones((channels,))
    return ops.cast(class_weights, "float32")


def mean_over_classes(distances, class_weights):
    """Computes the mean of `(groups, channels)` over channels, by the weights of the classes."""
    of_classes = shares(class_weights, distances.shape[-1])
    total = ops.maximum(ops.sum(of_classes), _SMALLEST)
    return ops.sum(of_classes * distances, axis=-1) / total
