"""Masks that need no image: what a model must beat to earn its training."""

import numbers

import numpy as np

from bench.errors import BenchError
from bench.metrics.segmentation import as_mask, hard_masks


class TrivialMask:
    """Answers every image with the same mask, which a model must beat to earn its training."""

    forward_macs = 0
    num_parameters = 0

    def fit(self, train_masks: np.ndarray) -> "TrivialMask":
        """Learns the one mask from `(images, height, width, classes)` of 0 and 1."""
        masks = as_mask("train_masks", train_masks)
        self.probability_map = masks.mean(axis=0, dtype="float64")
        self.mask = self.choose(self.probability_map)
        return self

    def choose(self, probability_map: np.ndarray) -> np.ndarray:
        """Returns the mask, given the share of training masks that have each pixel and class."""
        raise NotImplementedError

    def predict(self, num_or_images) -> np.ndarray:
        """Returns the mask once per image, float32; takes a number of images, or images."""
        if not hasattr(self, "mask"):
            raise BenchError(f"{type(self).__name__}: fit must be called before predict.")
        is_number = isinstance(num_or_images, numbers.Integral)
        number = int(num_or_images) if is_number else len(num_or_images)
        return np.broadcast_to(self.mask, (number, *self.mask.shape)).astype("float32")


class AllBackground(TrivialMask):
    """Finds nothing: zeros, or class 0 everywhere."""

    def choose(self, probability_map):
        return _everywhere(probability_map, 0, binary_value=0)


class AllForeground(TrivialMask):
    """Finds the object everywhere: ones, or the most frequent class other than 0."""

    def choose(self, probability_map):
        shares = probability_map.reshape(-1, probability_map.shape[-1]).mean(axis=0)
        channel = 0 if len(shares) == 1 else 1 + int(shares[1:].argmax())
        return _everywhere(probability_map, channel, binary_value=1)


class MeanMask(TrivialMask):
    """Finds the object where most training masks have it: their mean, cut at the threshold.

    Args:
        threshold: Float; with several classes the most frequent class of each pixel is taken.
    """

    def __init__(self, threshold: float = 0.5):
        self.threshold = threshold

    def choose(self, probability_map):
        self.num_parameters = probability_map.size
        return hard_masks(probability_map[None], self.threshold)[0]


BASELINES = {
    "all_foreground": AllForeground,
    "all_background": AllBackground,
    "mean_mask": MeanMask,
}


def _everywhere(probability_map: np.ndarray, channel: int, binary_value: int) -> np.ndarray:
    mask = np.zeros(probability_map.shape, "uint8")
    mask[..., channel] = binary_value if mask.shape[-1] == 1 else 1
    return mask
