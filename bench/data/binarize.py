"""Data as published protocols have them: binary images, drawn once or several times."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.data import catalog
from bench.errors import BenchError
from zoo.files import new_file

BINARISATIONS = ("threshold", "bernoulli")


def name_of(dataset: str, prepare: dict[str, Any] | None) -> str:
    """Returns the name that records have for a data set, as it is or prepared."""
    if not prepare:
        return dataset
    kind, draws = prepare["binarise"], prepare.get("draws", 1)
    held_out = prepare["num_validation"]
    return f"{dataset}_{kind}_{draws}x_{held_out}_{prepare.get('seed', 0)}"


def binary(dataset, prepare: dict[str, Any]) -> dict[str, np.ndarray]:
    """Returns the arrays of a data set whose pixels are 0 or 255.

        threshold: x > 0.5;  bernoulli: x ~ Bernoulli(pixel)

    The last images of training and validation together are the validation images. They and the
    test images are drawn once, the training images `draws` times, one after the other.

    Args:
        dataset: With pixels in `[0, 1]`.
        prepare: `binarise`, `num_validation`, and for draws `draws` and `seed`.
    """
    kind = prepare.get("binarise")
    if kind not in BINARISATIONS:
        raise BenchError(
            f"prepare: binarise must be one of {', '.join(BINARISATIONS)}. Received: {kind}."
        )
    images, labels = (
        np.concatenate([getattr(part, field) for part in (dataset.train, dataset.validation)])
        for field in ("images", "labels")
    )
    cut = len(images) - int(prepare["num_validation"])
    draws = int(prepare.get("draws", 1))
    generator = np.random.default_rng(prepare.get("seed", 0))

    def drawn(pixels: np.ndarray) -> np.ndarray:
        if kind == "threshold":
            return (pixels > 0.5).astype("uint8") * 255
        return (generator.random(pixels.shape, dtype="float32") < pixels).astype("uint8") * 255

    validation, test = drawn(images[cut:]), drawn(dataset.test.images)
    train = np.concatenate([drawn(images[:cut]) for _ in range(draws)])
    return {
        "x_train": train,
        "y_train": np.tile(labels[:cut], draws),
        "x_validation": validation,
        "y_validation": labels[cut:],
        "x_test": test,
        "y_test": dataset.test.labels,
    }


def write(dataset: str, prepare: dict[str, Any] | None, folder: Path) -> str:
    """Returns what `bench run` takes as data set, writing `<folder>/<name>.npz` where missing.

    Raises:
        BenchError: if the data are missing, or the file cannot be written.
    """
    if not prepare:
        return dataset
    path = folder / f"{name_of(dataset, prepare)}.npz"
    if not path.is_file():
        arrays = binary(catalog.load(dataset), prepare)
        try:
            with new_file(path) as temporary:
                np.savez_compressed(temporary, **arrays)
        except OSError as error:
            raise BenchError(f"cannot write {path}: {error.strerror}.") from error
    return str(path)


def is_local(dataset: str) -> bool:
    """Tells whether the files of a named data set are on this machine."""
    return any(entry["name"] == dataset and entry["is_local"] for entry in catalog.describe())
