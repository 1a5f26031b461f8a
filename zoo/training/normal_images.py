"""The Gaussian of what is measured on normal images, and the images in pieces."""

import numpy as np

BATCH_SIZE = 100
_SMALLEST_SHARE = 1e-4  # of the mean variance, added to each: units that are constant


def batches(images):
    """Yields images in pieces."""
    for start in range(0, len(images), BATCH_SIZE):
        yield images[start : start + BATCH_SIZE]


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
