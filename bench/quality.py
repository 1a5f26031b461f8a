"""Measures on the test split what a model is for, and keeps the first images for pictures."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from bench import classifier, metrics, segmentation, tasks, wrong_labels
from bench.cases import Case

NUM_SAMPLES = 8
TEST_BATCH_SIZE = 256


def of_model(case: Case, model, dataset, output: Path) -> dict[str, Any]:
    """Measures what the model is for, on the test split."""
    task = model.task

    def predict(split):
        return model.predict(tasks.inputs(task, split), batch_size=TEST_BATCH_SIZE, verbose=0)

    if task == "segmentation":
        return of_masks(case, dataset, predict, output)
    found = of_images(case, dataset, predict, output)
    if hasattr(model, "classify") and dataset.num_classes:
        found |= tasks.classification(model, dataset.test)
    if task == "conditional":
        reader = classifier.of(dataset, output / "classifiers")
        found |= wrong_labels.measure(model, dataset, reader)
        shown = wrong_labels.shown(model, dataset, reader)
        found["swaps_file"] = keep_arrays(case, output, "swaps", shown)
    return found


def of_images(case: Case, dataset, reconstruct, output: Path) -> dict[str, Any]:
    """Measures reconstruction on the test split and keeps the first images for pictures.

    Args:
        reconstruct: Function from a split to its reconstructions.
    """
    test = dataset.test
    reconstructions = _finite(reconstruct(test))
    summary = metrics.reconstruction_summary(test.target, reconstructions)
    first = slice(NUM_SAMPLES)
    samples = {
        "inputs": test.images[first],
        "targets": test.target[first],
        "reconstructions": np.clip(reconstructions[first], 0, 1),
    }
    return {f"test_{name}": value for name, value in summary.items()} | {
        "samples_file": keep_arrays(case, output, "samples", samples)
    }


def of_masks(case: Case, dataset, predict, output: Path) -> dict[str, Any]:
    """Measures masks on the test split, and keeps the first images with their masks tinted.

    Args:
        predict: Function from a split to the probabilities of its masks.
    """
    test, first = dataset.test, slice(NUM_SAMPLES)
    probabilities = _finite(predict(test))
    tints = {"inputs": np.zeros(test.images.shape[:-1])}
    tints["targets"] = tasks.foreground(test.targets)
    tints["reconstructions"] = tasks.foreground(segmentation.hard_masks(probabilities))
    samples = {name: tasks.overlay(test.images[first], tint[first]) for name, tint in tints.items()}
    return segmentation.summary(test.targets, probabilities) | {
        "samples_file": keep_arrays(case, output, "samples", samples)
    }


def _finite(values) -> np.ndarray:
    values = np.asarray(values, dtype="float32")
    if not np.isfinite(values).all():
        raise FloatingPointError("the predictions hold NaN or infinity; the training diverged")
    return values


def keep_arrays(case: Case, output: Path, folder: str, arrays: dict[str, np.ndarray]) -> str:
    """Writes the arrays as a whole, and returns the file's name in the output folder."""
    name = Path(folder) / f"{case.id}.npz"
    (output / folder).mkdir(exist_ok=True)
    temporary = output / f".{case.id}.{os.getpid()}.npz"
    np.savez_compressed(temporary, **arrays)
    os.replace(temporary, output / name)
    return str(name)


def as_masks(targets: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns masks of 0 and 1, one channel for two classes, else one per class."""
    return targets if num_classes <= 2 else segmentation.one_hot(targets[..., 0], num_classes)
