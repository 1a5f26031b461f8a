"""Anomalies without training: how far an image is from the normal ones that are nearest to it.

    score = mean over the 5 nearest training images of the distance ||f(x) - f(x_i)||

What `f` reads of an image is what the baselines differ in:

    nearest_neighbours            the pixels
    nearest_neighbours_hog        gradient histograms of a grid of 7 x 7 cells
    nearest_neighbours_hog_pooled a gradient histogram of the whole image: what, not where
    image_statistics              mean, standard deviation and mean absolute gradients, each divided
                                  by its standard deviation over the training images

They know which images are normal and nothing else, as an autoencoder does. One that ends below
them has not earned its training.
"""

from collections.abc import Callable

import numpy as np

from bench.errors import BenchError
from zoo.layers.gradient_histograms import gradient_histograms, root_shares, whole_image_grid

NUM_NEIGHBOURS = 5
BATCH = 256


class Neighbours:
    """Scores an image by its distance to the nearest of the images that it was fitted to.

    Args:
        features: Function from images to `(n, rows, columns, numbers)` or `(n, numbers)`.
        normalise: Whether each number is divided by its standard deviation in training.
        gives_images: Whether the features are the pixels: then the mean of the neighbours is a
            reconstruction.
    """

    default = "neighbour_distance"

    def __init__(
        self,
        features: Callable[[np.ndarray], np.ndarray],
        *,
        normalise: bool = False,
        gives_images: bool = False,
    ):
        self.features = features
        self.normalise = normalise
        self.gives_images = gives_images

    def fit(self, images: np.ndarray, targets: np.ndarray | None = None) -> None:
        """Keeps the features of normal images."""
        from sklearn.neighbors import NearestNeighbors

        features = self.features(images)
        rows = _rows(features)
        self.scale = rows.std(axis=0) + np.finfo("float32").eps if self.normalise else 1.0
        self.normals = (rows / self.scale).astype("float32")
        num = min(NUM_NEIGHBOURS, len(rows))
        self.search = NearestNeighbors(n_neighbors=num, algorithm="brute").fit(self.normals)
        self.num_parameters = self.forward_macs = self.normals.size

    def own(self, images: np.ndarray) -> np.ndarray:
        """Returns the mean distance to the nearest normals, `(n,)`."""
        distances, _ = self.search.kneighbors(self._scaled(self.features(images)))
        return distances.mean(axis=1, dtype="float64")

    def scores(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {self.default: self.own(images)}

    def reconstruct(self, images: np.ndarray) -> np.ndarray | None:
        """Returns the mean of the nearest normal images, None where the features are no pixels."""
        if not self.gives_images:
            return None
        return self._mean_neighbour(self._scaled(images)).reshape(images.shape)

    def score_map(self, images: np.ndarray) -> np.ndarray | None:
        """Returns the squared difference from the mean neighbour, of each pixel or its cell.

        Shape as the images without channels; None where the features know no places.
        """
        features = self.features(images)
        if features.ndim < 3:
            return None if images.ndim > 2 else self._squared_difference(features)
        cells = self._squared_difference(features).mean(axis=-1)
        for axis, size in enumerate(images.shape[1:-1], start=1):
            cells = np.take(cells, np.arange(size) * cells.shape[axis] // size, axis=axis)
        return cells

    def uncertainty(self, images: np.ndarray) -> None:
        """Returns None: nothing is predicted."""

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return (_rows(features) / self.scale).astype("float32")

    def _squared_difference(self, features: np.ndarray) -> np.ndarray:
        rows = self._scaled(features)
        return np.square(rows - self._mean_neighbour(rows)).reshape(features.shape)

    def _mean_neighbour(self, rows: np.ndarray) -> np.ndarray:
        _, nearest = self.search.kneighbors(rows)
        return self.normals[nearest].mean(axis=1)


def _rows(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), -1)


# --- what is read of an image -------------------------------------------------------------------


def pixels(images: np.ndarray) -> np.ndarray:
    """Returns the images."""
    return images


def hog_cells(images: np.ndarray) -> np.ndarray:
    """Returns the histograms of a grid, at most 7 x 7, `(n, rows, columns, 8)`.

    The histograms of an image are divided by their common sum, and the roots of that are taken.
    """
    return _histograms(images, whole_image_grid(*images.shape[1:3]))


def hog_pooled(images: np.ndarray) -> np.ndarray:
    """Returns one histogram of the whole image, `(n, 8)`."""
    return _histograms(images, (1, 1))[:, 0, 0]


def _histograms(images: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    parts = []
    for start in range(0, len(images), BATCH):
        histograms = gradient_histograms(images[start : start + BATCH], grid)
        parts.append(np.asarray(root_shares(histograms, axes=(1, 2, 3))))
    return np.concatenate(parts)


def statistics(images: np.ndarray) -> np.ndarray:
    """Returns mean, mean absolute differences down and right, standard deviation, `(n, 4)`."""
    images = images.astype("float64")
    down, right = np.diff(images, axis=1), np.diff(images, axis=2)
    means = (_rows(part).mean(axis=1) for part in (images, np.abs(down), np.abs(right)))
    return np.stack([*means, _rows(images).std(axis=1)], axis=1)


_ARGUMENTS: dict[str, dict] = {
    "nearest_neighbours": {"features": pixels, "gives_images": True},
    "nearest_neighbours_hog": {"features": hog_cells},
    "nearest_neighbours_hog_pooled": {"features": hog_pooled},
    "image_statistics": {"features": statistics, "normalise": True},
}
NAMES = tuple(_ARGUMENTS)


def create(name: str) -> Neighbours:
    """Creates a baseline by its name, one of `NAMES`."""
    if name not in _ARGUMENTS:
        raise BenchError(f"unknown baseline {name!r}. Baselines: {', '.join(NAMES)}.")
    return Neighbours(**_ARGUMENTS[name])
