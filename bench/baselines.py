"""Closed-form baselines: what a model must beat to earn its training."""

import numbers

import numpy as np

from bench.errors import BenchError


def _check_input(baseline, images: np.ndarray) -> None:
    owner, shape = type(baseline).__name__, getattr(baseline, "image_shape", None)
    if shape is None:
        raise ValueError(f"{owner}: fit must be called before reconstruct.")
    if images.shape[1:] != shape:
        raise ValueError(
            f"{owner}: images must have the shape that was fitted, {shape}. "
            f"Received: {images.shape[1:]}."
        )


class MeanImage:
    """Answers every image with the mean of the training images: a code of size 0."""

    def fit(self, images: np.ndarray, targets: np.ndarray | None = None) -> None:
        clean = images if targets is None else targets
        self.mean = clean.mean(axis=0, dtype="float64")
        self.image_shape = clean.shape[1:]
        self.num_parameters = self.mean.size
        self.forward_macs = 0

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        _check_input(self, images)
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
        if len(clean) < 2:
            raise BenchError(
                f"pca: training images must be at least 2. Received: {len(clean)}. "
                "Raise the limit on images."
            )
        rows = clean.reshape(len(clean), -1).astype("float64")
        code_size = min(self.code_size, *rows.shape)
        # The covariance's eigenvectors: exact, and fast for many images of few pixels.
        solver = "covariance_eigh" if rows.shape[1] <= 4_096 else "full"
        self.model = decomposition.PCA(code_size, svd_solver=solver).fit(rows)
        self.image_shape = clean.shape[1:]
        self.num_parameters = rows.shape[1] * (code_size + 1)
        self.forward_macs = 2 * rows.shape[1] * code_size

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        _check_input(self, images)
        rows = images.reshape(len(images), -1).astype("float64")
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


_CLASSES = {"mean_image": MeanImage, "pca": PCA, "identity": Identity}


def names() -> list[str]:
    """Returns the names that `create` knows."""
    return list(_CLASSES)


def create(name: str, code_size: int | None = None) -> MeanImage | PCA | Identity:
    """Creates a baseline: `"mean_image"`, `"pca"` (needs `code_size`) or `"identity"`.

    Each has `fit(images, targets=None)` and `reconstruct(images)`, and after `fit` the ints
    `num_parameters` and `forward_macs` (per image).

    Raises:
        BenchError: for an unknown name, or a `code_size` of PCA that is not an int >= 1.
    """
    if name not in _CLASSES:
        raise BenchError(f"unknown baseline {name!r}. Baselines: {', '.join(_CLASSES)}.")
    if name != "pca":
        return _CLASSES[name]()
    whole = isinstance(code_size, numbers.Integral) and not isinstance(code_size, bool)
    if not whole or code_size < 1:
        raise BenchError(f"pca: code_size must be an int >= 1. Received: {code_size!r}.")
    return PCA(int(code_size))
