"""How strange a model or a baseline finds images, by each score that it has.

    squared_error            mean over pixels of (x - reconstruction)^2
    pixel_normalised         the same, each pixel divided by its mean squared error on the training
                             images plus 1e-3
    variance_normalised      mean over pixels of exp(-s) (x' - mu)^2, s the predicted log-variance
    variance_normalised_log  the same plus the mean of s: what the model is trained by. As the
                             model's own, s of a pixel is at most its highest on held-out normals
    negative_elbo            nats per image
    latent_distance          squared Mahalanobis distance of the code from the training codes
    feature_distance         what a model of features gives: the distance of its code and its error
    feature_error            mean over features of their squared error alone
    neighbour_distance       mean distance to the 5 nearest training images

All are higher for what is stranger. The default of a model is the mean of its own `score_map`.
"""

import math
from typing import Any, Protocol

import numpy as np

from bench.evaluation import closed_forms

MAX_CODE_SIZE = 512  # of the latent distance: its covariance has the square of it
MAX_FITTED = 10_000  # training images that variances and distances are taken from


class Scorer(Protocol):
    """Scores images.

    Attributes:
        default: Name of the score that is the model's own.
    """

    default: str

    def reconstruct(self, images: np.ndarray) -> np.ndarray | None:
        """Returns what is made of the images, in their shape, None where no images are made."""

    def score_map(self, images: np.ndarray) -> np.ndarray | None:
        """Returns a score of each pixel, `(n, height, width)` or `(n, length)`, None without."""

    def uncertainty(self, images: np.ndarray) -> np.ndarray | None:
        """Returns the predicted standard deviation of each pixel, None without prediction."""

    def own(self, images: np.ndarray) -> np.ndarray:
        """Returns the default score of each image, `(n,)`."""

    def scores(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns every score of each image, name to `(n,)`, the default first."""


class _LatentDistance:
    """Squared Mahalanobis distance from the codes of training images; the covariance is shrunk.

    Reference: Ledoit and Wolf, 2004. https://doi.org/10.1016/S0047-259X(03)00096-4
    """

    def __init__(self, codes: np.ndarray):
        from sklearn.covariance import LedoitWolf

        self.model = LedoitWolf().fit(codes)

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        return self.model.mahalanobis(codes)


class _Base:
    """What models and baselines share, given `reconstruct`, `score_map` and `_codes`."""

    default = "squared_error"

    def __init__(self, train: np.ndarray):
        train = train[:MAX_FITTED]
        self.pixel_variance = self._squared_error(train).mean(axis=0) + closed_forms.VARIANCE_FLOOR
        codes = self._codes(train)
        self.latent_distance = None if codes is None else _LatentDistance(codes)

    def uncertainty(self, images: np.ndarray) -> np.ndarray | None:
        return None

    def own(self, images: np.ndarray) -> np.ndarray:
        return _mean(self.score_map(images))

    def scores(self, images: np.ndarray) -> dict[str, np.ndarray]:
        if not hasattr(self, "pixel_variance"):
            return {self.default: self.own(images), **self._further(images)}
        squared = self._squared_error(images)
        scores = {self.default: self.own(images), "squared_error": _mean(squared)}
        scores["pixel_normalised"] = _mean(squared / self.pixel_variance)
        scores |= self._further(images)
        if self.latent_distance is not None:
            scores["latent_distance"] = self.latent_distance(self._codes(images))
        return scores

    def _further(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {}

    def _squared_error(self, images: np.ndarray) -> np.ndarray:
        return (images.astype("float64") - self.reconstruct(images)) ** 2

    def _codes(self, images: np.ndarray) -> np.ndarray | None:
        return None


class ModelScorer(_Base):
    """Scores images by a trained model of the zoo that has `score_map`.

    Args:
        train: Its training images.
    """

    def __init__(self, model: Any, train: np.ndarray):
        self.model = model
        if not hasattr(model, "reconstruct"):
            self.default = "feature_distance"
            return
        if hasattr(model, "predict_uncertainty"):
            is_paper = getattr(model, "score", None) == "paper"
            self.default = "variance_normalised" + ("" if is_paper else "_log")
        super().__init__(train)

    def reconstruct(self, images: np.ndarray) -> np.ndarray | None:
        if not hasattr(self.model, "reconstruct"):
            return None
        return np.asarray(self.model.reconstruct(images))

    def score_map(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.score_map(images))

    def uncertainty(self, images: np.ndarray) -> np.ndarray | None:
        if not hasattr(self.model, "predict_uncertainty"):
            return None
        return np.asarray(self.model.predict_uncertainty(images))

    def _further(self, images: np.ndarray) -> dict[str, np.ndarray]:
        scores = {}
        if (deviation := self.uncertainty(images)) is not None:
            # The score is of pixels in [-1, 1], the deviation of pixels in [0, 1].
            log_variance = 2 * np.log(2 * deviation.astype("float64"))
            normalised = 4 * self._squared_error(images) * np.exp(-log_variance)
            scores["variance_normalised"] = _mean(normalised)
            scores["variance_normalised_log"] = _mean(normalised + log_variance)
            scores[self.default] = self.own(images)
        if hasattr(self.model, "feature_error"):
            scores["feature_error"] = np.asarray(self.model.feature_error(images), "float64")
        if hasattr(self.model, "elbo"):
            scores["negative_elbo"] = -np.asarray(self.model.elbo(images), dtype="float64")
        return scores

    def _codes(self, images: np.ndarray) -> np.ndarray | None:
        is_large = math.prod(getattr(self.model, "code_shape", ())) > MAX_CODE_SIZE
        if is_large or not hasattr(self.model, "encode"):
            return None
        return np.asarray(self.model.encode(images), dtype="float64").reshape(len(images), -1)


class BaselineScorer(_Base):
    """Scores images by a fitted baseline that has `score_map`.

    Args:
        train: The images that it was fitted to.
    """

    def __init__(self, baseline: Any, train: np.ndarray):
        self.baseline = baseline
        if isinstance(baseline, closed_forms.NormalisedPCA):
            self.default = "pixel_normalised"
        super().__init__(train)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        return self.baseline.reconstruct(images)

    def score_map(self, images: np.ndarray) -> np.ndarray:
        return self.baseline.score_map(images)

    def _codes(self, images: np.ndarray) -> np.ndarray | None:
        return self.baseline.encode(images) if hasattr(self.baseline, "encode") else None


def _mean(values: np.ndarray) -> np.ndarray:
    """Averages over all but the first axis, in float64."""
    return values.reshape(len(values), -1).mean(axis=1, dtype="float64")
