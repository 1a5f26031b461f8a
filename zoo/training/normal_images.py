"""What is measured on normal images: its Gaussian and its nearest rows; the images in pieces."""

import keras
import numpy as np
from keras import ops

BATCH_SIZE = 100
_SMALLEST = 1e-6  # added before a logarithm
_SMALLEST_SHARE = 1e-4  # of the mean variance, added to each: units that are constant
_SMALLEST_SPREADS = 1e-3, 1e-4, 1e-8  # of the largest, of the features, and of features of zeros


def batches(images):
    """Yields images in pieces."""
    for start in range(0, len(images), BATCH_SIZE):
        yield images[start : start + BATCH_SIZE]


def first(some_batches, most: int) -> np.ndarray | None:
    """Returns the images of batches as `fit` takes them, float32; None where there are none."""
    parts = [keras.utils.unpack_x_y_sample_weight(batch)[0] for batch in some_batches]
    parts = [np.asarray(part, "float32") for part in parts if part is not None and len(part)]
    return np.concatenate(parts)[:most] if parts else None


def never_zero(spread: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Returns spreads of features that can be divided by, where images are alike or empty too."""
    sizes = np.max(spread), np.abs(features).max(), 1.0
    return np.maximum(spread, np.max(np.multiply(_SMALLEST_SPREADS, sizes)))


def numbers_of_places(codes, errors, with_spread: bool):
    """Returns the mean over places of a code, the logarithm of its spread, and of the mean error.

    Args:
        codes: `(batch, rows, columns, units)`; errors: `(batch, rows, columns)`.
        with_spread: Whether the spread is among them.

    Returns:
        `(batch, 2 * units + 1)`, without the spread `(batch, units + 1)`.
    """
    numbers = [ops.mean(codes, axis=(1, 2))]
    if with_spread:
        numbers.append(ops.log(ops.var(codes, axis=(1, 2)) + _SMALLEST) / 2)
    numbers.append(ops.log(ops.mean(errors, axis=(1, 2)) + _SMALLEST)[:, None])
    return ops.concatenate(numbers, axis=-1)


def mean_and_precision(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and the inverse covariance of rows, shrunk towards its diagonal.

        covariance = (1 - a) C + a diag(C),   a = d / (n + d)

    With many rows it is the covariance, with few the variances of each number.

    Args:
        rows: `(n, d)`.
    """
    rows = rows.astype("float64")
    num, size = rows.shape
    offset = rows - rows.mean(axis=0)
    covariance = offset.T @ offset / num
    variances = np.diag(covariance) + _SMALLEST_SHARE * np.trace(covariance) / size + 1e-12
    share = size / (num + size)
    shrunk = (1 - share) * covariance
    np.fill_diagonal(shrunk, variances)
    return rows.mean(axis=0), np.linalg.inv(shrunk)


def mahalanobis(rows, mean, precision):
    """Computes `(rows - mean)' precision (rows - mean)` over the last axis."""
    offset = rows - mean
    return ops.sum(offset * ops.matmul(offset, precision), axis=-1)


def offsets_to_nearest(rows, stored, num_stored, num_neighbours: int, skip: int = 0):
    """Returns the squared offsets of rows from the nearest stored ones, as a mean over these.

    Args:
        rows: Float tensor `(batch, size)`.
        stored: Float tensor `(capacity, size)`, of which the first `num_stored` count. Where they
            are fewer than `num_neighbours`, all of them are taken; none of none gives 0.
        skip: How many of the nearest are left out, of a row that is itself stored.

    Returns:
        Float tensor `(batch, size)`.
    """
    squared = (
        ops.sum(ops.square(rows), axis=1, keepdims=True)
        - 2 * ops.matmul(rows, ops.transpose(stored))
        + ops.sum(ops.square(stored), axis=1)
    )
    counts = ops.cast(ops.arange(stored.shape[0]), "float32") < num_stored
    closeness, nearest = ops.top_k(ops.where(counts, -squared, -np.inf), num_neighbours + skip)
    is_one = ops.cast(closeness > -np.inf, "float32")[:, skip:]
    offsets = ops.square(rows[:, None] - ops.take(stored, nearest[:, skip:], axis=0))
    number = ops.maximum(ops.sum(is_one, axis=1, keepdims=True), 1)
    return ops.einsum("bn,bns->bs", is_one, offsets) / number
