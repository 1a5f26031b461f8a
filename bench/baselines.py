"""Closed-form baselines: what a model must beat to earn its training."""

import math

import numpy as np

from bench.errors import BenchError


class MeanImage:
    """Answers every image with the mean of the training images: a code of size 0."""

    def fit(self, images: np.ndarray, targets: np.ndarray | None = None) -> None:
        clean = images if targets is None else targets
        self.mean = clean.mean(axis=0, dtype="float64")
        self.num_parameters = self.mean.size
        self.forward_macs = 0

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.mean, images.shape).astype("float32")


class PCA:
    """Projects on the first principal components: the best linear autoencoder of its code size.

    The reconstruction is not clipped to `[0, 1]`, so that its error on the training images is
    the optimum of every linear autoencoder (Baldi and Hornik, 1989). With noisy inputs, the
    components are those of the clean images.

    Args:
        code_size: Positive int; capped at the number of pixels and of training images.
    """

    def __init__(self, code_size: int):
        self.code_size = code_size

    def fit(self, images: np.ndarray, targets: np.ndarray | None = None) -> None:
        from sklearn import decomposition

        clean = images if targets is None else targets
        rows = clean.reshape(len(clean), -1).astype("float64")
        code_size = min(self.code_size, *rows.shape)
        # The covariance's eigenvectors: exact, and fast for many images of few pixels.
        solver = "covariance_eigh" if rows.shape[1] <= 4_096 else "full"
        self.model = decomposition.PCA(code_size, svd_solver=solver).fit(rows)
        self.num_parameters = rows.shape[1] * (code_size + 1)
        self.forward_macs = 2 * rows.shape[1] * code_size

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        rows = images.reshape(len(images), math.prod(images.shape[1:])).astype("float64")
        projected = self.model.inverse_transform(self.model.transform(rows))
        return projected.reshape(images.shape).astype("float32")


class Identity:
    """Gives the input back: the floor for denoising, and perfect without noise."""

    num_parameters = 0
    forward_macs = 0

    def fit(self, images: np.ndarray, targets: np.ndarray | None = None) -> None:
        pass

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        return images


def create(name: str, code_size: int | None = None):
    """Creates a baseline: `"mean_image"`, `"pca"` (needs `code_size`) or `"identity"`.

    Each has `fit(images, targets=None)` and `reconstruct(images)`, and after `fit` the ints
    `num_parameters` and `forward_macs` (per image).
    """
    if name == "pca":
        if code_size is None or code_size < 1:
            raise BenchError(f"pca: code_size must be an int >= 1. Received: {code_size!r}.")
        return PCA(code_size)
    classes = {"mean_image": MeanImage, "identity": Identity}
    if name not in classes:
        raise BenchError(f"unknown baseline {name!r}. Baselines: mean_image, pca, identity.")
    return classes[name]()
