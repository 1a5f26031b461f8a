"""Sources of training batches that do not draw all rows alike.

Each is a `keras.utils.PyDataset`: give it to `fit` in place of arrays. An epoch is drawn anew when
it begins, from a seed, so that two runs with one seed see the same batches.
"""

import math

import keras
import numpy as np

from zoo import checks
from zoo.inputs import labels

COMBINATIONS = ("max", "product")


class _Resampled(keras.utils.PyDataset):
    """Batches of rows that `draw_epoch` chose when the epoch began."""

    is_checked = True  # as arrays, before it was made

    def __init__(self, x, y, batch_size: int, seed: int):
        super().__init__()
        checks.positive_int(type(self).__name__, batch_size=batch_size)
        self.x, self.y = np.asarray(x), labels.flat_array(y)
        self.batch_size = batch_size
        self.generator = np.random.default_rng(seed)
        self.rows = None

    def draw_epoch(self) -> np.ndarray:
        """Returns the row numbers of each batch, `(num_batches, batch_size)`."""
        raise NotImplementedError

    def on_epoch_begin(self):
        self.rows = self.draw_epoch()

    def __getitem__(self, index):
        if self.rows is None:
            self.rows = self.draw_epoch()
        rows = self.rows[index]
        return self.x[rows], self.y[rows]


class LabelledShare(_Resampled):
    """Gives every batch the same share of labelled rows, however rare they are in the data.

    An epoch shows each unlabelled row once; the labelled ones come round as often as needed.

    Args:
        x: Array of images.
        y: Array of class labels, -1 for rows without one.
        batch_size: Positive int.
        labelled_share: Float between 0 and 1: share of labelled rows in a batch.
        seed: Int.

    Raises:
        ValueError: if there are no labelled or no unlabelled rows, or the share gives none of
            either to a batch.
    """

    def __init__(self, x, y, *, batch_size: int = 32, labelled_share: float = 0.5, seed: int = 0):
        super().__init__(x, y, batch_size, seed)
        owner = type(self).__name__
        checks.number(owner, low=0.0, high=1.0, labelled_share=labelled_share)
        self.num_labelled = round(batch_size * labelled_share)
        if not 0 < self.num_labelled < batch_size:
            raise ValueError(
                f"{owner}: labelled_share must leave rows of both kinds in a batch. Received: "
                f"labelled_share={labelled_share}, batch_size={batch_size}. Use a larger batch."
            )
        is_labelled = self.y != labels.UNLABELLED
        self.labelled, self.unlabelled = np.flatnonzero(is_labelled), np.flatnonzero(~is_labelled)
        if not len(self.labelled) or not len(self.unlabelled):
            raise ValueError(
                f"{owner}: y must hold labels and -1 for the rows without. Received: "
                f"{len(self.labelled)} labelled and {len(self.unlabelled)} unlabelled rows. "
                "Give such arrays to fit directly."
            )

    def __len__(self):
        return math.ceil(len(self.unlabelled) / (self.batch_size - self.num_labelled))

    def draw_epoch(self):
        counts = self.num_labelled, self.batch_size - self.num_labelled
        return np.concatenate(
            [
                _come_round(pool, len(self) * count, self.generator).reshape(len(self), count)
                for pool, count in zip((self.labelled, self.unlabelled), counts, strict=True)
            ],
            axis=1,
        )


