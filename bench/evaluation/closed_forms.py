"""Closed-form baselines: what a model must beat to earn its training."""

import numbers

import numpy as np

from bench.errors import BenchError

VARIANCE_FLOOR = 1e-3  # of the normalised PCA score, in squared pixel units


def over_channels(values: np.ndarray) -> np.ndarray:
    """Averages a score over channels: `(n, height, width)` or `(n, length)`; vectors stay."""
    return values.mean(axis=-1) if values.ndim > 2 else values


class Scoring:
    """The score of a pixel, of what has `reconstruct(images)`."""

    def score_map(self, images: np.ndarray) -> np.ndarray:
        """Returns the squared residual of each pixel, averaged over channels, float64.

        Shape `(n, height, width)` or `(n, length)`; `(n, features)` for flat vectors.
        """
        return over_channels(self._squared_residual(images))

    def _squared_residual(self, images: np.ndarray) -> np.ndarray:
        return (images.astype("float64") - self.reconstruct(images)) ** 2


def _check_input(baseline, images: np.ndarray) -> None:
    owner, shape = type(baseline).__name__, getattr(baseline, "image_shape", None)
    if shape is None:
        raise ValueError(f"{owner}: fit must be called before reconstruct.")
    if images.shape[1:] != shape:
        raise ValueError(
            f"{owner}: images must have the shape that was fitted, {shape}. "
            f"Received: {images.shape[1:]}."
        )


class MeanImage(Scoring):
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


class PCA(Scoring):
    """Projects on the first principal components: the best linear autoencoder of its code size.

    The reconstruction is not clipped to `[0, 1]`, so that its error on the training images is
    the optimum of every linear autoencoder (Baldi and Hornik, 1989). With noisy inputs, the
    components are those of the clean images.

    Args:
        latent_size: Positive int; capped at the number of pixels and of training images.
    """

    def __init__(self, latent_size: int):
        self.latent_size = latent_size

    def fit(self, images: np.ndarray, targets: np.ndarray | None = None) -> None:
        from sklearn import decomposition

        clean = images if targets is None else targets
        if len(clean) < 2:
            raise BenchError(
                f"pca: training images must be at least 2. Received: {len(clean)}. "
                "Raise the limit on images."
            )
        rows = clean.reshape(len(clean), -1).astype("float64")
        latent_size = min(self.latent_size, *rows.shape)
        # The covariance's eigenvectors: exact, and fast for many images of few pixels.
        solver = "covariance_eigh" if rows.shape[1] <= 4_096 else "full"
        self.model = decomposition.PCA(latent_size, svd_solver=solver).fit(rows)
        self.image_shape = clean.shape[1:]
        self.num_parameters = rows.shape[1] * (latent_size + 1)
        self.forward_macs = 2 * rows.shape[1] * latent_size

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        _check_input(self, images)
        rows = images.reshape(len(images), -1).astype("float64")
        projected = self.model.inverse_transform(self.model.transform(rows))
        return projected.reshape(images.shape).astype("float32")

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Returns the projections on the components, `(n, latent_size)`."""
        _check_input(self, images)
        return self.model.transform(images.reshape(len(images), -1).astype("float64"))


class NormalisedPCA(PCA):
    """PCA whose score of a pixel is measured by the residuals that are usual there.

        score = squared residual / (mean squared residual of this pixel in training + 1e-3)

    What a predicted variance does for an autoencoder, here fixed for each pixel.
    """

    def fit(self, images: np.ndarray, targets: np.ndarray | None = None) -> None:
        super().fit(images, targets)
        clean = images if targets is None else targets
        self.pixel_variance = self._squared_residual(clean).mean(axis=0) + VARIANCE_FLOOR
        self.num_parameters += self.pixel_variance.size

    def score_map(self, images: np.ndarray) -> np.ndarray:
        """Returns the normalised squared residual of each pixel; shapes as in `PCA`."""
        return over_channels(self._squared_residual(images) / self.pixel_variance)


class Identity:
    """Gives the input back: the trivial baseline for denoising, and perfect without noise."""

    num_parameters = 0
    forward_macs = 0

    def fit(self, images: np.ndarray, targets: np.ndarray | None = None) -> None:
        pass

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        return images


_CLASSES = {
    "mean_image": MeanImage,
    "pca": PCA,
    "pca_normalised": NormalisedPCA,
    "identity": Identity,
}


def names() -> list[str]:
    """Returns the names that `create` knows."""
    return list(_CLASSES)


def create(name: str, latent_size: int | None = None) -> MeanImage | PCA | Identity:
    """Creates a baseline: `"mean_image"`, `"pca"`, `"pca_normalised"` or `"identity"`.

    Each has `fit(images, targets=None)` and `reconstruct(images)`, and after `fit` the ints
    `num_parameters` and `forward_macs` (per image). All but the identity score the pixels of
    images with `score_map(images)`, and the two kinds of PCA have `encode(images)`.

    Raises:
        BenchError: for an unknown name, or a `latent_size` of PCA that is not an int >= 1.
    """
    if name not in _CLASSES:
        raise BenchError(f"unknown baseline {name!r}. Baselines: {', '.join(_CLASSES)}.")
    if not issubclass(_CLASSES[name], PCA):
        return _CLASSES[name]()
    whole = isinstance(latent_size, numbers.Integral) and not isinstance(latent_size, bool)
    if not whole or latent_size < 1:
        raise BenchError(f"{name}: latent_size must be an int >= 1. Received: {latent_size!r}.")
    return _CLASSES[name](int(latent_size))
