"""Scores of masks by image and by class, and what they come to: for records, tables and pages."""

import dataclasses
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.metrics import objects

REDUCTIONS = ("image", "dataset")


class Confusion(typing.NamedTuple):
    """Holds counts of pixels, each int64 `(images, classes)`."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray
    true_negatives: np.ndarray


@dataclasses.dataclass(frozen=True)
class MaskScores:
    """Scores of each image and class, void pixels left out.

    Attributes:
        pixels: Counts of pixels.
        boundary_f1, surface_dice: `(images, classes)` in `[0, 1]`, higher is better.
        hausdorff_95: `(images, classes)` in pixels, lower is better.
        objects: int64 `(images, classes, 3)`, numbers found, missed and invented; 0 for the
            background of several classes.
        num_right, num_pixels: int64 `(images,)`, pixels whose class is right, and all.
    """

    pixels: Confusion
    boundary_f1: np.ndarray
    surface_dice: np.ndarray
    hausdorff_95: np.ndarray
    objects: np.ndarray
    num_right: np.ndarray
    num_pixels: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["MaskScores"]) -> "MaskScores":
        """Returns the scores of the images of all parts, one after the other."""
        pixels = Confusion(*map(np.concatenate, zip(*(p.pixels for p in parts), strict=True)))
        names = [field.name for field in dataclasses.fields(cls)][1:]
        return cls(pixels, *(np.concatenate([getattr(p, name) for p in parts]) for name in names))

    @property
    def iou(self) -> np.ndarray:
        """IoU of each image and class, `(images, classes)`; 1.0 where both are empty."""
        return iou_of(self.pixels)

    def summary(self) -> dict[str, float | list[float]]:
        """Returns the fields of a record; see `segmentation.summary`."""
        by_image, by_dataset = (reduced(self.pixels, reduction) for reduction in REDUCTIONS)
        iou_per_class = iou_of(by_dataset)[0]
        found, missed, invented = (int(n) for n in self.objects.sum(axis=(0, 1)))
        num_pixels = int(self.num_pixels.sum())
        return {
            "test_dice_image": float(dice_of(by_image).mean()),
            "test_dice_dataset": float(dice_of(by_dataset).mean()),
            "test_iou_image": float(iou_of(by_image).mean()),
            "test_iou_dataset": float(iou_per_class.mean()),
            "test_iou_per_class": [float(value) for value in iou_per_class],
            "test_boundary_f1": float(self.boundary_f1.mean()),
            "test_surface_dice": float(self.surface_dice.mean()),
            "test_hausdorff_95": float(self.hausdorff_95.mean()),
            "test_objects_f1": objects.Counts(found, missed, invented).f1,
            "test_objects_found": found,
            "test_objects_missed": missed,
            "test_objects_invented": invented,
            "test_pixel_accuracy": float(self.num_right.sum() / num_pixels) if num_pixels else 1.0,
        }

    def per_class(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Returns the scores of each class by its name, for a record.

        Args:
            names: Of the classes that are scored.

        Returns:
            Of each class `iou`, `dice` (all pixels together), `boundary_f1`, `surface_dice`,
            `hausdorff_95` (means over images), `objects` (found, missed, invented), and `images`,
            the number of images whose mask has the class.
        """
        whole = reduced(self.pixels, "dataset")
        in_mask = self.pixels.true_positives + self.pixels.false_negatives
        return {
            str(name): {
                "iou": _short(iou_of(whole)[0, number]),
                "dice": _short(dice_of(whole)[0, number]),
                "boundary_f1": _short(self.boundary_f1[:, number].mean()),
                "surface_dice": _short(self.surface_dice[:, number].mean()),
                "hausdorff_95": _short(self.hausdorff_95[:, number].mean()),
                "objects": self.objects[:, number].sum(axis=0).tolist(),
                "images": int((in_mask[:, number] > 0).sum()),
            }
            for number, name in enumerate(names)
        }

    def per_image(self) -> dict[str, np.ndarray]:
        """Returns the scores of each image, float32 `(images, classes)`, for a file of arrays.

        `iou`, `dice`, `boundary_f1`, `surface_dice`, `hausdorff_95`, and `objects`, int32
        `(images, classes, 3)`.
        """
        scores = {
            "iou": self.iou,
            "dice": dice_of(self.pixels),
            "boundary_f1": self.boundary_f1,
            "surface_dice": self.surface_dice,
            "hausdorff_95": self.hausdorff_95,
        }
        arrays = {name: values.astype("float32") for name, values in scores.items()}
        return arrays | {"objects": self.objects.astype("int32")}


def reduced(counts: Confusion, reduction: str) -> Confusion:
    """Returns the counts as they are, or summed to one row for the data set."""
    if reduction not in REDUCTIONS:
        raise BenchError(
            f"segmentation: reduction must be one of 'image', 'dataset'. Received: {reduction!r}."
        )
    if reduction == "image":
        return counts
    return Confusion(*(count.sum(axis=0, keepdims=True) for count in counts))


def dice_of(counts: Confusion) -> np.ndarray:
    """Computes `2 TP / (2 TP + FP + FN)`, 1.0 where both are empty."""
    twice = 2 * counts.true_positives
    return _share(twice, twice + counts.false_positives + counts.false_negatives)


def iou_of(counts: Confusion) -> np.ndarray:
    """Computes `TP / (TP + FP + FN)`, 1.0 where both are empty."""
    hits = counts.true_positives
    return _share(hits, hits + counts.false_positives + counts.false_negatives)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Computes `part / whole`, 1.0 where both are 0."""
    return np.where(whole == 0, 1.0, part / np.maximum(whole, 1))


def _short(value: float) -> float:
    return float(f"{value:.5g}")