class LatentResampling(_Resampled):
    """Shows rare images of the positive class more often: the adaptive resampling of DB-VAE.

    When an epoch begins, the positive images are encoded, and each gets a probability that is high
    where codes are rare (`resampling_probabilities`). Half of each batch are positives drawn by
    it, without replacement within a batch; the other half are negatives, all alike.

    Args:
        encode: Function from an array of images to their codes, `(batch, latent_dim)`.
        x: Array of images.
        y: Array of 1 for the positive class, else 0.
        batch_size: Int >= 2.
        num_bins: See `resampling_probabilities`; the same for `smoothing` and `combine`.
        seed: Int.

    Reference: Amini et al., 2019, Algorithm 1. https://doi.org/10.1145/3306618.3314243
    """

    def __init__(
        self,
        encode,
        x,
        y,
        *,
        batch_size: int = 32,
        num_bins: int = 10,
        smoothing: float = 1e-3,
        combine: str = "max",
        seed: int = 0,
    ):
        super().__init__(x, y, batch_size, seed)
        self.encode = encode
        self.settings = {"num_bins": num_bins, "smoothing": smoothing, "combine": combine}
        self.positive, self.negative = (np.flatnonzero(self.y == label) for label in (1, 0))
        self.num_positive = batch_size // 2
        if min(len(self.positive), len(self.negative)) < 1 or batch_size < 2:
            raise ValueError(
                f"{type(self).__name__}: y must hold rows of both classes, and batch_size at least "
                f"2. Received: {len(self.positive)} positive and {len(self.negative)} negative "
                f"rows, batch_size={batch_size}."
            )
        self.probabilities = None

    def __len__(self):
        return math.ceil(len(self.y) / self.batch_size)

    def draw_epoch(self):
        codes = np.asarray(self.encode(self.x[self.positive]))
        self.probabilities = resampling_probabilities(codes, **self.settings)
        num_negative = self.batch_size - self.num_positive
        negative = _come_round(self.negative, len(self) * num_negative, self.generator)
        replace = len(self.positive) < self.num_positive
        positive = [
            self.generator.choice(
                self.positive, self.num_positive, replace=replace, p=self.probabilities
            )
            for _ in range(len(self))
        ]
        return np.concatenate([positive, negative.reshape(len(self), num_negative)], axis=1)


def resampling_probabilities(
    codes, *, num_bins: int = 10, smoothing: float = 1e-3, combine: str = "max"
) -> np.ndarray:
    """Computes how often each image should be drawn: often where the histogram of codes is low.

        Q_i = (density of code unit i in bins + smoothing) / sum over bins
        max:      p(x) ~ max_i (1 / Q_i(z_i(x)) / sum over images)
        product:  p(x) ~ prod_i 1 / Q_i(z_i(x))

    Args:
        codes: Array `(num_images, latent_dim)`.
        num_bins: Positive int, bins of each unit's histogram between its extremes.
        smoothing: Float > 0, added to the density. Small: all codes alike; large: no change. As
            it is added to a density, its effect depends on the scale of the codes.
        combine: `"max"`, as the authors' course does, or `"product"`, as the paper writes
            (computed in logarithms).

    Returns:
        Array `(num_images,)`, float64, with sum 1.

    Raises:
        ValueError: for codes that are not finite, or an argument out of range.

    Reference: Amini et al., 2019, Eq. 3 and 4. https://doi.org/10.1145/3306618.3314243
    """
    owner = "resampling_probabilities"
    checks.positive_int(owner, num_bins=num_bins)
    checks.number(owner, low=1e-12, smoothing=smoothing)
    checks.one_of(owner, combine=(combine, COMBINATIONS))
    codes = np.asarray(codes, dtype="float64")
    if codes.ndim != 2 or not len(codes) or not np.isfinite(codes).all():
        raise ValueError(
            f"{owner}: codes must be finite, of shape (num_images, latent_dim). "
            f"Received: shape {codes.shape}."
        )
    log_inverse = np.stack(
        [_log_inverse_frequency(unit, num_bins, smoothing) for unit in codes.T], axis=1
    )
    if combine == "product":
        log_weight = log_inverse.sum(axis=1)
    else:  # each unit's weights are normalised before the largest is taken
        log_weight = (log_inverse - np.log(np.exp(log_inverse).sum(axis=0))).max(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


def _log_inverse_frequency(values, num_bins: int, smoothing: float) -> np.ndarray:
    density, edges = np.histogram(values, bins=num_bins, density=True)
    smoothed = density + smoothing
    bins = np.clip(np.digitize(values, edges[1:-1]), 0, num_bins - 1)
    return -np.log(smoothed / smoothed.sum())[bins]


def _come_round(pool: np.ndarray, count: int, generator) -> np.ndarray:
    """Returns `count` entries: the pool in random order, again and again."""
    rounds = math.ceil(count / len(pool))
    return np.concatenate([generator.permutation(pool) for _ in range(rounds)])[:count]
