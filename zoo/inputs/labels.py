"""Class labels: checked at the door, and as one-hot vectors."""

import numpy as np
from keras import ops

UNLABELLED = -1


def check(owner: str, labels, num_classes: int, *, name: str = "y", unlabelled: bool = False):
    """Raises when an array does not hold class labels.

    Args:
        labels: Expected: integers `(batch,)` or `(batch, 1)` in `[0, num_classes)`.
        unlabelled: Whether -1 marks rows without a label.

    Raises:
        TypeError: for labels that are no whole numbers.
        ValueError: for another shape, or labels out of range.
    """
    labels = np.asarray(labels)
    if labels.ndim not in (1, 2) or (labels.ndim == 2 and labels.shape[1] != 1):
        fix = "Give one class number per image."
        if labels.ndim == 2 and labels.shape[1] == num_classes:
            fix = f"From one-hot vectors: {name}.argmax(axis=-1)."
        raise ValueError(
            f"{owner}: {name} must have shape (batch,). Received: shape {labels.shape}. {fix}"
        )
    is_number = labels.dtype.kind in "iufb"
    if not is_number or not np.isfinite(labels).all() or (labels != np.floor(labels)).any():
        raise TypeError(
            f"{owner}: {name} must hold class numbers. Received: dtype {labels.dtype}"
            f"{', with fractions, NaN or infinity' if is_number else ''}. "
            f"Number the classes: numpy.unique({name}, return_inverse=True)[1]."
        )
    lowest = UNLABELLED if unlabelled else 0
    bad = (labels < lowest) | (labels >= num_classes)
    if bad.any():
        value = int(labels[bad][0])
        extra = ", or -1 for a row without a label" if unlabelled else ""
        fix = "Number the classes from 0."
        if value >= num_classes:
            fix = f"Create the model with num_classes={int(labels.max()) + 1}, or renumber them."
        raise ValueError(
            f"{owner}: {name} must lie in [0, {num_classes - 1}]{extra}. Received: {value} "
            f"at row {int(bad.reshape(-1).argmax())}. {fix}"
        )


def flat(labels):
    """Returns labels as int32 `(batch,)`."""
    return ops.cast(ops.reshape(labels, (-1,)), "int32")


def one_hot(labels, num_classes: int):
    """Returns labels as float32 `(batch, num_classes)`; a row of zeros where unlabelled."""
    return ops.one_hot(flat(labels), num_classes, dtype="float32")


def flat_array(labels) -> np.ndarray:
    """Returns an array of labels as int32 `(batch,)`."""
    return np.asarray(labels).reshape(-1).astype("int32")
